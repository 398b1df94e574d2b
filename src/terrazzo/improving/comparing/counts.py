"""How many pixels, and how much ground, went from each class to each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.improving.comparing.pair import MapPair, Strip
from terrazzo.maps.areas import M2_PER_HA
from terrazzo.pixels.geodesy import PixelAreas, pixel_areas
from terrazzo.pixels.rasters.raster import Raster

PERCENT = 100


@dataclass(frozen=True)
class Counts:
    """The matrix from class to class over the pixels that both maps hold, and how many pixels the others are.

    Law: of two equal maps, everything lies on the diagonal.
    """

    pixels: NDArray[np.int64]
    """From the first map's class (row) to the second's (column) (K, K)."""
    ha: NDArray[np.float64] | None
    """The same in hectares on the ellipsoid; None without a coordinate reference system on the earth."""
    left_out: tuple[int, int, int]
    """Pixels that only the first map holds, only the second, and neither."""

    @property
    def percent(self) -> NDArray[np.float64]:
        """The matrix as per cent of the compared area (K, K), or of the compared pixels where areas are unknown."""
        whole = self.pixels.astype(np.float64) if self.ha is None else self.ha
        total = whole.sum()
        return whole * (PERCENT / total) if total else whole


def count(pair: MapPair, strips: Iterator[Strip]) -> Counts:
    """The counts of two maps, added up in the order of their pixels; geodesic areas as `predict` takes them."""
    n_classes = pair.classes.count
    areas = areas_of(pair.first.raster)
    pixels = np.zeros(n_classes**2, np.int64)
    m2 = np.zeros(n_classes**2)
    left_out = np.zeros(3, np.int64)
    for top, found, wanted in strips:
        has_first, has_second = found >= 0, wanted >= 0
        both = has_first & has_second
        left_out += [(has_first & ~both).sum(), (has_second & ~both).sum(), (~has_first & ~has_second).sum()]
        keys = found[both].astype(np.int64) * n_classes + wanted[both]
        pixels += np.bincount(keys, minlength=n_classes**2)
        if areas is not None:
            each = np.broadcast_to(areas.block(top, top + len(found)), found.shape)[both]
            m2 += np.bincount(keys, weights=each, minlength=n_classes**2)
    shape = (n_classes, n_classes)
    ha = None if areas is None else m2.reshape(shape) / M2_PER_HA
    return Counts(pixels.reshape(shape), ha, (int(left_out[0]), int(left_out[1]), int(left_out[2])))


def areas_of(raster: Raster) -> PixelAreas | None:
    """The areas of a raster's pixels; None where its place on the earth is not known."""
    if not raster.georeferenced:
        return None
    return pixel_areas(raster.transform, raster.crs, raster.height, raster.width)
