"""Rasters with labels: polygons with a class field, or label rasters, as class ids on the image's own grid."""
