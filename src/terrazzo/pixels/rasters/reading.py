"""The pixels of rasters, read window by window, with which of them are valid.

A pixel is invalid by rasterio's dataset mask: by the alpha band, by an internal or external mask, or by nodata in all
bands. It is also invalid if all chosen bands are NaN.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.gdal import TROUBLE, remedy
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.system.reporting import first_line


@dataclass(frozen=True)
class Choice:
    """The bands (from 1) to read, and the stored values that become 0 and 255; None if they are 8-bit."""

    bands: tuple[int, ...]
    scale: tuple[float, float] | None = None


class RasterPixels:
    """The chosen bands of an open raster, read window by window in one thread at a time. `open_pixels` makes one."""

    def __init__(self, raster: Raster, choice: Choice, dataset: Any) -> None:
        self._raster, self._choice, self._dataset = raster, choice, dataset

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Pixels (height, width, C) from (row, col) on, and which of them are valid (height, width).

        In memory they lie band by band, as they are read. Raises ImageError, naming the rows and columns, if the file
        is damaged there.
        """
        window = Window(col, row, width, height)
        raster, bands = self._raster, list(self._choice.bands)
        try:
            stored = self._dataset.read([1] if raster.palette is not None else bands, window=window)
            valid = self._dataset.dataset_mask(window=window) > 0 if raster.masked else np.ones(stored.shape[1:], bool)
        except TROUBLE as error:
            raise ImageError(
                f"{raster.path}: rows {row} to {row + height - 1}, columns {col} to {col + width - 1} cannot be read "
                f"({first_line(error.__cause__ or error)}); {remedy(raster.path)}"
            ) from error
        if raster.palette is not None:
            stored = np.moveaxis(raster.palette[stored[0]][..., np.array(bands) - 1], 2, 0)
        if stored.dtype.kind == "f":
            valid &= ~np.isnan(stored).all(axis=0)
        return _as_uint8(stored, self._choice.scale).transpose(1, 2, 0), valid

    def valid(self, row: int, col: int, height: int, width: int) -> NDArray[np.bool_]:
        """Which pixels from (row, col) on are valid (height, width)."""
        return self.read(row, col, height, width)[1] if self._raster.masked else np.ones((height, width), bool)


@contextmanager
def open_pixels(raster: Raster, choice: Choice) -> Iterator[RasterPixels]:
    """The raster, open for reading while the block runs."""
    with raster.open() as dataset:
        yield RasterPixels(raster, choice, dataset)


def _as_uint8(stored: NDArray[Any], scale: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Stored values (C, h, w) as 0..255: linear between the two of `scale` and clipped beyond; NaN is 0."""
    if scale is None:
        return np.asarray(stored, np.uint8)
    low, high = scale
    exact = np.float32 if stored.dtype.itemsize <= 2 or stored.dtype == np.float32 else np.float64
    scaled = (np.nan_to_num(stored.astype(exact), nan=low) - exact(low)) * exact(255 / (high - low))
    pixels: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return pixels
