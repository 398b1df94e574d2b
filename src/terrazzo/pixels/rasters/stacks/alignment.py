"""How a raster comes onto the grid of another: as it lies, or warped, by which resampling, and what it covers."""

import re
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import transform, transform_bounds

from terrazzo.errors import InputError
from terrazzo.pixels.bounds import Bounds, applied, bounds_of, corners_of, moved
from terrazzo.pixels.geodesy import terrestrial
from terrazzo.pixels.rasters.gdal import TROUBLE
from terrazzo.pixels.rasters.raster import Raster

SAME_GRID_PX = 1e-3
"""Grids whose corners differ by less are equal."""
FINER = 2.0
"""A raster with more than this many pixels in one of the grid is averaged."""
_SIDE_POINTS = 32  # along each side of a footprint: a straight side is curved in another CRS
_WHOLE = 0.9999  # a smaller share of the grid counts as a part of it
_CLASSES = frozenset(
    ("mask", "masks", "class", "classes", "label", "labels", "lc", "lulc", "landcover", "landuse", "qa", "scl", "zone")
)


@dataclass(frozen=True)
class Alignment:
    """A raster warped to the grid of another."""

    resampling: Resampling
    covered: float
    """The share of the grid that the raster covers, 0..1."""


def alignment(raster: Raster, grid: Raster, name: str) -> Alignment | None:
    """How `raster`, a part of this name, comes onto `grid`; None if it lies on it already.

    Values of classes are taken from the nearest pixel: those with a colour table, of one bit, or of a name that says
    so (mask, classes, qa). All others are continuous: averaged where the raster is finer than the grid, else bilinear.
    Raises InputError if one of the two has no place, or they do not overlap.
    """
    if _same_grid(raster, grid):
        return None
    for one in (raster, grid):
        if one.transform.is_identity and one.gcps:
            raise InputError(
                f"{one.path}: is placed by ground control points alone, so that it fits no grid; "
                "give it a grid first, as `gdalwarp` does"
            )
        if one.crs is None or not one.georeferenced:
            lacks = "coordinate reference system" if one.crs is None else "place on the ground"
            raise InputError(
                f"{one.path}: has no {lacks}, so that {raster.path.name} cannot be laid on {grid.path.name}; "
                "give it one with gdal_edit.py -a_srs EPSG:CODE"
            )
    footprint = _footprint(raster, grid)
    frame = shapely.box(0, 0, grid.width, grid.height)
    covered = shapely.area(shapely.intersection(footprint, frame)) / (grid.width * grid.height)
    if covered * grid.width * grid.height < 0.5:
        raise _no_overlap(raster, grid)
    pixels_of_grid = shapely.area(footprint) / (raster.width * raster.height)
    method = Resampling.average if pixels_of_grid * FINER < 1 else Resampling.bilinear
    return Alignment(Resampling.nearest if _holds_classes(raster, name) else method, float(min(covered, 1)))


def describe(raster: Raster, grid: Raster, how: Alignment) -> str:
    """One line for the user: what is warped, from which grid to which, and what it does not cover."""
    method = {"nearest": "nearest neighbour", "average": "averaging", "bilinear": "bilinear interpolation"}
    part = f"; it covers {how.covered:.1%} of it, the rest is invalid" if how.covered < _WHOLE else ""
    if raster.path.name == grid.path.name:
        return f"{raster.path}: {grid_words(raster)} is read as {grid_words(grid)} by {method[how.resampling.name]}"
    return (
        f"{raster.path}: lies on another grid ({grid_words(raster)}) and is warped to that of {grid.path.name} "
        f"({grid_words(grid)}) by {method[how.resampling.name]}{part}"
    )


def _same_grid(raster: Raster, grid: Raster) -> bool:
    """Whether both have one size, one place and one horizontal CRS; of two without CRS, one transform."""
    if (raster.height, raster.width) != (grid.height, grid.width):
        return False
    if raster.crs is None or grid.crs is None:
        return raster.crs is grid.crs and not raster.gcps and not grid.gcps and _near(raster, grid)
    one, other = terrestrial(raster.crs), terrestrial(grid.crs)
    same = raster.crs == grid.crs or (one is not None and other is not None and one.equals(other, True))
    return same and _near(raster, grid)


def _near(raster: Raster, grid: Raster) -> bool:
    corners = corners_of(grid)
    there = moved(~grid.transform, moved(raster.transform, corners))
    return bool((np.abs(there - corners) < SAME_GRID_PX).all())


def _footprint(raster: Raster, grid: Raster) -> shapely.Geometry:
    """The outline of a raster in pixels (x, y) of the grid. Raises InputError if it cannot be brought there."""
    steps = np.linspace(0, 1, _SIDE_POINTS, endpoint=False)
    ones = np.ones_like(steps)
    x = np.concatenate([steps, ones, 1 - steps, 0 * ones]) * raster.width
    y = np.concatenate([0 * ones, steps, ones, 1 - steps]) * raster.height
    try:
        xs, ys = transform(raster.crs, grid.crs, *applied(raster.transform, x, y))
    except TROUBLE as error:
        raise InputError(
            f"{raster.path}: cannot be warped from {_crs(raster)} to {_crs(grid)}, the CRS of {grid.path}; "
            "warp it first, as `gdalwarp` does"
        ) from error
    points: NDArray[np.float64] = np.column_stack(applied(~grid.transform, np.array(xs), np.array(ys)))
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 3:
        raise _no_overlap(raster, grid)
    return shapely.make_valid(shapely.Polygon(points))


def _no_overlap(raster: Raster, grid: Raster) -> InputError:
    """The error for rasters of two places, with both extents in the coordinates of the grid."""
    try:
        spans = _extent(transform_bounds(raster.crs, grid.crs, *bounds_of(raster)))
    except TROUBLE:
        spans = f"{_extent(bounds_of(raster))} in {_crs(raster)}"
    return InputError(
        f"{raster.path}: does not overlap {grid.path}: it spans {spans}, {grid.path.name} {_extent(bounds_of(grid))} "
        f"(left, bottom, right, top in {_crs(grid)}); give rasters of one place, or correct the CRS"
    )


def _holds_classes(raster: Raster, name: str) -> bool:
    words = set(re.split(r"[_\-. ]", name.casefold()))
    return raster.palette is not None or raster.dtype == "bool" or bool(words & _CLASSES)


def grid_words(raster: Raster) -> str:
    """Size and coordinate reference system in words: `200 x 300 px of 0.5 m, EPSG:32640`."""
    size = "" if raster.gsd_m is None else f" of {raster.gsd_m:.3g} m"
    return f"{raster.height} x {raster.width} px{size}, {_crs(raster)}"


def _crs(raster: Raster) -> str:
    return "no CRS" if raster.crs is None else str(raster.crs.to_string())[:60]


def _extent(bounds: Bounds) -> str:
    return "(" + ", ".join(f"{value:.10g}" for value in bounds) + ")"
