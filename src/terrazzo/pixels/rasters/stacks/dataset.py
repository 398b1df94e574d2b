"""The open files of a stack as one dataset: the few methods of rasterio's that reading needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.gdal import TROUBLE, remedy
from terrazzo.system.reporting import first_line

Shape = Sequence[int] | None


@dataclass(frozen=True, eq=False)
class OpenPart:
    """An open file of a stack, on the grid of the stack."""

    path: Any
    dataset: Any
    bands: tuple[int, ...]
    """The numbers, in the file, of the bands that it adds to the stack."""
    alpha: int | None
    """The band that says where a warped file has pixels."""
    masked: bool
    palette: NDArray[np.uint8] | None
    """The colours (256, 3) of a file whose colour table is read as red, green and blue."""

    @property
    def nodatavals(self) -> tuple[float | None, ...]:
        """The value of each of its bands that is no data; None where a mask alone says so.

        A 0 of unsigned bands is left to the mask, because one band alone may hold it as a dark pixel.
        """
        if self.palette is not None or self.alpha is not None:
            return (None,) * len(self.bands)
        found = [(self.dataset.nodatavals[band - 1], self.dataset.dtypes[band - 1]) for band in self.bands]
        return tuple(None if value == 0 and np.dtype(dtype).kind == "u" else value for value, dtype in found)

    def read_into(self, out: NDArray[Any], places: Sequence[int], window: Window) -> None:
        """Fill `out` (C, h, w) with the bands at these places (from 0) among those of this part."""
        if self.palette is not None:
            index = self.dataset.read(1, window=window, out_shape=out.shape[1:])
            out[:] = np.moveaxis(self.palette[index][..., list(places)], 2, 0)
        else:
            self.dataset.read([self.bands[place] for place in places], window=window, out=out)

    def valid(self, window: Window, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which pixels (h, w) the file has a value for: by its alpha, mask or nodata, and any band that is finite."""
        # rasterio's own mask passes over an alpha band of a warped file that is not of 8 bits.
        if self.alpha is not None:
            valid = self.dataset.read(self.alpha, window=window, out_shape=shape) > 0
        elif self.masked:
            valid = self.dataset.dataset_mask(window=window, out_shape=shape) > 0
        else:
            valid = np.ones(shape, bool)
        if any(np.dtype(self.dataset.dtypes[band - 1]).kind == "f" for band in self.bands):
            stored = self.dataset.read(list(self.bands), window=window, out_shape=(len(self.bands), *shape))
            valid &= np.isfinite(stored).any(axis=0)
        return np.asarray(valid, bool)


class StackDataset:
    """The bands of all parts, numbered from 1, in one type and on one grid."""

    def __init__(self, parts: Sequence[OpenPart], size: tuple[int, int], dtype: str) -> None:
        self._parts, self._size, self._dtype = parts, size, np.dtype(dtype)
        self._places = [(part, place) for part in parts for place in range(len(part.bands))]

    @property
    def count(self) -> int:
        """The number of bands."""
        return len(self._places)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The type of every band."""
        return (self._dtype.name,) * self.count

    @property
    def nodatavals(self) -> tuple[float | None, ...]:
        """The value of every band that is no data."""
        return tuple(value for part in self._parts for value in part.nodatavals)

    def overviews(self, index: int) -> list[int]:
        """None: parts may have different ones, and warped ones have none on this grid."""
        return []

    def read(
        self, indexes: int | Sequence[int] | None = None, *, window: Window | None = None, out_shape: Shape = None
    ) -> NDArray[Any]:
        """The values (C, h, w) of bands in a window; (h, w) of a single band. Raises ImageError naming the file."""
        single = isinstance(indexes, int)
        bands = [indexes] if isinstance(indexes, int) else list(indexes or range(1, self.count + 1))
        window, shape = self._asked(window, out_shape)
        out = np.empty((len(bands), *shape), self._dtype)
        done = 0
        for _, group in groupby((self._places[band - 1] for band in bands), key=lambda place: id(place[0])):
            wanted = list(group)
            part = wanted[0][0]
            try:
                part.read_into(out[done : done + len(wanted)], [place for _, place in wanted], window)
            except TROUBLE as error:
                raise _damaged(part.path, window, error) from error
            done += len(wanted)
        return out[0] if single else out

    def dataset_mask(self, *, window: Window | None = None, out_shape: Shape = None) -> NDArray[np.uint8]:
        """255 (h, w) where every part has a value, else 0. Raises ImageError naming the file."""
        window, shape = self._asked(window, out_shape)
        valid = np.ones(shape, bool)
        for part in self._parts:
            try:
                valid &= part.valid(window, shape)
            except TROUBLE as error:
                raise _damaged(part.path, window, error) from error
        return valid.astype(np.uint8) * np.uint8(255)

    def _asked(self, window: Window | None, out_shape: Shape) -> tuple[Window, tuple[int, int]]:
        window = Window(0, 0, self._size[1], self._size[0]) if window is None else window
        height, width = (window.height, window.width) if out_shape is None else tuple(out_shape)[-2:]
        return window, (int(height), int(width))


def _damaged(path: Any, window: Window, error: Exception) -> ImageError:
    rows = f"rows {window.row_off} to {window.row_off + window.height - 1}"
    columns = f"columns {window.col_off} to {window.col_off + window.width - 1}"
    said = first_line(error.__cause__ or error)
    return ImageError(f"{path}: {rows}, {columns} of the stack cannot be read ({said}); {remedy(path)}")
