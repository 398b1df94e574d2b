"""Polygons of a class raster: found by strips, joined across them, simplified without gaps, written as a layer."""
