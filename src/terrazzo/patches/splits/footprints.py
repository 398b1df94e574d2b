"""Which rasters touch or overlap on the ground, and which lie near one another in one pixel grid.

Rasters are compared by their bounds, in the CRS of one of the two. Rotated or reprojected bounds enclose more than the
raster: a few pairs count as neighbours that are not, but no neighbour is missed. A raster without CRS has no place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from terrazzo.patches.splits.chains import chains
from terrazzo.patches.splits.origins import Ground
from terrazzo.pixels.bounds import bounds_of
from terrazzo.pixels.rasters.ground import Grid

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
        return chain_name(together)

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


def footprints(rasters: Sequence[Grid], names: Sequence[str], buffer_px: int) -> Footprints:
    """The rasters compared; those with fewer than `buffer_px` pixels of either between them are near."""
    n = len(rasters)
    placed = np.array([number for number, raster in enumerate(rasters) if raster.georeferenced], np.int64)
    here = [rasters[number] for number in placed.tolist()]
    crs = _numbered([raster.crs for raster in here])
    within, gaps = _gaps(here, crs, max(float(buffer_px), TOUCH_PX))
    alike = _one_grid(here, crs, within)
    pairs = placed[within]
    scene = chains(n, pairs[alike])
    shifts = np.array([_shift(rasters[first], raster) for first, raster in zip(scene, rasters, strict=True)])
    first_px = np.full((n, 2), np.inf)
    np.minimum.at(first_px, scene, shifts)
    return Footprints(
        names=tuple(names),
        joined=chains(n, pairs[gaps < TOUCH_PX]),
        scene=scene,
        shifts=shifts - first_px[scene],
        unlike=tuple((one, other) for one, other in pairs[~alike].tolist()),
        unknown=tuple(sorted(set(range(n)) - set(placed.tolist()))),
    )


def _numbered(known: Sequence[CRS | None]) -> NDArray[np.int64]:
    """The number of the first equal CRS of each."""
    first: dict[str, int] = {}
    texts = [str(crs and crs.to_wkt()) for crs in known]
    for number, text in enumerate(texts):
        if text not in first:
            first[text] = next((one for one in first.values() if known[one] == known[number]), number)
    return np.array([first[text] for text in texts], np.int64)


def _gaps(
    rasters: Sequence[Grid], crs: NDArray[np.int64], within_px: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The pairs (P, 2), ascending, of rasters with fewer than `within_px` pixels of either between them, and how many.

    The pixels (P,) between two are counted along the axis with the wider gap, in those of the raster that has fewer.
    """
    n = len(rasters)
    bounds = np.array([bounds_of(raster) for raster in rasters]).reshape(-1, 4)
    grids = [raster.transform for raster in rasters]
    sides = np.array([(np.hypot(at.a, at.d), np.hypot(at.b, at.e)) for at in grids]).reshape(-1, 2)
    pairs, apart = [np.zeros(0, np.int64)], [np.zeros(0)]
    for target in np.unique(crs):
        there = bounds.copy()
        for i in np.flatnonzero(crs != target).tolist():
            there[i] = _moved(bounds[i], rasters[i].crs, rasters[int(target)].crs)
        # Bounds that are not finite in this CRS lie outside its area, so they are not near.
        reached = np.flatnonzero(np.isfinite(there).all(axis=1))
        mine = np.flatnonzero(crs == target)
        wide = bounds[mine] + np.hstack([-sides[mine], sides[mine]]) * within_px
        one, other = shapely.STRtree(shapely.box(*there[reached].T)).query(shapely.box(*wide.T))
        one, other = mine[one], reached[other]
        (left, bottom, right, top), (x0, y0, x1, y1) = bounds[one].T, there[other].T
        x, y = np.maximum(x0 - right, left - x1), np.maximum(y0 - top, bottom - y1)
        gap = np.maximum(x / sides[one, 0], y / sides[one, 1])
        near = (one != other) & (gap < within_px)
        pairs.append((np.minimum(one, other) * n + np.maximum(one, other))[near])
        apart.append(gap[near])
    numbers, place = np.unique(np.concatenate(pairs), return_inverse=True)
    gaps = np.full(len(numbers), np.inf)
    np.minimum.at(gaps, place.reshape(-1), np.concatenate(apart))
    return np.column_stack([numbers // max(n, 1), numbers % max(n, 1)]), gaps


def _moved(bounds: NDArray[np.float64], known: CRS | None, target: CRS | None) -> tuple[float, float, float, float]:
    """Bounds in another CRS; inf where it does not reach, or where either is not known."""
    if known is None or target is None:
        return (np.inf,) * 4
    left, bottom, right, top = bounds.tolist()
    try:
        way = pyproj.Transformer.from_crs(known.to_wkt(), target.to_wkt(), always_xy=True)
        return way.transform_bounds(left, bottom, right, top, densify_pts=21)
    except ProjError:  # there is no way from one to the other, as from a local CRS
        return (np.inf,) * 4


def _one_grid(rasters: Sequence[Grid], crs: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether both of each pair (P, 2) have one CRS, one pixel size and unrotated axes."""
    grids = [raster.transform for raster in rasters]
    step = np.array([(at.a, at.e) for at in grids]).reshape(-1, 2)
    turned = np.array([bool(at.b or at.d) for at in grids], np.bool_)
    length = np.array([(raster.width, raster.height) for raster in rasters]).reshape(-1, 2)
    one, other = pairs.T
    apart = np.abs(step[one] - step[other]) * np.maximum(length[one], length[other]) / np.abs(step[one])
    unturned = ~turned[one] & ~turned[other]
    return np.asarray((crs[one] == crs[other]) & unturned & (apart.max(axis=1, initial=0) < _DRIFT_PX))


def _shift(first: Grid, raster: Grid) -> tuple[float, float]:
    """Rows and columns from the first pixel of one raster to that of another in the same grid, to 0.1."""
    row = (raster.transform.f - first.transform.f) / first.transform.e
    col = (raster.transform.c - first.transform.c) / first.transform.a
    return round(row, 1), round(col, 1)


def chain_name(names: Sequence[str]) -> str:
    """The name of things that are one group: `a`, `a+b`, `a+b+c+7 more`. Chains without a common member differ."""
    return _listed(names, "+")


def _listed(names: Sequence[str], between: str = "") -> str:
    """`a, b and c`, or `a+b+c`; after four names how many more there are."""
    shown = list(names[:_SHOWN]) if len(names) <= _SHOWN else [*names[: _SHOWN - 1], f"{len(names) - _SHOWN + 1} more"]
    if between:
        return between.join(shown)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
