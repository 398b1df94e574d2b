"""A class raster as a layer of polygons that share their borders.

Laws:
- Without simplification the polygons cover exactly the pixels of their class.
- With it they are still a valid coverage: no gap, no overlap, equal vertices along shared borders. Its union differs
  from the valid area by less than the simplification, and only along nodata.
- Simplification changes the area of each polygon by at most 5 %, and that of a class by at most 1 % (`simplifying`).
- The raster's outer edge, and borders along a line between strips, stay as they are.
- The bytes depend only on the ids, the options and the versions of the libraries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import shapely

from terrazzo.errors import InputError
from terrazzo.maps.polygons.content import Content, classes_layer
from terrazzo.maps.polygons.formats import TOLERANCE, format_of
from terrazzo.maps.polygons.rows import ClassRaster, Features, join_features
from terrazzo.maps.polygons.seams import Seams
from terrazzo.maps.polygons.strips import strip_parts
from terrazzo.pixels.bounds import moved
from terrazzo.system.files import write_beside

MAX_VERTICES = 100_000
"""An unfinished area with more vertices than this is written in parts."""
BATCH_VERTICES = 100_000
"""Finished polygons are written once they have this many vertices."""


@dataclass(frozen=True)
class PolygonOptions:
    """How polygons are made; lengths and areas are in pixels."""

    mapping_unit: int = 1
    """Areas of fewer pixels join a neighbour; 1 keeps all."""
    tolerance: float = TOLERANCE
    """The square root of the area of corners to smooth away; 0 keeps all corners."""
    max_vertices: int = MAX_VERTICES

    def __post_init__(self) -> None:
        if self.mapping_unit < 1:
            raise InputError(f"a mapping unit of {self.mapping_unit} pixels; give 1 (keep all areas) or more")
        if not 0 <= self.tolerance < np.inf:
            raise InputError(f"a simplification of {self.tolerance} pixels; give 0 (none) or more")
        if self.max_vertices < 4:
            raise InputError(f"polygons of at most {self.max_vertices} vertices; give 4 or more")


@dataclass(frozen=True)
class PolygonCounts:
    """What was written."""

    polygons: int
    vertices: int
    cut: int
    """Parts of areas with too many vertices, cut at a line between strips."""


def find_polygons(raster: ClassRaster, options: PolygonOptions) -> Iterator[Features]:
    """Batches of at least one polygon in map coordinates, in a fixed order, shells counter-clockwise.

    Nodata has no polygon. Memory: a strip and unfinished areas. Raises InputError on ids without a class.
    """
    seams = Seams(options.max_vertices)
    for strip in strip_parts(raster, options.mapping_unit, options.tolerance):
        found = seams.add(strip)
        if len(found.polygons):
            # `moved` is no matrix product, whose last bits may depend on the number of points: borders stay shared.
            polygons = shapely.orient_polygons(shapely.transform(found.polygons, partial(moved, raster.transform)))
            yield Features(polygons, found.class_ids, found.figures, found.cut)


def write_polygons(
    path: Path, raster: ClassRaster, options: PolygonOptions, content: Content | None = None
) -> PolygonCounts:
    """Write a layer of polygons, whole or not at all; by default `classes`, with the fields of `classes_layer`.

    The suffix of `path` names one of `formats.FORMATS`.
    """
    from terrazzo.maps.polygons.layers import open_layer  # loads pyogrio, which a map without polygons does not need

    format_of(path)
    polygons = vertices = cut = 0
    content = content or classes_layer(raster.names, raster.colors)
    with write_beside(path) as temporary, open_layer(temporary, raster, content) as layer:
        for batch in _batches(find_polygons(raster, options)):
            layer.write(batch)
            polygons += len(batch.polygons)
            vertices += int(shapely.get_num_coordinates(batch.polygons).sum())
            cut += batch.cut
    return PolygonCounts(polygons, vertices, cut)


def _batches(found: Iterator[Features]) -> Iterator[Features]:
    """The features in batches large enough to write."""
    waiting: list[Features] = []
    vertices = 0
    for features in found:
        waiting.append(features)
        vertices += int(shapely.get_num_coordinates(features.polygons).sum())
        if vertices >= BATCH_VERTICES:
            yield join_features(waiting)
            waiting, vertices = [], 0
    if waiting:
        yield join_features(waiting)
