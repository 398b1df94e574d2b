"""A raster seen small: few enough pixels to look at before anything is computed, however large the raster is.

A small raster is read whole. Of a larger one, the overviews are read where it has some, else a lattice of windows from
edge to edge, put together to one picture. So the first and last rows and columns are always among what is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.pixels.rasters.gdal import TROUBLE
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from terrazzo.pixels.rasters.validity import valid_by_masks

SEEN_PIXELS = 1 << 20
"""Pixels of a raster that is read whole."""
_SIDE = 512  # of what is seen of a larger one
_WINDOWS = 8  # along each side, where there are no overviews
_ROW_BYTES = 1 << 25


@dataclass(frozen=True, eq=False)
class Sample:
    """What is seen of a raster: stored values (C, h, w), and which pixels (h, w) are valid."""

    stored: NDArray[Any]
    valid: NDArray[np.bool_]


def sample(raster: Raster, bands: Sequence[int]) -> Sample | None:
    """Bands (from 1) of a raster seen small; None if what is looked at cannot be read.

    Law: at most `SEEN_PIXELS` pixels are returned, and at most 64 windows or one overview are read.
    """
    read = [1] if raster.palette is not None else list(bands)
    try:
        with raster.open() as dataset:
            parts = [[_read(raster, read, dataset, *place) for place in row] for row in _places(raster, dataset)]
    except TROUBLE:
        return None  # whoever reads that place says so
    stored = np.concatenate([np.concatenate([part.stored for part in row], axis=2) for row in parts], axis=1)
    return Sample(stored, np.concatenate([np.concatenate([part.valid for part in row], axis=1) for row in parts]))


def has_valid_pixel(raster: Raster, choice: Choice, seen: Sample | None) -> bool:
    """Whether any pixel of a raster is valid, of which `seen` is a sample.

    If the sample has none, the raster is read up to the first one. Raises ImageError at a damaged place.
    """
    if not raster.masked or (seen is not None and seen.valid.any()):
        return True
    values = raster.width * len(choice.bands) * np.dtype(raster.dtype).itemsize
    rows = max(1, _ROW_BYTES // values)
    with open_pixels(raster, choice) as source:
        return any(
            source.valid(row, 0, min(rows, raster.height - row), raster.width).any()
            for row in range(0, raster.height, rows)
        )


def _places(raster: Raster, dataset: Any) -> list[list[tuple[Window, tuple[int, int]]]]:
    """The windows to read, by rows, and the size in which each is read."""
    height, width = raster.height, raster.width
    whole = Window(0, 0, width, height)
    if height * width <= SEEN_PIXELS:
        return [[(whole, (height, width))]]
    if dataset.overviews(1):
        factor = max(height, width) / _SIDE
        return [[(whole, (max(1, round(height / factor)), max(1, round(width / factor))))]]
    size = _SIDE // _WINDOWS
    return [[(Window(col, row, w, h), (h, w)) for col, w in _along(width, size)] for row, h in _along(height, size)]


def _along(length: int, size: int) -> list[tuple[int, int]]:
    """(start, length) of the windows along an axis: all of a short one, else `_WINDOWS` from its start to its end."""
    if length <= _WINDOWS * size:
        return [(0, length)]
    return [(round(start), size) for start in np.linspace(0, length - size, _WINDOWS).tolist()]


def _read(raster: Raster, bands: list[int], dataset: Any, window: Window, shape: tuple[int, int]) -> Sample:
    stored = dataset.read(bands, window=window, out_shape=(len(bands), *shape))
    valid = valid_by_masks(raster, bands, dataset, window, stored)
    if stored.dtype.kind == "f":
        valid &= np.isfinite(stored).all(axis=0)
    return Sample(stored, valid)
