"""The pixels of rasters, read window by window, with which of them are valid.

A pixel is invalid by rasterio's dataset mask: by the alpha band, by an internal or external mask, or by nodata in all
bands (`validity`). It is also invalid if no chosen band has a number, that is, if all are NaN, infinite or nodata.

Eight-bit pixels are always numbers. Deeper ones are missing (`bands.depth`) where they are invalid, not finite, or the
nodata of their band. So one band may be missing where the others are valid. Where 0 is nodata, it is missing only in
all bands together, because a 0 in one of them may be a dark pixel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.errors import ImageError
from terrazzo.pixels.bands.depth import EIGHT_BITS, Pixels, with_missing
from terrazzo.pixels.bands.reading import Pair, Pairs
from terrazzo.pixels.rasters.gdal import TROUBLE, remedy
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.validity import valid_by_masks
from terrazzo.system.reporting import first_line


@dataclass(frozen=True)
class Choice:
    """The bands (from 1) to read, as which pixel type, and what stored values become.

    Law: without a scale, values of a deeper type are those that are stored.
    """

    bands: tuple[int, ...]
    scale: Pair | Pairs | None = None
    """The stored values, of all bands or of each, that become those of `onto`; None: as stored."""
    dtype: str = EIGHT_BITS
    onto: tuple[Pair, ...] | None = None
    """Two values of each band; None: 0 and 255."""

    @property
    def identity(self) -> str:
        """What distinguishes it from another choice; of 8 bits, as versions wrote it that knew no other."""
        words = f"Choice(bands={self.bands!r}, scale={self.scale!r})"
        return words if self.dtype == EIGHT_BITS else f"{words} as {self.dtype} onto {self.onto!r}"


class RasterPixels:
    """The chosen bands of an open raster, read window by window in one thread at a time. `open_pixels` makes one."""

    def __init__(self, raster: Raster, choice: Choice, dataset: Any) -> None:
        self._raster, self._choice, self._dataset = raster, choice, dataset

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Pixels, NDArray[np.bool_]]:
        """Pixels (height, width, C) of the choice's type from (row, col) on, and which are valid (height, width).

        In memory they lie band by band, as they are read. Raises ImageError, naming the rows and columns, if the file
        is damaged there.
        """
        window = Window(col, row, width, height)
        raster, choice, bands = self._raster, self._choice, list(self._choice.bands)
        try:
            stored = self._dataset.read([1] if raster.palette is not None else bands, window=window)
            valid = valid_by_masks(raster, bands, self._dataset, window, stored)
        except TROUBLE as error:
            raise ImageError(
                f"{raster.path}: rows {row} to {row + height - 1}, columns {col} to {col + width - 1} cannot be read "
                f"({first_line(error.__cause__ or error)}); {remedy(raster.path)}"
            ) from error
        if raster.palette is not None:
            stored = np.moveaxis(raster.palette[stored[0]][..., np.array(bands) - 1], 2, 0)
        if choice.dtype == EIGHT_BITS:
            if stored.dtype.kind == "f":
                valid &= np.isfinite(stored).any(axis=0)
            return _as_uint8(stored, choice.scale).transpose(1, 2, 0), valid
        missing = self._missing(stored)
        valid &= ~missing.all(axis=0)
        missing |= ~valid
        return with_missing(_converted(stored, choice), missing, choice.dtype).transpose(1, 2, 0), valid

    def valid(self, row: int, col: int, height: int, width: int) -> NDArray[np.bool_]:
        """Which pixels from (row, col) on are valid (height, width)."""
        return self.read(row, col, height, width)[1] if self._raster.masked else np.ones((height, width), bool)

    def _missing(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Which values of the chosen bands (C, h, w) are no numbers, or nodata of their band."""
        missing: NDArray[np.bool_] = ~np.isfinite(stored) if stored.dtype.kind == "f" else np.zeros(stored.shape, bool)
        known = getattr(self._dataset, "nodatavals", None)  # what is made of several files tells by its mask alone
        if self._raster.palette is not None or known is None:
            return missing
        for band, values, mask in zip(self._choice.bands, stored, missing, strict=True):
            for nodata in (known[band - 1], self._raster.ignored):
                if nodata:  # neither None nor 0
                    with np.errstate(over="ignore"):  # a nodata value beyond the type, which no pixel has
                        mask |= values == nodata
        return missing


@contextmanager
def open_pixels(raster: Raster, choice: Choice) -> Iterator[RasterPixels]:
    """The raster, open for reading while the block runs."""
    with raster.open() as dataset:
        yield RasterPixels(raster, choice, dataset)


def _as_uint8(stored: NDArray[Any], scale: Pair | Pairs | None) -> NDArray[np.uint8]:
    """Stored values (C, h, w) as 0..255: linear between the two of `scale` and clipped beyond; NaN is 0."""
    if scale is None:
        return np.asarray(stored, np.uint8)
    low, high = np.moveaxis(np.broadcast_to(np.array(scale, np.float64), (len(stored), 2)), 1, 0)[..., None, None]
    exact = np.float32 if stored.dtype.itemsize <= 2 or stored.dtype == np.float32 else np.float64
    values = stored.astype(exact)
    if stored.dtype.kind == "f":
        values = np.where(np.isnan(values), low.astype(exact), values)
    scaled = (values - low.astype(exact)) * (255 / (high - low)).astype(exact)
    pixels: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return pixels


def _converted(stored: NDArray[Any], choice: Choice) -> NDArray[Any]:
    """Stored values (C, h, w), with the two of each band's scale brought onto those of `onto`, in float64."""
    if choice.scale is None or choice.onto is None:
        return stored
    values = stored.astype(np.float64)
    for band, pair, (to_low, to_high) in zip(values, cast(Pairs, choice.scale), choice.onto, strict=True):
        if pair is not None:
            low, high = pair
            band -= low
            band *= (to_high - to_low) / (high - low)
            band += to_low
    return values
