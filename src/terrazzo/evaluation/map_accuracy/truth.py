"""What is on the ground, read from a vector file: labelled points of a sample or of other origin, or polygons."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from terrazzo.classes.schema import IGNORE, MAX_CLASSES
from terrazzo.errors import InputError
from terrazzo.evaluation.map_accuracy.points_file import POINTS, REFERENCE, has_strata
from terrazzo.pixels.bounds import moved
from terrazzo.pixels.suffixes import LAYER_SUFFIXES
from terrazzo.pixels.vector_layers import LayerRequest, read_layer, reprojection
from terrazzo.scenes.burnt_polygons import BurntPolygons
from terrazzo.scenes.class_map import ClassMap
from terrazzo.system.files import digest
from terrazzo.system.reporting import Say, first_line, how_many, listed

FIELDS = (REFERENCE, "class", "label", "truth")
"""The fields that hold classes: the first that the file has."""
_TROUBLE = (
    *(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.GeometryError, CRSError),
    *(shapely.errors.ShapelyError, OSError, ValueError),
)


@dataclass(frozen=True)
class Points:
    """Points (n,) with the class that somebody saw there."""

    path: Path
    rows: NDArray[np.int64]
    """On the map's grid; any number where a point lies off the map."""
    cols: NDArray[np.int64]
    names: tuple[str, ...]
    """How to name each in messages: its id, or its place in the file."""
    references: tuple[str, ...]
    """The classes as written; empty where nobody has said one."""
    stratum: NDArray[np.int64] | None
    """The number of each one's stratum, in a file with `strata`; -1 where it has none."""
    has_weights: bool
    """Whether they have the fields of a sample; without `strata` beside them they were saved without that table."""
    identity: str
    """A hash of all of this."""


@dataclass(frozen=True)
class Areas:
    """Polygons on the map's grid, with the class that somebody saw in each."""

    path: Path
    burnt: BurntPolygons
    """Their ids are places in `values`."""
    values: tuple[str, ...]
    """The different classes as written."""
    identity: str
    left_out: int
    """Features without a reference or an area."""


def read_truth(path: Path, found: ClassMap, say: Say) -> Points | Areas:
    """The points or polygons of a file, on the grid of the map. Raises InputError where they cannot be used.

    A change of coordinate reference system is reported.
    """
    where = f"--truth {path}"
    if path.suffix.lower() not in LAYER_SUFFIXES:
        raise InputError(f"{where}: expected points or polygons in a file of {', '.join(LAYER_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")
    if path.suffix.lower() == ".parquet":
        return _read_areas(path, found, None, say)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL warns of files that it then refuses or reads well
            layer = _layer(path, where)
            if not has_strata(path) and _has_areas_alone(path, layer):
                return _read_areas(path, found, layer, say)
            return _read_points(path, found, layer, say)
    except _TROUBLE as error:
        raise InputError(
            f"{where}: cannot be read as a layer of points or polygons ({first_line(error)}); copy or export it again"
        ) from error


def class_numbers(truth: Points | Areas, classes: Sequence[str]) -> NDArray[np.int64]:
    """(n,) the place of each reference among the classes, upper and lower case alike; -1 where it is empty.

    Of polygons, those of `values`. Raises InputError at references that are no class, naming them.
    """
    references = truth.references if isinstance(truth, Points) else truth.values
    known = {"": -1} | {name.casefold(): k for k, name in enumerate(classes)}
    known |= {name: k for k, name in enumerate(classes)}
    found = [known.get(name, known.get(name.casefold())) for name in references]
    strange = Counter(name for name, k in zip(references, found, strict=True) if k is None)
    if strange:
        times = [f" ({how_many(n, 'point')})" if isinstance(truth, Points) else "" for n in strange.values()]
        shown = listed([f"{name!r}{n}" for name, n in zip(strange, times, strict=True)], 8)
        raise InputError(
            f"--truth {truth.path}: references that are no class of the map: {shown}; expected "
            f"{listed(list(classes), 20)}"
        )
    return np.array([-1 if k is None else k for k in found], np.int64)


def _layer(path: Path, where: str) -> str:
    """The layer to read: `points` of a sample, or the only one with geometries."""
    if has_strata(path):
        return POINTS
    names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if len(names) != 1:
        raise InputError(f"{where}: has {len(names)} layers ({listed(names) or 'none'}); save one as its own file")
    return names[0]


