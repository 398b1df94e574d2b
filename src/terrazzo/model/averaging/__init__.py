"""Means: of a window's mirror images and sizes, of several models, and of several models' weights."""
