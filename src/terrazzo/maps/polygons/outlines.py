"""Areas as polygons in pixel units: x = column, y = row, (0, 0) the outer corner of the first pixel.

Each border between two areas is walked once for each, with the area on the left (north being row 0). Vertices stand
where a walk turns and where three areas meet. So areas share the vertices of their borders, and are a valid coverage
(`shapely.coverage_is_valid`); those of `rasterio.features.shapes` are not (`regions`). Where an area meets itself
across a corner, the walk keeps to the other area's pixel. So a hole may touch its shell in a point but never crosses
it, and every polygon is valid.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.maps.polygons.regions import Ints, Regions

EAST, SOUTH, WEST, NORTH = range(4)
LEFT_PIXEL = {EAST: (-1, -1), SOUTH: (-1, 0), WEST: (0, 0), NORTH: (0, -1)}
"""The pixel on the left of a walk that arrives at a corner, as an offset (rows, cols)."""

Bools = NDArray[np.bool_]
Polygons = NDArray[np.object_]


def outline(
    ids: NDArray[np.uint8], regions: Regions, above: NDArray[np.uint8] | None, below: NDArray[np.uint8] | None
) -> Polygons:
    """One polygon for each area of ids (H, W) (areas,), holes included.

    `above` and `below` are the rows (W,) next to the strip. Where their ids change, the strip's upper and lower line
    get vertices too, so that neighbouring strips fit.
    """
    rows, cols, sides = _corners(ids, above, below)
    height, width = ids.shape
    crossing: Bools = np.logical_and.reduce(sides)
    # A corner of four borders lies inside, so the four pixels around it exist.
    through = {EAST: crossing.copy(), SOUTH: crossing.copy()}
    middle_rows, middle_cols = rows[crossing], cols[crossing]
    for heading, back in ((EAST, WEST), (SOUTH, NORTH)):
        pair = [regions.at((middle_rows + row) * width + middle_cols + col) for row, col in _pixels(heading, back)]
        through[heading][crossing] = pair[0] == pair[1]

    inside = {EAST: rows > 0, SOUTH: cols < width, WEST: rows < height, NORTH: cols > 0}
    places, arriving, leaving = [], [], []
    for heading in (EAST, SOUTH, WEST, NORTH):
        left, right = (heading + 3) % 4, (heading + 1) % 4
        here = np.flatnonzero(sides[(heading + 2) % 4] & inside[heading])
        turn = np.where(sides[heading, here], heading, right)
        turn = np.where(sides[left, here], left, turn)
        turn = np.where(through[heading % 2][here], right, turn)
        places.append(here)
        arriving.append(np.full(len(here), heading))
        leaving.append(turn)
    corners, headings = np.concatenate(places), np.concatenate(arriving)
    rows, cols = rows[corners], cols[corners]
    order, firsts = _rings(_next(rows, cols, headings, np.concatenate(leaving)))
    offsets = np.array([LEFT_PIXEL[heading] for heading in range(4)])[headings[order[firsts]]]
    owners = regions.at((rows[order[firsts]] + offsets[:, 0]) * width + cols[order[firsts]] + offsets[:, 1])
    return _polygons(np.column_stack([cols[order], rows[order]]).astype(np.float64), firsts, owners)


def _pixels(*headings: int) -> list[tuple[int, int]]:
    return [LEFT_PIXEL[heading] for heading in headings]


def _corners(
    ids: NDArray[np.uint8], above: NDArray[np.uint8] | None, below: NDArray[np.uint8] | None
) -> tuple[Ints, Ints, Bools]:
    """The corners that are vertices: row, column, and whether a border leaves in each of the four directions."""
    height, width = ids.shape
    upright = np.zeros((height + 2, width + 1), np.bool_)
    upright[1:-1, [0, -1]] = True
    np.not_equal(ids[:, 1:], ids[:, :-1], out=upright[1:-1, 1:-1])
    level = np.zeros((height + 1, width + 2), np.bool_)
    level[[0, -1], 1:-1] = True
    np.not_equal(ids[1:], ids[:-1], out=level[1:-1, 1:-1])
    north, south, west, east = upright[:-1], upright[1:], level[:, :-1], level[:, 1:]
    vertex = (north ^ south) | (west ^ east) | (north & west)
    for line, row in ((0, above), (-1, below)):
        if row is not None:
            vertex[line, 1:-1] |= row[1:] != row[:-1]
    rows, cols = np.nonzero(vertex)
    return rows, cols, np.stack([side[rows, cols] for side in (east, south, west, north)])


def _next(rows: Ints, cols: Ints, headings: Ints, leaving: Ints) -> Ints:
    """For each vertex the next one of the walk.

    Along one grid line, stretches of one heading do not overlap: the i-th that begins is the i-th that ends.
    """
    following = np.empty(len(rows), np.int64)
    for heading in (EAST, SOUTH, WEST, NORTH):
        line, along = (rows, cols) if heading in (EAST, WEST) else (cols, rows)
        begins, ends = np.flatnonzero(leaving == heading), np.flatnonzero(headings == heading)
        begins = begins[np.lexsort((along[begins], line[begins]))]
        ends = ends[np.lexsort((along[ends], line[ends]))]
        following[begins] = ends
    return following


def _rings(following: Ints) -> tuple[Ints, Ints]:
    """The vertices in walking order, ring after ring, and where each ring begins."""
    after = following.data
    seen = bytearray(len(following))
    order = np.empty(len(following), np.int64)
    write = order.data
    firsts = []
    filled = 0
    for first in range(len(following)):
        if seen[first]:
            continue
        firsts.append(filled)
        vertex = first
        while not seen[vertex]:
            seen[vertex] = 1
            write[filled] = vertex
            filled += 1
            vertex = after[vertex]
    return order, np.array(firsts, np.int64)


def _polygons(points: NDArray[np.float64], firsts: Ints, owners: Ints) -> Polygons:
    """Polygons from rings of points (vertices, 2) as (x, y); of an owner's rings, the outer one is the shell."""
    lengths = np.diff(firsts, append=len(points))
    ring = np.repeat(np.arange(len(firsts)), lengths)
    ahead = np.arange(1, len(points) + 1)
    ahead[firsts + lengths - 1] = firsts
    x, y = points.T
    # Twice the signed area: with y down and the area on the left, shells are negative.
    turned = np.add.reduceat(x * y[ahead] - x[ahead] * y, firsts)
    order = np.lexsort((turned > 0, owners))
    rings = shapely.linearrings(points, indices=ring)
    polygons: Polygons = shapely.polygons(rings[order], indices=owners[order])
    return polygons
