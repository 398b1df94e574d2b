"""The class and the confidence of the full-resolution pixel at a point of a map."""

import math
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio.windows import Window

from terrazzo.pixels.rasters.gdal import answered, gdal, opened
from terrazzo.serving.results.finished import FinishedMap, MapClass


@dataclass(frozen=True)
class Point:
    """What the map says at one of its pixels."""

    row: int
    col: int
    found: MapClass | None
    """None: nodata."""
    confidence: int | None
    """Per cent; None where there is no data."""


def read_point(finished: FinishedMap, x: float, y: float) -> Point | None:
    """The pixel that holds a point; None outside the map.

    x and y are in the raster's CRS. A map without one takes the column and the row from the top left, where the first
    pixel covers 0 to 1. A pixel holds its left and upper edge, not its right and lower one.
    """
    to_pixels = rasterio.Affine.identity() if finished.crs is None else ~finished.transform
    col = to_pixels.a * x + to_pixels.b * y + to_pixels.c
    row = to_pixels.d * x + to_pixels.e * y + to_pixels.f
    if not (0 <= col < finished.raster.width and 0 <= row < finished.raster.height):
        return None
    at = math.floor(row), math.floor(col)
    value = _value(finished.raster.path, *at)
    found = next((each for each in finished.classes if each.id == value), None)
    return Point(*at, found, None if found is None else _value(finished.confidence, *at))


def _value(path: object, row: int, col: int) -> int:
    with gdal(), opened(Path(str(path))) as dataset, answered(path):
        return int(dataset.read(1, window=Window(col, row, 1, 1))[0, 0])
