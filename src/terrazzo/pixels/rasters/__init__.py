"""Georeferenced rasters, read window by window: on disk, on web servers, and virtual ones."""
