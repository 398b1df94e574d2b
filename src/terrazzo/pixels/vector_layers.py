"""Layers of polygons: read from a vector file, with one field's value for each, and reprojected to a raster's CRS.

GeoParquet goes through pyarrow, because GDAL's driver for it is missing from the wheels of pyogrio. Every other format
goes through pyogrio.
"""

import importlib
import json
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

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.pixels.geodesy import horizontal, terrestrial
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.signatures import refuse_pointer
from terrazzo.pixels.suffixes import LAYER_SUFFIXES
from terrazzo.system.extras import need
from terrazzo.system.reporting import first_line, how_many, listed

Shapes = NDArray[np.object_]
_Read = tuple[Any, NDArray[Any], str | None, Shapes]
"""A CRS, geometries (n,) as WKB, the field that was read, and its values (n,)."""

BROKEN = "coordinates that are no numbers"
NO_AREAS = f"points, lines, empty ones, {BROKEN}"
"""The features that `VectorLayer.n_other` counts."""
_SHOWN = 20
_ADVICE = "; It might help"
"""Where pyogrio's errors turn to its own options."""
_TROUBLE = (
    *(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.GeometryError),
    *(shapely.errors.ShapelyError, OSError, ValueError, KeyError),
)


@dataclass(frozen=True)
class LayerRequest:
    """The layer and field to read from a vector file, and the options' names for messages."""

    field: str | None
    field_flag: str
    layer: str | None = None
    layer_flag: str | None = None
    """None: the command has no option for the layer, so a file must have only one."""
    file_flag: str = ""
    """The option that names the file; empty if the file is an argument."""
    usual_fields: tuple[str, ...] | None = None
    """Without `field`, the first of these that the file has, in upper or lower case. None: a field must be given."""
    needs_field: bool = False
    """Whether a file without any of the usual fields is refused."""
    error: type[TerrazzoError] = InputError
    """Raised if a readable file lacks the field or holds no polygon."""


@dataclass(frozen=True, eq=False)
class VectorLayer:
    """The polygons of a file, in its order and its own coordinates."""

    path: Path
    crs: pyproj.CRS | None
    polygons: Shapes
    """(N,) two-dimensional shapely polygons and multipolygons, none of them empty."""
    field: str | None
    """The field that was read; None if the file has none of the usual ones."""
    numbers: NDArray[np.int64]
    """(N,) each polygon's place among all features, from 1."""
    values: tuple[str | None, ...]
    """(N,) the field's values as text, whole numbers without a decimal point; None for null and NaN."""
    n_other: int
    """The number of features that are no areas (NO_AREAS), and are left out."""


def read_layer(path: Path, request: LayerRequest) -> VectorLayer:
    """The polygons of a .gpkg, .geojson, .json, .shp, .fgb or .parquet file, with the values of one field.

    From a geometry collection, the polygons are taken. Raises InputError if the file cannot be read or the layer is not
    clear, and the request's error if the field is missing or there is no polygon.
    """
    where = f"{request.file_flag} {path}".lstrip()
    _refuse_other_files(path, where)
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_ogr
    try:
        with warnings.catch_warnings():
            # GDAL warns of files that it then refuses or reads well, GEOS of coordinates that are no numbers.
            warnings.simplefilter("ignore", RuntimeWarning)
            crs, wkb, field, values = read(path, where, request)
            shapes: Shapes = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="fix"))
        known = pyproj.CRS.from_user_input(crs) if crs else None
    except CRSError as error:
        raise InputError(f"{where}: its coordinate reference system is not known ({str(crs)[:80]})") from error
    except _TROUBLE as error:
        raise InputError(
            f"{where}: cannot be read as a layer of polygons ({first_line(error).partition(_ADVICE)[0]}); copy or "
            "export it again"
        ) from error
    broken = _broken(shapes)
    kept = _polygons(shapes)
    kept[broken] = None
    areas = np.flatnonzero(~shapely.is_missing(kept))
    if not len(areas):
        raise request.error(f"{where}: {_no_polygon(shapes, broken)}")
    texts = tuple(_text(value) for value in values[areas].tolist())
    return VectorLayer(path, known, kept[areas], field, areas + 1, texts, len(shapes) - len(areas))


