"""The grid on which a network sees a raster, if it is not the raster's own, and the way back.

Windows are laid on the working grid. `WorkingPixels` reads it from the raster. `on_input` writes the result back on the
raster's grid: each pixel takes the values of the working pixel at its centre. Ids cannot be interpolated, so nothing
is. The raster alone decides which pixels are valid.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.maps.pieces.lattice import Cell
from terrazzo.maps.pieces.resampling import ScaledAxis, weighted_means
from terrazzo.maps.pieces.sums import NODATA, Layers, Part
from terrazzo.maps.pieces.window_reader import PixelSource
from terrazzo.pixels.bands.depth import Pixels

SOURCE_PIXELS = 1 << 20
"""About how many pixels of the raster are read together to make working pixels."""
PART_ROWS, PART_COLS = 512, 4096
"""The most rows and columns, of either grid, that are written back together."""

ReadValid = Callable[[int, int, int, int], NDArray[np.bool_]]
"""Which pixels of the raster are valid (height, width), from (row, col)."""


@dataclass(frozen=True)
class WorkingGrid:
    """A raster of `rows.length` x `cols.length` pixels seen as `rows.seen` x `cols.seen`.

    Law: a working pixel is valid if any pixel under it is, and the working pixel at a pixel's centre lies over that
    pixel. So every valid pixel gets a class.
    """

    rows: ScaledAxis
    cols: ScaledAxis

    @property
    def is_input(self) -> bool:
        """Whether it is the raster's own grid."""
        return all(axis.length == axis.seen for axis in (self.rows, self.cols))

    @property
    def seen(self) -> tuple[int, int]:
        """Its (height, width)."""
        return self.rows.seen, self.cols.seen

    def source(self, source: PixelSource) -> PixelSource:
        """The raster's pixels as those of this grid."""
        return source if self.is_input else WorkingPixels(source, self)

    def n_pixels(self, rows: tuple[int, int], cols: tuple[int, int]) -> int:
        """How many pixels of the raster the working rows and columns (from, to) cover."""
        (top, bottom), (left, right) = self.rows.covered(*rows), self.cols.covered(*cols)
        return (bottom - top) * (right - left)


@dataclass(frozen=True)
class WorkingPixels:
    """The pixels of a working grid, made from the raster's.

    Law: a pixel does not depend on the rectangle in which it is read.
    """

    raster: PixelSource
    grid: WorkingGrid

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Pixels, NDArray[np.bool_]]:
        """Pixels (height, width, C) from (row, col), and which are valid (height, width)."""
        rows, cols = self.grid.rows, self.grid.cols
        depth = _depth(rows) * _depth(cols)
        wide = min(width, max(1, SOURCE_PIXELS // depth))
        high = min(height, max(1, SOURCE_PIXELS // (wide * depth)))
        parts = [
            [
                self._means(top, left, min(high, row + height - top), min(wide, col + width - left))
                for left in range(col, col + width, wide)
            ]
            for top in range(row, row + height, high)
        ]
        pixels = np.concatenate([np.concatenate([pixels for pixels, _ in line], axis=1) for line in parts])
        return pixels, np.block([[valid for _, valid in line] for line in parts])

    def _means(self, row: int, col: int, height: int, width: int) -> tuple[Pixels, NDArray[np.bool_]]:
        rows, cols = self.grid.rows, self.grid.cols
        top, bottom = rows.sources(row, row + height)
        left, right = cols.sources(col, col + width)
        pixels, valid = self.raster.read(top, left, bottom - top, right - left)
        along_rows, along_cols = (rows.taps(row, row + height), top), (cols.taps(col, col + width), left)
        return weighted_means(pixels, valid, along_rows, along_cols)


def on_input(cells: Iterable[tuple[Cell, Layers]], grid: WorkingGrid, read_valid: ReadValid) -> Iterator[Part]:
    """The cells of a working grid as parts of the raster's own, in bounded memory; invalid pixels are nodata.

    Law: the parts of all cells cover the raster without overlap.
    """
    for cell, layers in cells:
        if grid.is_input:
            yield Part(cell.rows.start, cell.cols.start, layers)
            continue
        top, bottom = grid.rows.covered(cell.rows.start, cell.rows.stop)
        left, right = grid.cols.covered(cell.cols.start, cell.cols.stop)
        high, wide = _together(grid.rows, PART_ROWS), _together(grid.cols, PART_COLS)
        for row in range(top, bottom, high):
            at_rows = grid.rows.at(row, min(row + high, bottom)) - cell.rows.start
            for col in range(left, right, wide):
                at_cols = grid.cols.at(col, min(col + wide, right)) - cell.cols.start
                invalid = ~read_valid(row, col, len(at_rows), len(at_cols))
                found = {name: layer[:, at_rows[:, None], at_cols] for name, layer in layers.items()}
                for layer in found.values():
                    layer[:, invalid] = NODATA
                yield Part(row, col, found)


def _depth(axis: ScaledAxis) -> int:
    """About how many source pixels one working pixel is the mean of; at least 1."""
    return -(-axis.length // axis.seen)


def _together(axis: ScaledAxis, most: int) -> int:
    """How many source pixels to write back at a time, at least 1; neither they nor their working pixels pass `most`."""
    return max(1, min(most, most * axis.length // axis.seen))
