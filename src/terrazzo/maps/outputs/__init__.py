"""The files of a raster's map: COGs, polygons, areas, style, record."""
