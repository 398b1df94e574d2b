"""Scenes of more than 8 bits: reflectances as of Sentinel-2, heights, radar; each with the classes of its pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from tests.worlds.rasters import write_raster

SENTINEL = ("B02", "B03", "B04", "B08", "B11", "B12")
CLASSES = ("Water", "Meadow", "Town")
REFLECTANCES = np.array(
    [[700, 600, 400, 200, 100, 80], [400, 700, 400, 3600, 1800, 900], [1600, 1700, 1900, 2300, 2800, 2600]]
)
"""Of each class (row) in each band (column): the network can tell the classes apart by either alone."""


@dataclass(frozen=True)
class DeepScene:
    """A raster, a label raster, and what both hold."""

    raster: Path
    labels: Path
    pixels: NDArray[np.generic]
    """(C, H, W) as stored."""
    ids: NDArray[np.uint8]
    """(H, W) of every pixel, whether the raster is valid there or not."""


def fields(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """The classes of fields of 16 px."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, len(CLASSES), (-(-height // 16), -(-width // 16)), np.uint8)
    return np.kron(ids, np.ones((16, 16), np.uint8))[:height, :width]


def write_labels(path: Path, ids: NDArray[np.uint8]) -> Path:
    """A label raster with the names of the classes, as `predict` writes classes.tif."""
    write_raster(path, ids[None], nodata=255)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(CLASS_NAMES=",".join(CLASSES), **{f"CLASS_{i}": name for i, name in enumerate(CLASSES)})
        dataset.write_colormap(1, {0: (0, 0, 200, 255), 1: (0, 150, 0, 255), 2: (200, 0, 0, 255)})
    return path


def name_bands(path: Path, names: tuple[str, ...]) -> Path:
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = names
    return path


def sentinel_scene(folder: Path, height: int = 160, width: int = 208, seed: int = 0) -> DeepScene:
    """Six bands of uint16 reflectances between 1 and 10000, nodata 0 in a corner of 24 x 40 px."""
    ids = fields(height, width, seed)
    rng = np.random.default_rng(seed + 1)
    light = rng.normal(1, 0.08, (height, width))[..., None] * REFLECTANCES[ids]
    pixels = (light + rng.normal(0, 40, light.shape)).clip(1, 10000).round().astype(np.uint16).transpose(2, 0, 1)
    pixels[:, :24, :40] = 0
    raster = write_raster(folder / "sentinel.tif", pixels, nodata=0, photometric="minisblack")
    labels = write_labels(folder / "classes.tif", ids)
    return DeepScene(name_bands(raster, SENTINEL), labels, pixels, ids)


HEIGHTS = ("dsm", "intensity")
_HEIGHTS = np.array([[512.0, -14.0], [513.0, -7.0], [519.0, -9.0]])


def height_scene(folder: Path, dtype: str, height: int = 160, width: int = 208) -> DeepScene:
    """Heights above the sea and radar in dB: float32 with NaN, or int16 (decimetres, tenths of dB) with -9999.

    A corner of 24 x 40 px is missing in both bands; 8 x 8 px from (60, 60) in the heights alone.
    """
    ids = fields(height, width, seed=3)
    rng = np.random.default_rng(4)
    values = _HEIGHTS[ids] + rng.normal(0, 0.5, (height, width, 2))
    whole = dtype == "int16"
    pixels = (values * 10).round().astype(np.int16) if whole else values.astype(np.float32)
    missing = np.array(-9999 if whole else np.nan, dtype)
    pixels[:24, :40] = missing
    pixels[60:68, 60:68, 0] = missing
    bands = pixels.transpose(2, 0, 1)
    raster = write_raster(folder / "heights.tif", bands, photometric="minisblack", nodata=-9999 if whole else None)
    return DeepScene(name_bands(raster, HEIGHTS), write_labels(folder / "classes.tif", ids), bands, ids)
