"""Zones, the polygons in which areas are counted: read from a file, and placed on a raster's grid.

Zones may overlap. Features of one name are one zone. Whatever the file's format, equal zones have equal digests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.maps.outputs.zone_counts import PlacedZone, edges_of
from terrazzo.pixels.bounds import Bounds, bounds_of
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.vector_layers import LayerRequest, read_layer, reprojection
from terrazzo.system.files import digest
from terrazzo.system.reporting import listed

NAME_FIELDS = ("zone", "name", "id", "code", "label", "title")
"""The fields that name zones by default: the first that the file has, in any case."""
SEGMENTS = 1024
"""Before zones are reprojected, their sides are divided into parts of at most the file's extent over this. A side that
is straight in one CRS is curved in another."""


@dataclass(frozen=True)
class Zones:
    """The zones of a file, in its order, in its own coordinates."""

    path: Path
    names: tuple[str, ...]
    polygons: tuple[NDArray[np.object_], ...]
    crs: pyproj.CRS | None
    left_out: int = 0
    """Features that are no polygons."""

    @property
    def digest(self) -> str:
        """The hash of what is counted: names, polygons and coordinate reference system."""
        shapes = [shapely.to_wkb(shapely.multipolygons(polygons), byte_order=1) for polygons in self.polygons]
        return digest("zones", repr(self.names), self.crs.to_wkt() if self.crs else "", *shapes)


@dataclass(frozen=True)
class PlacedZones:
    """Zones on the grid of one raster, with notes for the user."""

    digest: str
    zones: tuple[PlacedZone, ...]
    notes: tuple[str, ...]
    touch: bool = True
    """Whether any of them touches the raster."""


def read_zones(path: Path, field: str | None = None) -> Zones:
    """The zones in a vector file, named by `field`; without one by the first of NAME_FIELDS, or numbered.

    Zones without a name are `feature 3`. Raises InputError where the file cannot be read, holds no polygon or has no
    such field.
    """
    layer = read_layer(path, LayerRequest(field, "--zone-field", file_flag="--zones", usual_fields=NAME_FIELDS))
    found: dict[str, list[NDArray[np.object_]]] = {}
    for polygon, number, value in zip(layer.polygons, layer.numbers.tolist(), layer.values, strict=True):
        parts = shapely.get_parts(polygon)
        name = str(number) if layer.field is None else value or f"feature {number}"
        found.setdefault(name, []).append(parts[~shapely.is_empty(parts)])
    polygons = tuple(np.concatenate(parts) for parts in found.values())
    return Zones(path, tuple(found), polygons, layer.crs, layer.n_other)


def place_zones(zones: Zones, raster: Raster) -> PlacedZones:
    """The zones in pixels of a raster. Raises InputError if they cannot be placed on it."""
    if raster.crs is None or not raster.georeferenced:
        raise InputError(
            f"{raster.path}: has no coordinate reference system on its grid, so that zones cannot be placed; "
            "give it one with gdal_edit.py -a_srs EPSG:CODE (gdalwarp for control points), or leave --zones out"
        )
    notes = []
    if zones.left_out:
        notes.append(f"{zones.path}: features without a polygon, left out: {zones.left_out}")
    reproject = reprojection(zones.path, zones.crs, raster, "--zones")
    if reproject.note:
        notes.append(reproject.note)
    left, bottom, right, top = _bounds(zones)
    longest = max(right - left, top - bottom) / SEGMENTS  # one for all zones, so that neighbours keep fitting
    to_pixels = ~raster.transform
    placed = []
    for name, polygons in zip(zones.names, zones.polygons, strict=True):
        polygons = reproject(polygons, longest)
        if not np.isfinite(shapely.get_coordinates(polygons)).all():
            raise InputError(
                f"--zones {zones.path}: zone {name} reaches where the coordinates of {raster.path} end; "
                "cut it to the raster's surroundings"
            )
        placed.append(PlacedZone(name, tuple(edges_of(polygon, to_pixels) for polygon in polygons)))
    outside = [zone.name for zone in placed if not zone.touches(raster.height, raster.width)]
    if outside:
        notes.append(f"{zones.path}: zones that do not touch {raster.path}, counted as 0: {listed(outside, 3)}")
    return PlacedZones(zones.digest, tuple(placed), tuple(notes), len(outside) < len(placed))


def refuse_far_zones(zones: Zones, placed: Sequence[tuple[Raster, PlacedZones]]) -> None:
    """Raise InputError with both extents if zones touch none of the rasters that they were placed on."""
    if not placed or any(found.touch for _, found in placed):
        return
    raster, _ = placed[0]
    covered = bounds_of(raster)
    transformer = reprojection(zones.path, zones.crs, raster).transformer
    if transformer is not None:
        covered = transformer.transform_bounds(*covered, direction="INVERSE")
    raise InputError(
        f"--zones {zones.path}: touches none of the rasters; its zones cover {_extent(_bounds(zones))}, and "
        f"in the same coordinates {raster.path} covers {_extent(covered)}; give zones on it"
    )


def _extent(bounds: Bounds) -> str:
    left, bottom, right, top = bounds
    return f"x {left:.9g} to {right:.9g}, y {bottom:.9g} to {top:.9g}"


def _bounds(zones: Zones) -> Bounds:
    """Left, bottom, right and top of all zones, in their own coordinates."""
    left, bottom, right, top = shapely.total_bounds(np.concatenate(zones.polygons)).tolist()
    return left, bottom, right, top
