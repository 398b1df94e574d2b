"""Which rasters touch or overlap on the ground, and which lie near one another in one pixel grid.

Rasters are compared by their bounds, in the CRS of one of the two. Rotated or reprojected bounds enclose more than the
raster: a few pairs count as neighbours that are not, but no neighbour is missed. A raster without CRS has no place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from terrazzo.patches.splits.origins import Ground
from terrazzo.pixels.bounds import bounds_of
from terrazzo.pixels.rasters.raster import Raster

TOUCH_PX = 0.5
"""Rasters with less than this between them touch: the bounds of map sheets are rounded."""
_DRIFT_PX = 0.1  # pixel sizes are equal if they add up to less than this over a raster's length
_SHOWN = 4


@dataclass(frozen=True, eq=False)
class Footprints:
    """R rasters: which are joined, and where each lies in its scene."""

    names: tuple[str, ...]
    joined: NDArray[np.int64]
    """(R,) the number of the first raster in a chain of rasters that touch or overlap."""
    scene: NDArray[np.int64]
    """(R,) the number of the first raster in a chain of rasters near one another in one pixel grid."""
    shifts: NDArray[np.float64]
    """(R, 2) row and column of a raster's first pixel in its scene, rounded to 0.1 pixels."""
    unlike: tuple[tuple[int, int], ...]
    """Pairs near one another in different grids."""
    unknown: tuple[int, ...]
    """Rasters without a place."""

    @property
    def n_joined(self) -> int:
        """The number of separate rasters or chains."""
        return len(np.unique(self.joined))

    @property
    def alone(self) -> bool:
        """Whether no raster is known to be near another."""
        n = len(self.names)
        return self.n_joined == n and len(np.unique(self.scene)) == n and not self.unlike

    def group(self, raster: int) -> str:
        """The name of a raster's group: its own without suffix, or those of the whole chain."""
        together = [self.names[i].rsplit(".", 1)[0] for i in np.flatnonzero(self.joined == self.joined[raster])]
        return _listed(together, "+")

    def notes(self) -> list[str]:
        """Which rasters are one group, and which have no place."""
        groups = [np.flatnonzero(self.joined == first) for first in np.unique(self.joined)]
        told = [
            f"{_listed([self.names[i] for i in group])} touch or overlap: they are one group"
            for group in groups
            if len(group) > 1
        ]
        if self.unknown and len(self.names) > 1:
            lone = _listed([self.names[i] for i in self.unknown])
            told.append(f"{lone}: without CRS, so whether others show the same place is not known")
        return told

    def ground(self, image: NDArray[np.int64], corners: NDArray[np.int64], rasters: NDArray[np.int64]) -> Ground:
        """Where patches of images (N,) with corners (N, 2) lie; `rasters` has the number of each image's raster."""
        of = rasters[image]
        here = set(of.tolist())
        pairs = [(one, other) for one, other in self.unlike if one in here and other in here]
        told = [
            f"{self.names[one]} and {self.names[other]} are neighbours or overlap in different grids (CRS, pixel size "
            "or rotation): their patches may lie side by side in training and validation; resample them to one grid, "
            "as `gdalwarp -t_srs -tr -tap` does"
            for one, other in pairs[:_SHOWN]
        ]
        if len(pairs) > _SHOWN:
            told.append(f"{len(pairs) - _SHOWN} more pairs of rasters are neighbours or overlap in different grids")
        return Ground(self.joined[of], self.scene[of], corners + self.shifts[of], tuple(told))


