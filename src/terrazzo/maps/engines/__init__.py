"""Who computes the pieces of a raster: this process, or the workers of a Dask cluster."""
