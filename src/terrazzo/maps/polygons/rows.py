"""What polygons are made from and what they carry: a class raster read by rows, and polygons with their figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import NO_CLASS, Color
from terrazzo.maps.areas import M2_PER_HA
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
    read_second: ReadRows | None = None
    """The second class's id and its percent (2, rows, width); an id of 255 where it is not known."""
    colors: tuple[Color, ...] | None = None
    """The colours of the classes; None: the layer gets no style."""


@dataclass(frozen=True)
class Features:
    """Polygons in pixel units or map coordinates, and figures of their pixels."""

    polygons: NDArray[np.object_]
    class_ids: NDArray[np.uint8]
    figures: NDArray[np.float64]
    """Pixels, area in m2 and sum of confidences of each polygon (n, 3); NaN if unknown.

    With second classes (n, 3 + K + 1): also the sum of each class's percents where it is the second, and how many
    pixels have no known second class. All are sums over pixels, so those of parts add up to those of the whole.
    """
    cut: int = 0
    """How many are parts of an area that continues below the strip at which they end."""

    @property
    def area_m2(self) -> NDArray[np.float64]:
        """The area of each polygon's pixels (n,), before simplification."""
        return self.figures[:, 1]

    @property
    def area_ha(self) -> NDArray[np.float64]:
        """The same in hectares."""
        return self.area_m2 / M2_PER_HA

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The mean confidence of each polygon's pixels (n,), 0..100, to two decimals."""
        return np.round(self.figures[:, 2] / self.figures[:, 0], 2)

    @property
    def second_class(self) -> NDArray[np.int64]:
        """The id of the class with the largest sum as the second one (n,), the lowest of equals; -1 if none is known.

        A polygon's own class does not count: the mapping unit may have joined pixels in which it is the second.
        """
        shares = self._second_shares()
        if not shares.shape[1]:
            return np.full(len(shares), NO_CLASS)
        return np.where(shares.max(axis=1) > 0, shares.argmax(axis=1), NO_CLASS)

    @property
    def second_share(self) -> NDArray[np.float64]:
        """The mean percent of the second class over all pixels (n,), 0..50 each, to two decimals; NaN if not known.

        A pixel in which the class is not the second counts as 0. So this is at most the class's mean probability.
        """
        found = self.second_class
        sums = np.full(len(found), np.nan)
        known = found != NO_CLASS
        sums[known] = self._second_shares()[known, found[known]]
        return np.round(sums / self.figures[:, 0], 2)

    def _second_shares(self) -> NDArray[np.float64]:
        """The sum of each class's percents as the second one (n, K); 0 of a polygon's own class, and if not known."""
        shares = self.figures[:, 3:-1].copy()
        if shares.shape[1]:
            shares[self.figures[:, -1] > 0] = 0
            shares[np.arange(len(shares)), self.class_ids] = 0
        return shares


def join_features(batches: Sequence[Features]) -> Features:
    """The features of one or more batches, in order."""
    return Features(
        np.concatenate([batch.polygons for batch in batches]),
        np.concatenate([batch.class_ids for batch in batches]),
        np.concatenate([batch.figures for batch in batches]),
        sum(batch.cut for batch in batches),
    )
