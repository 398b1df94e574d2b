"""File formats by suffix: which files are photos, which are rasters and which are layers of polygons."""

JPEG_SUFFIXES = (".jpg", ".jpeg")
TIFF_SUFFIXES = (".tif", ".tiff")
PHOTO_SUFFIXES = (".png", *JPEG_SUFFIXES, ".bmp", ".webp")
IMAGE_SUFFIXES = (*PHOTO_SUFFIXES, *TIFF_SUFFIXES)
"""Images and masks of a data set."""
RASTER_SUFFIXES: tuple[str, ...] = (*TIFF_SUFFIXES, ".jp2")
VIRTUAL = ".vrt"
"""Read only where it is named itself, because it stands for other files."""
LAYER_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".parquet", ".fgb")
