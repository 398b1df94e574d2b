"""Which pixels lie in a polygon, and how many of each class: exactly, by pixel centres, a few rows at a time.

A pixel lies in a polygon if a line from its centre to the left crosses an odd number of edges. An edge counts for the
centres from its upper end (included) to its lower end (excluded). A centre on an edge lies to its right. So of polygons
that share a border, exactly one holds each pixel along it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.maps.areas import AreaSums, ClassAreas, Strips, by_rows
from terrazzo.pixels.bounds import moved
from terrazzo.pixels.geodesy import PixelAreas

if TYPE_CHECKING:
    from affine import Affine

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """The edges of one polygon in pixels, (col, row) from the raster's upper left corner, holes included."""

    upper: Array
    """The upper end of each edge (n, 2). Level edges are left out, as no row of centres crosses them."""
    lower: Array

    @cached_property
    def box(self) -> tuple[int, ...]:
        """The rows (from, to) and columns (from, to) whose centres may lie inside."""
        cols = np.concatenate([self.upper[:, 0], self.lower[:, 0]])
        return tuple(map(_centres, (self.upper[:, 1].min(), self.lower[:, 1].max(), cols.min(), cols.max())))

    def within(self, rows: tuple[int, int], width: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The rows and columns (from, to) of a part of the raster that may lie inside; None if there are none."""
        if not len(self.upper):
            return None
        top, bottom, left, right = self.box
        high, wide = (max(rows[0], top), min(rows[1], bottom)), (max(0, left), min(width, right))
        return (high, wide) if high[0] < high[1] and wide[0] < wide[1] else None


@dataclass(frozen=True)
class PlacedZone:
    """A zone on the grid of a raster, made of one or more polygons."""

    name: str
    polygons: tuple[Edges, ...]

    def touches(self, height: int, width: int) -> bool:
        """Whether any pixel of a raster may lie inside."""
        return any(polygon.within((0, height), width) is not None for polygon in self.polygons)


def edges_of(polygon: Any, to_pixels: "Affine") -> Edges:
    """The edges of a polygon on the map, with `to_pixels` from (x, y) to (col, row)."""
    rings = [polygon.exterior, *polygon.interiors]
    starts, ends = [], []
    for ring in rings:
        points = moved(to_pixels, shapely.get_coordinates(ring))
        starts.append(points[:-1])
        ends.append(points[1:])
    start, end = np.concatenate(starts), np.concatenate(ends)
    # From top to bottom whatever the ring's direction: two polygons cross a shared edge at the same number.
    downwards = start[:, 1] < end[:, 1]
    level = start[:, 1] == end[:, 1]
    upper = np.where(downwards[:, None], start, end)[~level]
    return Edges(upper, np.where(downwards[:, None], end, start)[~level])


def inside(edges: Edges, rows: tuple[int, int], cols: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of some rows and columns (from, to) have their centre in the polygon, as (h, w)."""
    (top, bottom), (left, right) = rows, cols
    near = (edges.lower[:, 1] > top) & (edges.upper[:, 1] < bottom)
    upper, lower = edges.upper[near], edges.lower[near]
    first = np.maximum(np.ceil(upper[:, 1] - 0.5), top).astype(np.int64)
    last = np.minimum(np.ceil(lower[:, 1] - 0.5), bottom).astype(np.int64)
    counts = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    share = (row + 0.5 - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
    crossed = upper[edge, 0] + share * (lower[edge, 0] - upper[edge, 0])
    col = np.clip(np.ceil(crossed - 0.5), left, right).astype(np.int64) - left
    height, width = bottom - top, right - left
    toggles = np.bincount((row - top) * (width + 1) + col, minlength=height * (width + 1)) & 1
    odd = np.bitwise_xor.accumulate(toggles.astype(np.uint8).reshape(height, width + 1), axis=1)
    return odd[:, :width].astype(np.bool_)


def count_zones(
    strips: Strips, n_classes: int, pixel_areas: PixelAreas | None, zones: Sequence[PlacedZone]
) -> tuple[ClassAreas, ...]:
    """Pixels and areas by class of each zone of a map; nodata is not counted.

    A pixel counts for every zone that holds its centre. Sums are made as in `count_areas`.
    """
    counted = [AreaSums.zero() for _ in zones]
    for top, ids in by_rows(strips):
        for zone, sums in zip(zones, counted, strict=True):
            _add(zone, ids, top, pixel_areas, sums)
    return tuple(sums.areas(n_classes, pixel_areas is not None) for sums in counted)


def _add(zone: PlacedZone, ids: NDArray[np.uint8], top: int, pixel_areas: PixelAreas | None, sums: AreaSums) -> None:
    """Add the pixels of rows (h, W) from `top` to the sums of a zone, in place."""
    height, width = ids.shape
    places = [(polygon, polygon.within((top, top + height), width)) for polygon in zone.polygons]
    near = [(polygon, *place) for polygon, place in places if place is not None]
    if not near:
        return
    first, last = min(cols[0] for _, _, cols in near), max(cols[1] for _, _, cols in near)
    mask = np.zeros((height, last - first), np.bool_)
    for polygon, rows, cols in near:
        place = slice(rows[0] - top, rows[1] - top), slice(cols[0] - first, cols[1] - first)
        mask[place] |= inside(polygon, rows, cols)
    found = ids[:, first:last][mask]
    sums.pixels[:] += np.bincount(found, minlength=IGNORE + 1)
    if pixel_areas is not None:
        block = np.broadcast_to(pixel_areas.block(top, top + height), ids.shape)
        sums.m2[:] += np.bincount(found, weights=block[:, first:last][mask], minlength=IGNORE + 1)


def _centres(position: float) -> int:
    """How many pixel centres lie before a position: the number of the first at or after it."""
    return int(np.ceil(np.clip(position, -1e15, 1e15) - 0.5))
