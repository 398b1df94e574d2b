"""Several rasters read as one: `rgb=ortho.tif,dsm=height.tif`, on the grid of the first."""
