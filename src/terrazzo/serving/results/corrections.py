"""Corrections of a map: polygons of a class as GeoJSON, checked against the map and kept whole or not at all.

Coordinates are longitude and latitude (RFC 7946). A map without a place on the earth takes the column and the row in
pixels from the top left. Law: what is kept has only valid polygons with a class, each with a pixel's width of the map.

A polygon that an improvement has used says so for good: trained on, or kept aside for the score. It is read from the
property `kept_aside`, or from the polygon with the same geometry and class that is being replaced.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.pixels.bounds import moved
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import LONLAT
from terrazzo.system.files import read_json

Place = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""place(points): points (n, 2) in other coordinates."""

CLASS = "class"
"""The property that names a polygon's class."""
KEPT_ASIDE = "kept_aside"
"""The property that says how an improvement used a polygon: true for the score, false to train on; else it is new."""
MOST_BYTES, MOST_POLYGONS, LONGEST_NAME = 64 << 20, 20_000, 100
_KINDS = ("Polygon", "MultiPolygon")
_BODY = "the corrections"


class TooManyError(InputError):
    """More bytes or polygons than one map takes."""

    status: ClassVar[int] = 413
    """Of the answer over HTTP."""


@dataclass(frozen=True)
class Correction:
    """A polygon of a class."""

    name: str
    """The class."""
    geometry: Mapping[str, Any]
    """As GeoJSON."""
    kept_aside: bool | None = None
    """Whether improvements keep it aside for the score or train on it; None if none has used it yet."""

    def feature(self) -> dict[str, Any]:
        """As GeoJSON."""
        used = {} if self.kept_aside is None else {KEPT_ASIDE: self.kept_aside}
        return {"type": "Feature", "geometry": self.geometry, "properties": {CLASS: self.name, **used}}


@dataclass(frozen=True)
class Corrections:
    """Polygons, each with its class."""

    polygons: tuple[Correction, ...]

    def by_class(self) -> dict[str, int]:
        """How many polygons each class has, in the order of first use."""
        counts: dict[str, int] = {}
        for each in self.polygons:
            counts[each.name] = counts.get(each.name, 0) + 1
        return counts

    def in_place_of(self, earlier: "Corrections") -> "Corrections":
        """The same, where polygons that say nothing of their use take it from an equal one of `earlier`."""
        used = {(each.name, json.dumps(each.geometry)): each.kept_aside for each in earlier.polygons}
        return Corrections(
            tuple(
                replace(each, kept_aside=used.get((each.name, json.dumps(each.geometry))))
                if each.kept_aside is None
                else each
                for each in self.polygons
            )
        )

    def geojson(self) -> dict[str, Any]:
        """The FeatureCollection that is kept: geometries, classes and uses, nothing else of what came."""
        return {"type": "FeatureCollection", "features": [each.feature() for each in self.polygons]}


def read_corrections(body: bytes, finished: FinishedMap) -> Corrections:
    """The corrections in a request; none is a collection without features.

    Raises TooManyError, or InputError with the first fault and its feature.
    """
    if len(body) > MOST_BYTES:
        raise TooManyError(f"{_BODY}: are larger than {MOST_BYTES >> 20} MiB; send fewer polygons, or simpler ones")
    features = _features(body)
    if len(features) > MOST_POLYGONS:
        raise TooManyError(f"{_BODY}: hold {len(features)} polygons; expected {MOST_POLYGONS} or fewer")
    return Corrections(tuple(_checked(features, finished)))


def kept_corrections(path: Path) -> Corrections:
    """The corrections in a file that the server keeps; none if there is no such file."""
    features = read_json(path).get("features", ()) if path.is_file() else ()
    return Corrections(
        tuple(
            Correction(each["properties"][CLASS], each["geometry"], each["properties"].get(KEPT_ASIDE))
            for each in features
        )
    )


def _features(body: bytes) -> list[Any]:
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{_BODY}: are no JSON; expected a GeoJSON FeatureCollection of polygons") from error
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list) or found.get("type") != "FeatureCollection":
        raise InputError(f"{_BODY}: are no GeoJSON FeatureCollection; expected one with polygons as features")
    return features


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)


def _checked(features: list[Any], finished: FinishedMap) -> Iterator[Correction]:
    """The polygon of each feature."""
    names = {each.name for each in finished.classes}
    to_pixels = pixels_from(finished.ground, finished.transform)
    frame = shapely.box(0, 0, finished.raster.width, finished.raster.height)
    shapely.prepare(frame)
    for number, feature in enumerate(features, 1):
        where = f"{_BODY}: feature {number}"
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        shape = _polygon(where, geometry)
        if shape.is_empty:
            raise InputError(f"{where}: is empty; expected a polygon with an area")
        if not shape.is_valid:
            reason = shapely.is_valid_reason(shape)
            raise InputError(f"{where}: is no valid polygon ({reason}); draw it so that its lines do not cross")
        placed = shapely.transform(shape, to_pixels)
        if not (np.isfinite(shapely.get_coordinates(placed)).all() and shapely.intersects(frame, placed)):
            raise InputError(f"{where}: lies outside the map; expected {_coordinates(finished)}")
        found = feature.get("properties")
        properties = found if isinstance(found, dict) else {}
        name = _name(where, properties.get(CLASS), names)
        # Through JSON, so that it equals the one that is kept.
        geometry = json.loads(json.dumps(shapely.geometry.mapping(shape)))
        yield Correction(name, geometry, _use(where, properties.get(KEPT_ASIDE)))


def _polygon(where: str, geometry: Any) -> shapely.Geometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in _KINDS:
        raise InputError(f"{where}: has {_named(kind)}; expected a {' or '.join(_KINDS)}")
    try:
        shape = shapely.force_2d(shapely.geometry.shape(geometry))
    except (shapely.errors.ShapelyError, ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise InputError(f"{where}: has coordinates that make no polygon; expected rings of [x, y]") from error
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        raise InputError(f"{where}: has coordinates that are no numbers; expected rings of [x, y]")
    return shape


def _named(kind: Any) -> str:
    return f"the geometry {kind[:40]!r}" if isinstance(kind, str) else "no geometry"


def _use(where: str, use: Any) -> bool | None:
    if use is not None and not isinstance(use, bool):
        raise InputError(f"{where}: has {KEPT_ASIDE} {str(use)[:40]!r}; expected true or false, or leave it out")
    return use


def _name(where: str, name: Any, known: set[str]) -> str:
    """The class: one of the map's, or a new one."""
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{where}: names no class; expected a property {CLASS!r} with a name")
    if name in known:
        return name
    if len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InputError(
            f"{where}: names the class {name[:40]!r}; expected one of the map, or a new one of at most {LONGEST_NAME} "
            "printable characters without a space at its ends"
        )
    return name


def pixels_from(ground: pyproj.CRS | None, transform: Affine) -> Place:
    """The function from coordinates (n, 2) of corrections to (column, row) of a grid; not finite where none is.

    `ground` is the grid's CRS on the earth, None where it has none.
    """
    if ground is None:
        return lambda points: points
    transformer = pyproj.Transformer.from_crs(LONLAT, ground, always_xy=True)
    inverse = ~transform

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):  # infinite where the CRS does not reach
            return moved(inverse, np.column_stack(transformer.transform(*points.T)))

    return place


def _coordinates(finished: FinishedMap) -> str:
    if finished.ground is None:
        size = f"{finished.raster.width} x {finished.raster.height}"
        return f"column and row in pixels from the top left of {size}"
    return "longitude and latitude in degrees"