def _has_areas_alone(path: Path, layer: str) -> bool:
    """Whether a layer holds polygons, and no point beside them."""
    _, _, wkb, _ = pyogrio.raw.read(str(path), layer=layer, columns=[])
    kinds = set(shapely.get_type_id(shapely.from_wkb(wkb)).tolist())
    areas = {int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON)}
    return bool(kinds & areas) and not kinds & {int(shapely.GeometryType.POINT), int(shapely.GeometryType.MULTIPOINT)}


def _field(where: str, fields: Sequence[str]) -> str:
    """The field that holds classes."""
    by_case = {name.casefold(): name for name in reversed(fields)}
    for name in FIELDS:
        if name in by_case:
            return by_case[name]
    raise InputError(
        f"{where}: has no field {REFERENCE} of classes (it has {listed(fields, 20) or 'none'}); rename one"
    )


def _read_points(path: Path, found: ClassMap, layer: str, say: Say) -> Points:
    """The points of a layer."""
    where = f"--truth {path}"
    fields = [str(name) for name in pyogrio.read_info(path, layer=layer)["fields"]]
    field, own = _field(where, fields), layer == POINTS and has_strata(path)
    if own and (lost := {"id", "stratum"} - set(fields)):
        raise InputError(f"{where}: has lost its field {min(lost)}; take the file that terrazzo sample wrote")
    meta, _, wkb, columns = pyogrio.raw.read(str(path), layer=layer, force_2d=True)
    table = dict(zip([str(name) for name in meta["fields"]], columns, strict=True))
    shapes = shapely.from_wkb(wkb)
    kinds = shapely.get_type_id(shapes)
    if not len(shapes):
        raise InputError(f"{where}: holds no feature in its layer {layer}; expected points or polygons")
    if not np.isin(kinds, (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT, -1)).all():
        kind = next(shape.geom_type for shape in shapes[kinds > 0] if "Point" not in shape.geom_type)
        raise InputError(f"{where}: holds a {kind} among its features; expected points alone, or polygons alone")
    crs = pyproj.CRS.from_user_input(meta["crs"]) if meta["crs"] else None
    way = reprojection(path, crs, found.raster, "--truth")
    if way.note:
        say(way.note)
    centres = way(shapely.centroid(shapes))
    at = moved(~found.to_place, np.column_stack([shapely.get_x(centres), shapely.get_y(centres)]))
    cells: NDArray[np.int64] = np.clip(np.where(np.isfinite(at), np.floor(at), -1), -1, 2**40).astype(np.int64)
    ids = _whole(table["id"]) if own else np.arange(1, len(shapes) + 1)
    stratum = _whole(table["stratum"]) if own else None
    references = tuple("" if value is None or value != value else str(value).strip() for value in table[field])
    parts = (*map(repr, (cells.tolist(), references, ids.tolist(), stratum is not None and stratum.tolist())),)
    return Points(
        *(path, cells[:, 1], cells[:, 0], tuple(map(str, ids.tolist())), references, stratum),
        has_weights={"stratum", "weight"} <= set(fields),
        identity=digest("points", *parts),
    )


def _whole(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Whole numbers from a field; -1 where there is none, as in a point that somebody added."""
    numbers = np.array([np.nan if value is None else value for value in values.tolist()], np.float64)
    return np.where(np.isfinite(numbers), numbers, -1).astype(np.int64)


def _read_areas(path: Path, found: ClassMap, layer: str | None, say: Say) -> Areas:
    """The polygons of a layer."""
    request = LayerRequest(None, "", layer, file_flag="--truth", usual_fields=FIELDS)
    read = read_layer(path, request)
    if read.field is None:
        raise InputError(f"--truth {path}: has no field {REFERENCE} of classes; rename the one that has them")
    values = [(value or "").strip() for value in read.values]
    different = tuple(sorted({value for value in values if value}))
    if len(different) > MAX_CLASSES:
        raise InputError(f"--truth {path}: {read.field} has {len(different)} values; expected the classes of the map")
    numbers = np.array([different.index(value) if value else -1 for value in values])
    way = reprojection(path, read.crs, found.raster, "--truth")
    if way.note:
        say(way.note)
    polygons = way(read.polygons)
    inverse = ~found.to_place
    usable = (numbers >= 0) & np.isfinite(shapely.bounds(polygons)).all(axis=1)
    on_grid = shapely.transform(polygons[usable], lambda xy: moved(inverse, xy))
    burnt = BurntPolygons(on_grid, numbers[usable].astype(np.uint8), IGNORE)
    identity = digest("areas", *shapely.to_wkb(on_grid).tolist(), repr([different[i] for i in numbers[usable]]))
    return Areas(path, burnt, different, identity, read.n_other + int((~usable).sum()))
