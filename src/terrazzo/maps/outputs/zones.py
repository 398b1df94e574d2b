"""Zones, the polygons in which areas are counted: read from a file, and placed on a raster's grid.

Zones may overlap. Features of one name are one zone. Whatever the file's format, equal zones have equal digests.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError

from terrazzo.errors import InputError
from terrazzo.maps.outputs.zone_counts import PlacedZone, edges_of
from terrazzo.pixels.bounds import Bounds, bounds_of
from terrazzo.pixels.geodesy import terrestrial
from terrazzo.pixels.rasters import Raster
from terrazzo.system.files import digest
from terrazzo.system.reporting import listed

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp")
NAME_FIELDS = ("zone", "name", "id", "code", "label", "title")
"""The fields that name zones by default: the first that the file has, in any case."""
SEGMENTS = 1024
"""Before zones are reprojected, their sides are divided into parts of at most the file's extent over this. A side that
is straight in one CRS is curved in another."""
_TROUBLE = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.errors.ShapelyError, OSError)


@dataclass(frozen=True)
class Zones:
    """The zones of a file, in its order, in its own coordinates."""

    path: Path
    names: tuple[str, ...]
    polygons: tuple[NDArray[np.object_], ...]
    """The polygons of each zone."""
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
    """The zones in a .gpkg, .geojson or .shp, named by `field`; without one by the first of NAME_FIELDS, or numbered.

    Raises InputError where the file cannot be read, holds no polygon or has no such field.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"--zones {path}: expected polygons in a file of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"--zones {path}: there is no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of GDAL, on files that it then refuses or can read
            layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
            meta, _, geometries, columns = pyogrio.raw.read(str(path), layer=_layer(path, layers), force_2d=True)
        shapes = shapely.from_wkb(geometries)
    except _TROUBLE as error:
        raise InputError(f"--zones {path}: cannot be read ({_first_line(error)}); save its polygons anew") from error
    table = dict(zip([str(name) for name in meta["fields"]], columns, strict=True))
    names = _names(path, table, field, len(shapes))
    found: dict[str, list[Any]] = {}
    left_out = 0
    for name, shape in zip(names, shapes, strict=True):
        parts = [part for part in _parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
        left_out += not parts
        if parts:
            found.setdefault(name, []).extend(parts)
    if not found:
        raise InputError(f"--zones {path}: holds no polygon in its {len(shapes)} features; expected polygons")
    polygons = tuple(np.array(parts, np.object_) for parts in found.values())
    return Zones(path, tuple(found), polygons, _crs(path, meta["crs"]), left_out)


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
    transformer, words = _way(zones, raster)
    if words:
        notes.append(words)
    left, bottom, right, top = _bounds(zones)
    longest = max(right - left, top - bottom) / SEGMENTS  # one for all zones, so that they keep fitting
    to_pixels = ~raster.transform
    placed = []
    for name, polygons in zip(zones.names, zones.polygons, strict=True):
        if transformer is not None:
            polygons = _reprojected(polygons, transformer, longest)
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
    transformer, _ = _way(zones, raster)
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


def _layer(path: Path, layers: list[str]) -> str | None:
    """The one layer that has geometries; None where there is none at all."""
    if len(layers) > 1:
        raise InputError(f"--zones {path}: holds {len(layers)} layers ({', '.join(layers)}); save one as its own file")
    return layers[0] if layers else None


def _names(path: Path, table: dict[str, NDArray[Any]], field: str | None, count: int) -> list[str]:
    """The name of each feature; `feature 3` where its field is empty."""
    if field is not None and field not in table:
        known = ", ".join(table) or "none"
        raise InputError(f"--zone-field {field}: {path} has no such field; it has {known}")
    if field is None:
        by_case = {name.casefold(): name for name in reversed(table)}
        field = next((by_case[name] for name in NAME_FIELDS if name in by_case), None)
    if field is None:
        return [str(number) for number in range(1, count + 1)]
    return [
        f"feature {number}" if value is None or value != value or str(value) == "" else _word(value)
        for number, value in enumerate(table[field].tolist(), start=1)
    ]


def _word(value: Any) -> str:
    """3.0 as 3: whole numbers come as floats where a field has gaps."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _parts(shape: Any) -> Sequence[Any]:
    """The simple geometries of one, collections within collections too."""
    if shape is None:
        return []
    parts = shapely.get_parts(shape)
    if len(parts) == 1 and parts[0] is shape:
        return [shape]
    return [inner for part in parts for inner in (_parts(part) if hasattr(part, "geoms") else [part])]


def _crs(path: Path, text: str | None) -> pyproj.CRS | None:
    if not text:
        return None
    try:
        return pyproj.CRS.from_user_input(text)
    except CRSError as error:
        raise InputError(f"--zones {path}: its coordinate reference system is not known ({text[:80]})") from error


def _way(zones: Zones, raster: Raster) -> tuple[pyproj.Transformer | None, str | None]:
    """From the zones' coordinates to the raster's, None if they are taken as they are; and a note on it."""
    target = terrestrial(raster.crs)
    if target is None:
        return None, f"{raster.path}: has no coordinates on the earth; those of {zones.path} are used as they are"
    if zones.crs is None:
        return None, f"{zones.path}: has no coordinate reference system; that of {raster.path} is assumed"
    source = terrestrial(zones.crs)
    if source is None:
        raise InputError(
            f"--zones {zones.path}: has no coordinates on the earth ({zones.crs.name}), but {raster.path} has"
        )
    if source.equals(target, ignore_axis_order=True):
        return None, None
    return (
        pyproj.Transformer.from_crs(source, target, always_xy=True),
        f"{zones.path}: reprojected from {source.name} to {target.name} of {raster.path}",
    )


def _reprojected(polygons: NDArray[np.object_], transformer: pyproj.Transformer, longest: float) -> NDArray[np.object_]:
    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        try:
            return np.column_stack(transformer.transform(*points.T))
        except ProjError:
            return np.full(points.shape, np.nan)

    divided = shapely.segmentize(polygons, longest) if longest > 0 else polygons
    placed: NDArray[np.object_] = shapely.transform(divided, place)
    return placed


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
