"""Rectangles on the ground: (left, bottom, right, top)."""

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from terrazzo.pixels.rasters import Raster

Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def bounds_of(raster: Raster) -> Bounds:
    """The extent of a raster in its own coordinates."""
    xs, ys = moved(raster.transform, corners_of(raster)).T.tolist()
    return min(xs), min(ys), max(xs), max(ys)


def corners_of(raster: Raster) -> NDArray[np.float64]:
    """The four corners (4, 2) of a raster as (x, y) in pixels."""
    return np.array([(0, 0), (raster.width, 0), (0, raster.height), (raster.width, raster.height)], np.float64)


def moved(transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (n, 2) as (x, y), taken through an affine map."""
    x, y = points.T
    return np.column_stack(
        [transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f]
    )
