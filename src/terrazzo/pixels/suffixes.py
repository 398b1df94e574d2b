"""File formats by suffix: which files are photos, which are rasters and which are layers of polygons."""

JPEG_SUFFIXES = (".jpg", ".jpeg")
TIFF_SUFFIXES = (".tif", ".tiff")
PHOTO_SUFFIXES = (".png", *JPEG_SUFFIXES, ".bmp", ".webp")
IMAGE_SUFFIXES = (*PHOTO_SUFFIXES, *TIFF_SUFFIXES)
"""Images and masks of a data set."""
REMOTE_SUFFIXES: tuple[str, ...] = (*TIFF_SUFFIXES, ".jp2")
"""Rasters whose parts can be read from a server without any other file."""
RASTER_SUFFIXES: tuple[str, ...] = (*REMOTE_SUFFIXES, ".img", ".ntf", ".nitf")
"""Rasters, in folders too."""
VIRTUAL = ".vrt"
"""Read only where it is named itself, because it stands for other files."""
NAMED_SUFFIXES: tuple[str, ...] = (VIRTUAL, ".bil", ".bip", ".bsq", ".gpkg", ".mbtiles", ".nc")
"""Rasters only where they are named themselves: in a folder they may be something else."""
LAYER_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".parquet", ".fgb")
