"""Small GeoTIFFs."""

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

GRID = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)


def write_raster(path: Path, bands: NDArray[np.generic], **profile: object) -> Path:
    """Bands (C, H, W) as a GeoTIFF."""
    count, height, width = bands.shape
    options = {"driver": "GTiff", "crs": "EPSG:32618", "transform": GRID, "dtype": bands.dtype, **profile}
    colors, mask = options.pop("colors", None), options.pop("mask", None)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", height=height, width=width, count=count, **options) as dataset,
    ):
        if colors is not None:
            dataset.colorinterp = colors
        dataset.write(bands)
        if mask is not None:
            dataset.write_mask(mask)
    return path


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 255, shape, np.uint8)
