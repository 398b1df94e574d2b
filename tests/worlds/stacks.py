"""A photo in colour with a height model of half its resolution, and stacks of such files."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.stacks.spec import StackPath, stack_spec
from terrazzo.pixels.rasters.stacks.stack import read_image
from tests.worlds.rasters import noise, write_raster

COARSE = Affine(1, 0, 500_000, 0, -1, 4_000_000)
"""The place of `GRID`, with pixels of 1 m instead of 0.5 m."""


def write_ortho(path: Path, height: int = 60, width: int = 80, seed: int = 0) -> Path:
    return write_raster(path, noise(3, height, width, seed=seed), photometric="RGB")


def write_plane(
    path: Path, height: int = 30, width: int = 40, transform: Affine = COARSE, crs: str = "EPSG:32618"
) -> Path:
    """Heights that rise by 1 m a metre to the east and fall by 2 m a metre to the south, from 100 m at the corner."""
    rows, cols = np.indices((height, width)) + 0.5
    x, y = transform.a * cols + transform.c - 500_000, transform.e * rows + transform.f - 4_000_000
    return write_raster(path, (100 + x + 2 * y)[None].astype(np.float32), transform=transform, crs=crs)


def write_labels(path: Path, height: int = 64, width: int = 64) -> Path:
    """Ids of three classes on `GRID`, with their names."""
    write_raster(path, noise(1, height, width) % 3)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(CLASS_0="Building", CLASS_1="Road", CLASS_2="Water")
    return path


def stack_path(words: str) -> StackPath:
    spec = stack_spec(words)
    assert spec is not None
    return spec.one


def read_words(words: str) -> Raster:
    """The raster that a word of several files names."""
    return read_image(stack_path(words))