@dataclass(frozen=True)
class Reprojection:
    """The transformation from a layer's coordinates to those of a raster."""

    transformer: pyproj.Transformer | None = None
    """None: the coordinates stay as they are."""
    note: str | None = None
    """What the user should know about it."""

    def __call__(self, polygons: Shapes, longest_side: float = np.inf) -> Shapes:
        """The polygons in the raster's CRS; coordinates outside its reach are not finite.

        Sides longer than `longest_side` are divided first, because a side that is straight in one CRS is curved in
        another.
        """
        transformer = self.transformer
        if transformer is None:
            return polygons

        def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
            try:
                return np.column_stack(transformer.transform(*points.T))
            except ProjError:
                return np.full(points.shape, np.nan)

        divided = shapely.segmentize(polygons, longest_side) if 0 < longest_side < np.inf else polygons
        placed: Shapes = shapely.transform(divided, place)
        return placed


def reprojection(path: Path, crs: pyproj.CRS | None, raster: Raster, file_flag: str = "") -> Reprojection:
    """The transformation from the coordinates of the layer at `path` to those of a raster.

    Coordinates stay as they are, with a note, if either CRS is missing, or if the raster's is a local one to which
    nothing can be transformed. Raises InputError if there is no transformation to another CRS.
    """
    if crs is None or raster.crs is None:
        if crs is raster.crs:
            return Reprojection()
        lacking, other = (raster.path, path) if raster.crs is None else (path, raster.path)
        return Reprojection(None, f"{lacking}: has no coordinate reference system; taken in that of {other}")
    try:
        target = pyproj.CRS.from_user_input(raster.crs.to_wkt())
        if (terrestrial(crs) or crs).equals(terrestrial(target) or target, ignore_axis_order=True):
            return Reprojection()
        transformer = pyproj.Transformer.from_crs(horizontal(crs), horizontal(target), always_xy=True)
    except ProjError as error:
        if terrestrial(raster.crs) is None:
            return Reprojection(None, f"{raster.path}: lies nowhere on the earth; {path} is taken in its coordinates")
        raise InputError(
            f"{file_flag} {path}: cannot be reprojected from {crs.name} to the CRS of {raster.path} "
            f"({first_line(error)}); reproject it first".lstrip()
        ) from error
    return Reprojection(transformer, f"{path}: reprojected from {crs.name} to {target.name}, the CRS of {raster.path}")


def _refuse_other_files(path: Path, where: str) -> None:
    """Raise InputError if `path` is no file of a known format, or only stands for one."""
    if path.suffix.lower() not in LAYER_SUFFIXES:
        raise InputError(f"{where}: expected polygons in a file of {', '.join(LAYER_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")
    with path.open("rb") as stream:
        refuse_pointer(where, stream.read(64), "layer")


def _read_ogr(path: Path, where: str, request: LayerRequest) -> _Read:
    """A layer that GDAL reads."""
    names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    layer = request.layer
    if layer is not None and layer not in names:
        raise InputError(f"{where}: {request.layer_flag} {layer}: has no such layer; it has {_names(names)}")
    if layer is None and len(names) != 1:
        flag = request.layer_flag
        remedy = f"choose one with {flag} NAME" if flag else "save one as its own file"
        raise InputError(f"{where}: has {len(names)} layers ({_names(names)}); {remedy}")
    layer = layer or names[0]
    field = _field(where, request, [str(name) for name in pyogrio.read_info(path, layer=layer)["fields"]])
    meta, _, wkb, columns = pyogrio.raw.read(str(path), layer=layer, columns=[field] if field else [], force_2d=True)
    return meta["crs"], wkb, field, np.asarray(columns[0], np.object_) if field else np.full(len(wkb), None)


