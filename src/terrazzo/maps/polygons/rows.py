"""What polygons are made from and what they carry: a class raster read by rows, and finished polygons with figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.pixels.geodesy import HasWkt

if TYPE_CHECKING:
    from affine import Affine

ReadRows = Callable[[int, int], NDArray[np.uint8]]
"""The rows row0..row1 - 1 of a raster (rows, width)."""


@dataclass(frozen=True)
class ClassRaster:
    """A raster of class ids that is read by rows, from the top down."""

    read_rows: ReadRows
    """Class ids; 255 is nodata."""
    height: int
    width: int
    transform: "Affine"
    """From (col, row) to (x, y); it may rotate and shear."""
    crs: HasWkt | str | None
    names: tuple[str, ...]
    """Class names in id order."""
    read_confidence: ReadRows | None = None
    """Percent 0..100 for each pixel that has a class; anything elsewhere."""


@dataclass(frozen=True)
class Features:
    """Polygons in pixel units or on the map, and what the pixels in each of them say."""

    polygons: NDArray[np.object_]
    class_ids: NDArray[np.uint8]
    figures: NDArray[np.float64]
    """Pixels, area in m2 (NaN where unknown) and the sum of confidences (NaN too), a row for each polygon (n, 3)."""
    cut: int = 0
    """How many of them are parts of an area that goes on below the strip they end with."""

    @property
    def area_m2(self) -> NDArray[np.float64]:
        """The area of each polygon's pixels (n,), as they were before simplification."""
        return self.figures[:, 1]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The mean confidence of each polygon's pixels (n,), 0..100, in hundredths."""
        return np.round(self.figures[:, 2] / self.figures[:, 0], 2)


def join_features(batches: Sequence[Features]) -> Features:
    """The features of one or more batches, in their order."""
    return Features(
        np.concatenate([batch.polygons for batch in batches]),
        np.concatenate([batch.class_ids for batch in batches]),
        np.concatenate([batch.figures for batch in batches]),
        sum(batch.cut for batch in batches),
    )
