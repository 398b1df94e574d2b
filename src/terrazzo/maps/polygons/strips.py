"""The areas of one strip as polygons in pixel units, with figures, and where they continue above and below.

Strips lie on the raster's own grid, so nothing depends on how the raster was made or is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.maps.polygons.mapping_unit import settled_strips
from terrazzo.maps.polygons.outlines import Polygons, outline
from terrazzo.maps.polygons.regions import Ints, Regions, find_regions
from terrazzo.maps.polygons.rows import ClassRaster, ReadRows
from terrazzo.maps.polygons.simplifying import simplify
from terrazzo.pixels.geodesy import PixelAreas, pixel_areas

_ROWS = 32
"""Rows whose second classes are counted together: their pixels stay in the cache."""


@dataclass(frozen=True)
class StripParts:
    """The areas of a strip, nodata included; an area of the raster has one or more of them in each strip."""

    polygons: Polygons
    class_ids: NDArray[np.uint8]
    firsts: Ints
    """The first pixel of each area, as row x width + column of the raster."""
    figures: NDArray[np.float64]
    """Pixels, m2, summed confidence, and sums of second classes; see `Features.figures`."""
    top: Ints
    """The area of each pixel of the first row (width,)."""
    bottom: Ints
    up: NDArray[np.bool_]
    """Where the row above the strip has the same class (width,); nodata never continues."""
    down: NDArray[np.bool_]


def strip_parts(raster: ClassRaster, unit: int, tolerance: float) -> Iterator[StripParts]:
    """The parts of each strip from the top; `unit` and `tolerance` (0: exact) are in pixels.

    The areas of a strip, nodata included, are simplified as one coverage whose outer rectangle stays. So they keep
    fitting each other and the strips above and below. Raises InputError on ids without a class.
    """
    areas = pixel_areas(raster.transform, raster.crs, raster.height, raster.width)
    above: NDArray[np.uint8] | None = None
    top = 0
    for ids, below in _with_next_row(settled_strips(_checked(raster), raster.height, unit)):
        regions = find_regions(ids)
        class_ids, figures = regions.values[regions.firsts], _figures(raster, areas, regions, top)
        polygons = simplify(outline(ids, regions, above, below), class_ids, figures[:, 0], tolerance)
        columns, last = np.arange(raster.width), (len(ids) - 1) * raster.width
        yield StripParts(
            _lowered(polygons, top),
            class_ids,
            regions.starts[regions.firsts] + top * raster.width,
            figures,
            regions.at(columns),
            regions.at(last + columns),
            _goes_on(ids[0], above),
            _goes_on(ids[-1], below),
        )
        above = ids[-1]
        top += len(ids)


def _with_next_row(
    strips: Iterator[NDArray[np.uint8]],
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]]:
    """Each strip with the first row of the next; None after the last."""
    ids = next(strips, None)
    while ids is not None:
        following = next(strips, None)
        yield ids, None if following is None else following[0]
        ids = following


def _checked(raster: ClassRaster) -> ReadRows:
    """The raster's rows; raises InputError on an id without a class."""

    def read(row0: int, row1: int) -> NDArray[np.uint8]:
        ids = raster.read_rows(row0, row1)
        strange = (ids >= len(raster.names)) & (ids != IGNORE)
        if strange.any():
            row, col = np.argwhere(strange)[0]
            raise InputError(
                f"class id {ids[row, col]} at row {row0 + row}, column {col}, but there are {len(raster.names)} "
                f"classes (0..{len(raster.names) - 1}, nodata {IGNORE}); name all classes of the raster"
            )
        return ids

    return read


def _lowered(polygons: Polygons, rows: int) -> Polygons:
    lowered: Polygons = shapely.transform(polygons, lambda points: points + np.array([0, rows]))
    return lowered


def _goes_on(row: NDArray[np.uint8], neighbour: NDArray[np.uint8] | None) -> NDArray[np.bool_]:
    return np.zeros(len(row), np.bool_) if neighbour is None else (row == neighbour) & (row != IGNORE)


def _figures(raster: ClassRaster, areas: PixelAreas | None, regions: Regions, top: int) -> NDArray[np.float64]:
    """The figures of each area (areas, 3 or 3 + K + 1), as in `Features`."""
    bottom = top + regions.shape[0]
    n_seconds = 0 if raster.read_second is None else len(raster.names) + 1
    figures = np.full((regions.count, 3 + n_seconds), np.nan)
    figures[:, 0] = regions.total(regions.lengths)
    if areas is not None:
        block = areas.block(top, bottom)
        if block.shape[1] == raster.width:
            by_run = np.add.reduceat(block.reshape(-1), regions.starts)
        else:
            by_run = block[regions.starts // raster.width, 0] * regions.lengths
        figures[:, 1] = regions.total(by_run)
    if raster.read_confidence is not None:
        confidence = raster.read_confidence(top, bottom).reshape(-1)
        figures[:, 2] = regions.total(np.add.reduceat(confidence, regions.starts, dtype=np.int64))
    if raster.read_second is not None:
        figures[:, 3:] = _second_sums(raster.read_second(top, bottom), regions, len(raster.names))
    return figures


def _second_sums(second: NDArray[np.uint8], regions: Regions, n_classes: int) -> NDArray[np.float64]:
    """Each area's percents by second class, and its pixels without one (areas, K + 1), from ids and percents.

    A few rows at a time, as each of their pixels takes some bytes. All sums are of whole numbers, and so exact.
    """
    height, width = regions.shape
    sums = np.zeros((regions.count, n_classes + 1))
    for row in range(0, height, _ROWS):
        ids, percents = second[:, row : row + _ROWS].reshape(2, -1)
        begin = row * width
        runs = slice(*np.searchsorted(regions.starts, [begin, begin + len(ids)]))
        labels = np.repeat(regions.labels[runs], regions.lengths[runs])
        low = labels.min()
        unknown = ids >= n_classes
        keys = (labels - low) * (n_classes + 1) + np.minimum(ids, n_classes)
        counted = np.bincount(keys, weights=np.where(unknown, 1, percents))
        rows = -(-len(counted) // (n_classes + 1))
        counted.resize(rows * (n_classes + 1))
        sums[low : low + rows] += counted.reshape(rows, -1)
    return sums