def _read_parquet(path: Path, where: str, request: LayerRequest) -> _Read:
    """A GeoParquet file."""
    need("parquet", "pyarrow", for_what="GeoParquet")
    if request.layer is not None:
        raise InputError(f"{where}: {request.layer_flag} {request.layer}: GeoParquet has no layers; leave it out")
    file = importlib.import_module("pyarrow.parquet").ParquetFile(path)  # by name: not installed for most users
    geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
    if not geo:
        raise InputError(f"{where}: is no GeoParquet (it has no `geo` entry); export it again")
    primary = geo["primary_column"]
    about = geo["columns"][primary]
    if about.get("encoding") != "WKB":
        raise InputError(f"{where}: encodes geometries as {about.get('encoding')}; export it with WKB")
    field = _field(where, request, [name for name in file.schema_arrow.names if name != primary])
    table = file.read(columns=[primary, field] if field else [primary])
    wkb = np.array(table[primary].to_pylist(), np.object_)
    values = np.array(table[field].to_pylist(), np.object_) if field else np.full(len(wkb), None)
    return about.get("crs", "OGC:CRS84"), wkb, field, values  # the format's own default CRS


def _field(where: str, request: LayerRequest, fields: Sequence[str]) -> str | None:
    """The field to read; None if none is given or needed, and the file has none of the usual ones."""
    field, flag = request.field, request.field_flag
    if field is None and request.usual_fields is not None:
        by_case = {name.casefold(): name for name in reversed(fields)}
        found = next((by_case[name] for name in request.usual_fields if name in by_case), None)
        if found is not None or not request.needs_field:
            return found
    if field is None:
        raise request.error(f"{where}: choose the field with {flag}; there are {_names(fields)}")
    if field not in fields:
        raise request.error(f"{where}: {flag} {field}: has no such field; there are {_names(fields)}")
    return field


def _broken(shapes: Shapes) -> NDArray[np.bool_]:
    """(N,) whether a coordinate of a geometry is infinite or no number."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    broken = np.zeros(len(shapes), bool)
    broken[owner[~np.isfinite(points).all(axis=1)]] = True
    return broken


def _no_polygon(shapes: Shapes, broken: NDArray[np.bool_]) -> str:
    """What a layer without a polygon holds, and what to do."""
    if not len(shapes):
        return "is empty, it has no feature; expected polygons: draw some, or give the file that has them"
    pairs = zip(shapes[:1000], broken[:1000], strict=True)
    found = {f"{shape.geom_type}{' with ' + BROKEN if bad else ''}" for shape, bad in pairs if shape is not None}
    kinds = ", ".join(sorted(found)) or "none"
    n = how_many(len(shapes), "feature")
    return f"holds no polygon in its {n} (kinds: {kinds}); expected polygons: draw the outline of each area"


def _names(names: Sequence[str]) -> str:
    return listed(names, _SHOWN) or "none"


def _polygons(shapes: Shapes) -> Shapes:
    """The polygon or multipolygon that each geometry is, or holds if it is a collection; None for others."""
    kinds = shapely.get_type_id(shapes)
    areas = np.isin(kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    polygons = shapes.copy()
    polygons[~areas | shapely.is_empty(shapes)] = None
    for i in np.flatnonzero(kinds == shapely.GeometryType.GEOMETRYCOLLECTION):
        inner = _polygons(shapely.get_parts(shapes[i]))
        parts = shapely.get_parts(inner[~shapely.is_missing(inner)])
        polygons[i] = shapely.multipolygons(parts) if len(parts) else None
    return polygons


def _text(value: Any) -> str | None:
    """A field's value as text. Whole numbers come as floats where a field has gaps: 3.0 is `3`."""
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
