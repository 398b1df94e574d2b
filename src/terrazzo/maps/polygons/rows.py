"""What polygons are made from and what they carry: a class raster read by rows, and polygons with their figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import Color
from terrazzo.pixels.geodesy import HasWkt

if TYPE_CHECKING:
    from affine import Affine

ReadRows = Callable[[int, int], NDArray[np.uint8]]
"""The rows row0..row1 - 1 of a raster (rows, width)."""


@dataclass(frozen=True)
class ClassRaster:
    """A raster of class ids, read by rows from the top."""

    read_rows: ReadRows
    """Class ids; 255 is nodata."""
    height: int
    width: int
    transform: "Affine"
    """From (col, row) to (x, y); it may rotate and shear."""
    crs: HasWkt | str | None
    names: tuple[str, ...]
    read_confidence: ReadRows | None = None
    """Percent, 0..100, of each pixel that has a class; any value elsewhere."""
    colors: tuple[Color, ...] | None = None
    """The colours of the classes; None: the layer gets no style."""


@dataclass(frozen=True)
class Features:
    """Polygons in pixel units or map coordinates, and figures of their pixels."""

    polygons: NDArray[np.object_]
    class_ids: NDArray[np.uint8]
    figures: NDArray[np.float64]
    """Pixels, area in m2 and sum of confidences of each polygon (n, 3); NaN if unknown."""
    cut: int = 0
    """How many are parts of an area that continues below the strip at which they end."""

    @property
    def area_m2(self) -> NDArray[np.float64]:
        """The area of each polygon's pixels (n,), before simplification."""
        return self.figures[:, 1]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The mean confidence of each polygon's pixels (n,), 0..100, to two decimals."""
        return np.round(self.figures[:, 2] / self.figures[:, 0], 2)


def join_features(batches: Sequence[Features]) -> Features:
    """The features of one or more batches, in order."""
    return Features(
        np.concatenate([batch.polygons for batch in batches]),
        np.concatenate([batch.class_ids for batch in batches]),
        np.concatenate([batch.figures for batch in batches]),
        sum(batch.cut for batch in batches),
    )
