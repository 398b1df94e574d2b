"""Where two maps differ: an id for each pair of classes that occurs, a raster of these ids, and polygons.

Ids: 0 is unchanged; from 1 on, the pairs that occur, by the first class, then by the second. 255 is nodata and never a
pair, also where more than 254 pairs occur and the raster has 16 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.classes.schema import IGNORE, Color
from terrazzo.errors import InputError
from terrazzo.improving.comparing.counts import Counts
from terrazzo.improving.comparing.matching import Matched
from terrazzo.improving.comparing.pair import MapPair, Strip
from terrazzo.maps.outputs.cog import collecting, draft_of, draft_profile, finish_cog
from terrazzo.maps.polygons.content import Content
from terrazzo.maps.polygons.polygons import PolygonOptions, write_polygons
from terrazzo.maps.polygons.rows import ClassRaster, Features
from terrazzo.maps.polygons.styles import by_value
from terrazzo.pixels.layer_styles import Style
from terrazzo.pixels.rasters.gdal import gdal

UNCHANGED = 0
UNCHANGED_COLOR: Color = (230, 230, 230)
CHANGES = "changes"
"""The stem of the raster and the polygons, and the name of their layer."""
ARROW = " -> "
MOST = np.iinfo(np.uint16).max
"""The largest id that a raster of 16 bits takes."""


@dataclass(frozen=True)
class Change:
    """A pair of classes that occurs, by their numbers."""

    id: int
    first: int
    second: int


@dataclass(frozen=True)
class Changes:
    """All pairs of different classes that occur, in the order of their ids."""

    every: tuple[Change, ...]
    classes: Matched

    @property
    def dtype(self) -> str:
        """The type of the raster: uint8 for up to 254 pairs, else uint16."""
        return "uint8" if len(self.every) < IGNORE else "uint16"

    @property
    def rows(self) -> tuple[tuple[int, str, Color], ...]:
        """Id, name (`from -> to`) and colour of each value of the raster, unchanged first.

        A pair has the colour of the class that it became, mixed with a quarter of the one that it was.
        """
        pairs = ((each.id, self.name(each), self._color(each)) for each in self.every)
        return ((UNCHANGED, "unchanged", UNCHANGED_COLOR), *pairs)

    def name(self, change: Change) -> str:
        """`road -> water`"""
        return f"{self.classes.names[change.first]}{ARROW}{self.classes.names[change.second]}"

    def _color(self, change: Change) -> Color:
        was, became = self.classes.colors[change.first], self.classes.colors[change.second]
        red, green, blue = ((3 * new + old) // 4 for old, new in zip(was, became, strict=True))
        return red, green, blue

    def lookup(self) -> NDArray[Any]:
        """The id of each pair (K * K,): unchanged on the diagonal, nodata for those that do not occur."""
        count = self.classes.count
        lookup = np.full(count**2, IGNORE, self.dtype)
        lookup[:: count + 1] = UNCHANGED
        for each in self.every:
            lookup[each.first * count + each.second] = each.id
        return lookup


def changes_of(counts: Counts, classes: Matched) -> Changes:
    """The pairs that occur, numbered. Raises InputError if they are more than 16 bits take."""
    occurring = [(i, j) for i, j in np.argwhere(counts.pixels).tolist() if i != j]
    numbers = [i for i in range(1, len(occurring) + 2) if i != IGNORE][: len(occurring)]
    if numbers and numbers[-1] > MOST:
        raise InputError(f"{len(occurring)} pairs of classes differ, and {MOST - 1} fit into a raster; merge classes")
    return Changes(tuple(Change(i, was, became) for i, (was, became) in zip(numbers, occurring, strict=True)), classes)


def write_changes(folder: Path, pair: MapPair, changes: Changes, strips: Iterator[Strip]) -> None:
    """Write changes.tif, a Cloud-Optimized GeoTIFF on the first map's grid, and changes.gpkg into a folder."""
    draft, path = draft_of(folder, CHANGES), folder / f"{CHANGES}.tif"
    lookup, count = changes.lookup(), pair.classes.count
    with collecting(folder), gdal():
        with rasterio.open(draft, "w", **draft_profile(pair.first.raster, 1, changes.dtype)) as dataset:
            dataset.set_band_description(1, "change_id")
            dataset.update_tags(**{f"CHANGE_{number}": name for number, name, _ in changes.rows})
            dataset.write_colormap(1, {number: (*color, 255) for number, _, color in changes.rows})
            for top, found, wanted in strips:
                both = (found >= 0) & (wanted >= 0)
                ids = np.full(found.shape, IGNORE, changes.dtype)
                ids[both] = lookup[found[both].astype(np.int64) * count + wanted[both]]
                dataset.write(ids, 1, window=Window(0, top, *found.shape[::-1]))
        finish_cog(draft, path, pair.first.raster)
    _write_polygons(folder, pair, changes)


def _write_polygons(folder: Path, pair: MapPair, changes: Changes) -> None:
    """Write the areas of changes.tif that changed as polygons."""
    raster = pair.first.raster
    names = [""] * (max((each.id for each in changes.every), default=0) + 1)
    with gdal(), rasterio.open(folder / f"{CHANGES}.tif") as dataset:

        def read(row0: int, row1: int) -> NDArray[Any]:
            ids: NDArray[Any] = dataset.read(1, window=Window(0, row0, raster.width, row1 - row0))
            ids[ids == UNCHANGED] = IGNORE
            return ids

        crs = raster.crs if raster.georeferenced else None
        areas = ClassRaster(read, raster.height, raster.width, raster.transform, crs, tuple(names))
        write_polygons(folder / f"{CHANGES}.gpkg", areas, PolygonOptions(), _content(changes, len(names)))


def _content(changes: Changes, n_ids: int) -> Content:
    """The layer `changes`: from, to and area_ha, the area of the pixels on the ellipsoid; a colour a pair."""
    was, became = np.full(n_ids, None, np.object_), np.full(n_ids, None, np.object_)
    for each in changes.every:
        was[each.id], became[each.id] = changes.classes.names[each.first], changes.classes.names[each.second]

    def columns(features: Features) -> dict[str, NDArray[Any]]:
        ids = features.class_ids
        return {"from": was[ids], "to": became[ids], "area_ha": features.area_ha}

    categories = [(name, name, color) for _, name, color in changes.rows[1:]]
    style = by_value(f'"from" || \'{ARROW}\' || "to"', "string", categories)
    return Content(CHANGES, columns, (Style(CHANGES, "what became what", style),))
