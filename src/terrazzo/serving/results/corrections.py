"""Corrections of a map: polygons of a class as GeoJSON, checked against the map and kept whole or not at all.

Coordinates are longitude and latitude (RFC 7946). A map without a place on the earth takes the column and the row in
pixels from the top left. Law: what is kept has only valid polygons with a class, each with a pixel's width of the map.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
MOST_BYTES, MOST_POLYGONS, LONGEST_NAME = 64 << 20, 20_000, 100
_KINDS = ("Polygon", "MultiPolygon")
_BODY = "the corrections"


class TooManyError(InputError):
    """More bytes or polygons than one map takes."""

    status: ClassVar[int] = 413
    """Of the answer over HTTP."""


@dataclass(frozen=True)
class Corrections:
    """Polygons, each with the name of its class."""

    polygons: tuple[tuple[str, Mapping[str, Any]], ...]
    """Names and GeoJSON geometries."""

    def by_class(self) -> dict[str, int]:
        """How many polygons each class has, in the order of first use."""
        counts: dict[str, int] = {}
        for name, _ in self.polygons:
            counts[name] = counts.get(name, 0) + 1
        return counts

    def geojson(self) -> dict[str, Any]:
        """The FeatureCollection that is kept: geometries and classes, nothing else of what came."""
        features = [
            {"type": "Feature", "geometry": geometry, "properties": {CLASS: name}} for name, geometry in self.polygons
        ]
        return {"type": "FeatureCollection", "features": features}


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
    """The corrections in a file that the server keeps."""
    features = read_json(path).get("features", ())
    return Corrections(tuple((each["properties"][CLASS], each["geometry"]) for each in features))


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


def _checked(features: list[Any], finished: FinishedMap) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The class and geometry of each feature."""
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
        properties = feature.get("properties")
        name = _name(where, properties.get(CLASS) if isinstance(properties, dict) else None, names)
        yield name, dict(shapely.geometry.mapping(shape))


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
