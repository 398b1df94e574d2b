"""Which files are photos and which are rasters, by their suffix."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


PICTURE_NAMES = tuple(suffix.removeprefix(".") for suffix in SUFFIXES)


RASTER_SUFFIXES = (".tif", ".tiff", ".jp2")


VIRTUAL = ".vrt"  # read only where it is named itself: it stands for other files