def footprints(rasters: Sequence[Raster], names: Sequence[str], buffer_px: int) -> Footprints:
    """The rasters compared; those with fewer than `buffer_px` pixels of either between them are near."""
    placed = np.array([raster.georeferenced for raster in rasters])
    gaps = _gaps(rasters, np.flatnonzero(placed))
    gaps = np.minimum(gaps, gaps.T)
    touch = gaps < TOUCH_PX
    near = np.triu(touch | (gaps < buffer_px), 1)
    pairs = [(int(one), int(other)) for one, other in np.argwhere(near)]
    alike = [(one, other) for one, other in pairs if _one_grid(rasters[one], rasters[other])]
    scene = _chains(len(rasters), alike)
    shifts = np.array([_shift(rasters[first], raster) for first, raster in zip(scene, rasters, strict=True)])
    for first in np.unique(scene):
        shifts[scene == first] -= shifts[scene == first].min(axis=0)
    return Footprints(
        names=tuple(names),
        joined=_chains(len(rasters), [pair for pair in pairs if touch[pair]]),
        scene=scene,
        shifts=shifts,
        unlike=tuple(sorted(set(pairs) - set(alike))),
        unknown=tuple(np.flatnonzero(~placed).tolist()),
    )


def _gaps(rasters: Sequence[Raster], placed: NDArray[np.int64]) -> NDArray[np.float64]:
    """Pixels of raster i (R, R) between it and j, along the axis with the wider gap; inf where one has no place."""
    gaps = np.full((len(rasters), len(rasters)), np.inf)
    texts = [str(rasters[i].crs.to_wkt()) if rasters[i].crs else "" for i in placed]
    bounds = np.array([bounds_of(rasters[i]) for i in placed]).reshape(-1, 4)
    for text in dict.fromkeys(texts):
        there = np.array([_moved(box, known, text) for box, known in zip(bounds, texts, strict=True)])
        for number in (i for i, known in enumerate(texts) if known == text):
            left, bottom, right, top = bounds[number]
            x = np.maximum(there[:, 0] - right, left - there[:, 2])
            y = np.maximum(there[:, 1] - top, bottom - there[:, 3])
            grid = rasters[placed[number]].transform
            gap = np.maximum(x / np.hypot(grid.a, grid.d), y / np.hypot(grid.b, grid.e))
            # Bounds that are not finite in this CRS lie outside its area, so they are not near.
            gaps[placed[number], placed] = np.where(np.isfinite(gap), gap, np.inf)
    return gaps


def _moved(bounds: NDArray[np.float64], source: str, target: str) -> tuple[float, float, float, float]:
    """Bounds in another CRS; inf where it does not reach."""
    left, bottom, right, top = bounds.tolist()
    if source == target:
        return left, bottom, right, top
    try:
        way = pyproj.Transformer.from_crs(source, target, always_xy=True)
        return way.transform_bounds(left, bottom, right, top, densify_pts=21)
    except ProjError:  # there is no way from one to the other, as from a local CRS
        return (np.inf,) * 4


def _one_grid(one: Raster, other: Raster) -> bool:
    """Whether both have one CRS, one pixel size and unrotated axes."""
    if one.crs != other.crs or any((one.transform.b, one.transform.d, other.transform.b, other.transform.d)):
        return False
    width, height = max(one.width, other.width), max(one.height, other.height)
    a, e = one.transform.a, one.transform.e
    apart = abs(a - other.transform.a) * width / abs(a), abs(e - other.transform.e) * height / abs(e)
    return bool(max(apart) < _DRIFT_PX)


def _shift(first: Raster, raster: Raster) -> tuple[float, float]:
    """Rows and columns from the first pixel of one raster to that of another in the same grid, to 0.1."""
    row = (raster.transform.f - first.transform.f) / first.transform.e
    col = (raster.transform.c - first.transform.c) / first.transform.a
    return round(row, 1), round(col, 1)


def _chains(n: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """For each of n the least number (n,) in its chain of pairs."""
    least = np.arange(n)
    for one, other in pairs:
        low, high = sorted((least[one], least[other]))
        least[least == high] = low
    return least


def _listed(names: Sequence[str], between: str = "") -> str:
    """`a, b and c`, or `a+b+c`; after four names how many more there are."""
    shown = list(names[:_SHOWN]) if len(names) <= _SHOWN else [*names[: _SHOWN - 1], f"{len(names) - _SHOWN + 1} more"]
    if between:
        return between.join(shown)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
