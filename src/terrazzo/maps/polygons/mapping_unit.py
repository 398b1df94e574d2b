"""A class raster without areas below the minimum mapping unit, strip by strip.

Law: no area of fewer than `unit` pixels is left. Excepted are areas that touch only nodata and the raster's edge, and
threads of pixels across more than STRIP_ROWS rows. Nodata stays where it is.

The smallest area goes first. It takes the class of the area with which it shares the longest border (of equals, the
larger area), and merges with every area of that class that it touches. Areas of equal size go in a fixed shuffled
order, so that many can go at once. GDAL's `sieve` takes the largest neighbour instead; `regions` has a comparison.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.maps.polygons.regions import Ints, Regions, find_regions, link, stacked_runs
from terrazzo.maps.polygons.rows import ReadRows

STRIP_ROWS = 256
"""Rows of a strip. Strips lie on the raster's grid: the result does not depend on how rows are read."""
SHUFFLE = 2654435761
"""Multiplying by an odd factor modulo 2**32 shuffles numbers and keeps them distinct (Knuth, vol. 3, 6.4)."""


def settled_strips(read_rows: ReadRows, height: int, unit: int) -> Iterator[NDArray[np.uint8]]:
    """The ids of each strip (rows, width) from the top; areas below `unit` pixels have joined a neighbour.

    Memory: a strip and `unit` rows (at most another strip), into which small areas are followed.
    """
    ahead = min(unit, STRIP_ROWS) if unit > 1 else 0
    waiting = read_rows(0, 0)
    above: NDArray[np.uint8] | None = None
    have = 0
    for top in range(0, height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, height)
        goal = min(bottom + ahead, height)
        pieces = [waiting, read_rows(have, goal)] if goal > have else [waiting]
        have = goal
        if ahead:
            fixed = (above is not None, have < height)
            waiting = absorb(np.concatenate([above, *pieces] if above is not None else pieces), unit, fixed)
            waiting = waiting[0 if above is None else 1 :]
        else:
            waiting = np.concatenate(pieces)
        strip, waiting = waiting[: bottom - top], waiting[bottom - top :]
        above = strip[-1:]
        yield strip


def absorb(ids: NDArray[np.uint8], unit: int, fixed: tuple[bool, bool] = (False, False)) -> NDArray[np.uint8]:
    """Ids (H, W) in which areas below `unit` pixels have joined a neighbour.

    `fixed`: whether areas that touch the first row, and the last, stay as they are, because they continue beyond.
    """
    regions = find_regions(ids)
    values = regions.values[regions.firsts]
    stays = regions.total(regions.lengths) >= unit
    stays |= values == IGNORE
    for row, held in zip((0, ids.shape[0] - 1), fixed, strict=True):
        if held:
            stays[regions.at(row * ids.shape[1] + np.arange(ids.shape[1]))] = True
    if stays.all():
        return ids
    classes = _join(_graph(regions, values, stays), unit)
    return np.repeat(classes[regions.labels], regions.lengths).reshape(ids.shape)


@dataclass(frozen=True)
class _Graph:
    """Areas, and the borders of which at least one side may still join."""

    values: NDArray[np.uint8]
    sizes: Ints
    stays: NDArray[np.bool_]
    one: Ints
    other: Ints
    borders: Ints
    """The length of the border between `one` and `other` in pixels; each pair occurs once."""


def _graph(regions: Regions, values: NDArray[np.uint8], stays: NDArray[np.bool_]) -> _Graph:
    upper, lower, shared = stacked_runs(regions.starts, regions.shape)
    beside = np.flatnonzero(regions.starts % regions.shape[1] != 0)
    one = regions.labels[np.concatenate([upper, beside - 1])]
    other = regions.labels[np.concatenate([lower, beside])]
    borders = np.concatenate([shared, np.ones(len(beside), np.int64)])
    known = (values[one] != IGNORE) & (values[other] != IGNORE)
    sizes = regions.total(regions.lengths).astype(np.int64)
    return _sum_borders(_Graph(values, sizes, stays, one[known], other[known], borders[known]))


def _sum_borders(graph: _Graph) -> _Graph:
    """The graph with the borders of each pair added up, and without those that no longer matter."""
    matters = (graph.one != graph.other) & ~(graph.stays[graph.one] & graph.stays[graph.other])
    one, other = graph.one[matters], graph.other[matters]
    count = len(graph.values)
    pairs, place = np.unique(np.minimum(one, other) * count + np.maximum(one, other), return_inverse=True)
    borders = np.bincount(place, weights=graph.borders[matters], minlength=len(pairs)).astype(np.int64)
    return _Graph(graph.values, graph.sizes, graph.stays, pairs // count, pairs % count, borders)


def _join(graph: _Graph, unit: int) -> NDArray[np.uint8]:
    """The class of each area once none is left to join."""
    now = np.arange(len(graph.values))
    while len(graph.one):
        smaller, larger = _joining(graph)
        values = graph.values.copy()
        values[smaller] = values[larger]
        alike = values[graph.one] == values[graph.other]
        lowest = link(len(values), graph.one[alike], graph.other[alike])
        roots, merged = np.unique(lowest, return_inverse=True)
        now = merged[now]
        sizes = np.bincount(merged, weights=graph.sizes).astype(np.int64)
        stays = (np.bincount(merged, weights=graph.stays) > 0) | (sizes >= unit)
        graph = _sum_borders(_Graph(values[roots], sizes, stays, merged[graph.one], merged[graph.other], graph.borders))
    return graph.values[now]


def _joining(graph: _Graph) -> tuple[Ints, Ints]:
    """The areas that join now, smaller than all neighbours that may, and the area that each joins."""
    turn = graph.sizes << 32 | np.arange(len(graph.sizes)) * SHUFFLE & 0xFFFFFFFF
    turn[graph.stays] = np.iinfo(np.int64).max
    goes = np.concatenate([graph.one, graph.other])
    to = np.concatenate([graph.other, graph.one])
    borders = np.concatenate([graph.borders, graph.borders])
    waits = graph.stays.copy()
    waits[goes[turn[to] < turn[goes]]] = True
    free = ~waits[goes]
    goes, to, borders = goes[free], to[free], borders[free]
    order = np.lexsort((to, -graph.sizes[to], -borders, goes))
    goes, to = goes[order], to[order]
    first = np.diff(goes, prepend=-1) != 0
    return goes[first], to[first]
