"""A layer of polygons and the class that its field gives each, read from GeoPackage, GeoJSON, Shapefile or GeoParquet.

GeoParquet goes through pyarrow, everything else through pyogrio.
"""

import importlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from terrazzo.errors import InputError, LabelError
from terrazzo.system.extras import need

_SHOWN = 20
_LFS = b"version https://git-lfs"
_AREAS = (3, 6)
"""Polygon and MultiPolygon, as shapely numbers geometries."""
_FAILURES = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.GeometryError,
    shapely.errors.GEOSException,
    OSError,
    ValueError,
    KeyError,
)


@dataclass(frozen=True, eq=False)
class PolygonLayer:
    """The polygons of a file in its order, and the class value of each."""

    path: Path
    crs: pyproj.CRS | None
    polygons: NDArray[np.object_]
    """(N,) shapely polygons and multipolygons in the layer's own CRS."""
    values: tuple[str | None, ...]
    """(N,) what the class field says, as text; None where it says nothing."""
    n_other: int
    """Points, lines and empty geometries, left out."""


def read_polygons(path: Path, class_field: str | None, layer: str | None = None) -> PolygonLayer:
    """The polygons at `path` with the values of their class field, whole numbers without a decimal point.

    Raises InputError where the file cannot be read or the layer is not said; LabelError without the class field,
    naming the fields there are, and where there is no polygon.
    """
    _refuse_pointer(path)
    try:
        read = _read_parquet if path.suffix.lower() == ".parquet" else _read_ogr
        crs, geometries, values = read(path, class_field, layer)
        known = None if crs is None else pyproj.CRS.from_user_input(crs)
        polygons = shapely.force_2d(geometries)
    except (*_FAILURES, pyproj.exceptions.CRSError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path}: is no layer of polygons, or damaged ({said}); copy or export it anew") from error
    areas = np.isin(shapely.get_type_id(polygons), _AREAS) & ~shapely.is_empty(polygons)
    if not areas.any():
        kinds = sorted({geometry.geom_type for geometry in polygons[~areas][:1000] if geometry is not None})
        raise LabelError(f"{path}: holds {', '.join(kinds) or 'nothing'}, not one polygon; give polygons with classes")
    texts = tuple(_text(value) for value in values[areas].tolist())
    return PolygonLayer(path, known, polygons[areas], texts, int((~areas).sum()))


def _read_ogr(
    path: Path, class_field: str | None, layer: str | None
) -> tuple[Any, NDArray[np.object_], NDArray[np.object_]]:
    names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if layer is not None and layer not in names:
        raise InputError(f"{path}: --layer {layer}: has no such layer; it has {_listed(names)}")
    if layer is None and len(names) != 1:
        raise InputError(f"{path}: has {len(names)} layers ({_listed(names)}); choose one with --layer NAME")
    layer = layer or names[0]
    field = _field(path, class_field, pyogrio.read_info(path, layer=layer)["fields"])
    told, _, geometries, columns = pyogrio.raw.read(path, layer=layer, columns=[field], force_2d=True)
    return told["crs"], _shapes(geometries), np.asarray(columns[0], np.object_)


def _read_parquet(
    path: Path, class_field: str | None, layer: str | None
) -> tuple[Any, NDArray[np.object_], NDArray[np.object_]]:
    need("parquet", "pyarrow", for_what="GeoParquet")
    if layer is not None:
        raise InputError(f"{path}: --layer {layer}: a GeoParquet file has no layers; leave it out")
    file = importlib.import_module("pyarrow.parquet").ParquetFile(path)  # by name: not installed for most users
    told = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
    if not told:
        raise InputError(f"{path}: is no GeoParquet (it has no `geo` entry); export it anew")
    primary = told["primary_column"]
    about = told["columns"][primary]
    if about.get("encoding") != "WKB":
        raise InputError(f"{path}: encodes geometries as {about.get('encoding')}; export it with WKB")
    field = _field(path, class_field, [name for name in file.schema_arrow.names if name != primary])
    table = file.read(columns=[field, primary])
    crs = about.get("crs", "OGC:CRS84")  # what the format says where nothing is said
    geometries = np.array(table[primary].to_pylist(), np.object_)
    return crs, _shapes(geometries), np.array(table[field].to_pylist(), np.object_)


def _shapes(wkb: NDArray[np.object_]) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = shapely.from_wkb(wkb, on_invalid="fix")
    return shapes


def _field(path: Path, class_field: str | None, fields: Iterable[str]) -> str:
    """The class field. Raises LabelError, naming the fields there are, where it is not said or not there."""
    names = [str(name) for name in fields]
    if class_field is None:
        raise LabelError(f"{path}: say which field holds the class with --class-field; there are {_listed(names)}")
    if class_field not in names:
        raise LabelError(f"{path}: --class-field {class_field}: has no such field; there are {_listed(names)}")
    return class_field


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def _text(value: Any) -> str | None:
    """A field's value as text: 3.0 as `3`, what is null, not a number or blank as None."""
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(len(_LFS))
    if start == _LFS:
        raise InputError(f"{path}: is a git-lfs pointer, not the layer; fetch the layer with git lfs pull")
