"""Scenes: images with labels, found in data sets or opened from rasters, and synthetic ones."""
