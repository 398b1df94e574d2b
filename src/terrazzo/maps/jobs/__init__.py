"""A raster checked against a model: options, memory, resolution, and what its map is made of."""
