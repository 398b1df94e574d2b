"""Where pixels lie on the ground: points through an affine map, and rectangles as (left, bottom, right, top)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from affine import Affine

    from terrazzo.pixels.rasters.ground import Grid

Array = NDArray[np.float64]
Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def applied(transform: "Affine", x: Array, y: Array) -> tuple[Array, Array]:
    """Coordinates x and y, arrays of one shape, taken through an affine map.

    No operator of the affine library does this in all versions: `*` warns since 3.0, `@` is missing before. A matrix
    product may differ in its last bits with the number of points, and polygons that share a border would part.
    """
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def moved(transform: "Affine", points: Array) -> Array:
    """Points (n, 2) as (x, y), taken through an affine map."""
    return np.column_stack(applied(transform, *points.T))


def corners_of(raster: "Grid") -> Array:
    """The four corners (4, 2) of a raster as (x, y) in pixels."""
    return np.array([(0, 0), (raster.width, 0), (0, raster.height), (raster.width, raster.height)], np.float64)


def bounds_of(raster: "Grid") -> Bounds:
    """The extent of a raster in its own coordinates; of a rotated one, that of its four corners."""
    xs, ys = moved(raster.transform, corners_of(raster)).T.tolist()
    return min(xs), min(ys), max(xs), max(ys)
