"""Boxes and the model's polygons inside them as a GeoPackage that is corrected in QGIS.

Law: the polygons of a box cover exactly its valid pixels, apart from corners that simplification cuts along nodata.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from affine import Affine
from numpy.typing import NDArray

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError
from terrazzo.improving.suggesting.scenes import RasterScene
from terrazzo.improving.suggesting.style import class_style, outline_style
from terrazzo.improving.suggesting.suggestion import FIELDS, Box
from terrazzo.maps.polygons.layers import FAILURES, GEOMETRY, GEOPACKAGE_VERSION, steady
from terrazzo.maps.polygons.polygons import PolygonOptions, find_polygons
from terrazzo.maps.polygons.rows import ClassRaster
from terrazzo.pixels.bounds import moved
from terrazzo.pixels.layer_styles import Style, write_layer_styles
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.system.files import write_beside

BOXES, POLYGONS = "boxes", "polygons"
POLYGON_FIELDS = ("class", "confidence")
SCENE = "scene"
"""The field that names the scene, where there are several."""

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class _Layer:
    """Polygons in map coordinates, and their fields."""

    name: str
    polygons: Shapes
    fields: dict[str, NDArray[Any]]


def write_geopackage(path: Path, found: Sequence[tuple[RasterScene, Box]], side: int, schema: ClassSchema) -> None:
    """Write the layers `boxes` and `polygons` with their styles, whole or not at all.

    `found` has at least one box. All scenes have one CRS. Without one, coordinates are those of `predict`'s polygons.
    """
    raster = found[0][0].job.raster
    crs = raster.crs.to_wkt() if raster.georeferenced and raster.crs is not None else None
    several = len({scene.name for scene, _ in found}) > 1
    layers = [_box_layer(found, side, several), _polygon_layer(found, side, schema, several)]
    with write_beside(path) as temporary, steady(), _reporting(path), warnings.catch_warnings():
        if crs is None:  # the scene has no CRS, so neither have its boxes
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        for number, layer in enumerate(layers):
            pyogrio.raw.write(
                str(temporary),
                shapely.to_wkb(layer.polygons),
                list(layer.fields.values()),
                list(layer.fields),
                layer=layer.name,
                driver="GPKG",
                geometry_type="Polygon",
                crs=crs,
                append=number > 0,
                dataset_options={"VERSION": GEOPACKAGE_VERSION},
                layer_options={"GEOMETRY_NAME": GEOMETRY},
            )
        classes = list(zip(schema.names, schema.colors, strict=True))
        for style in (
            Style(BOXES, "boxes to label, as outlines", outline_style()),
            Style(POLYGONS, "the classes in their colours", class_style(POLYGON_FIELDS[0], classes)),
        ):
            write_layer_styles(temporary, (style.name, GEOMETRY), [style])


def _box_layer(found: Sequence[tuple[RasterScene, Box]], side: int, several: bool) -> _Layer:
    kinds = (np.int32, np.object_, np.float64, np.float64, np.bool_)
    columns = zip(*(box.values for _, box in found), strict=True)
    fields: dict[str, NDArray[Any]] = {
        name: np.array([np.nan if value is None else value for value in column], kind)
        for name, column, kind in zip(FIELDS, columns, kinds, strict=True)
    }
    if several:
        fields[SCENE] = np.array([scene.name for scene, _ in found], np.object_)
    corners = [shapely.box(box.col, box.row, box.col + side, box.row + side) for _, box in found]
    polygons = [_placed(np.array([each]), scene.job.raster)[0] for each, (scene, _) in zip(corners, found, strict=True)]
    return _Layer(BOXES, np.array(polygons, np.object_), fields)


def _polygon_layer(found: Sequence[tuple[RasterScene, Box]], side: int, schema: ClassSchema, several: bool) -> _Layer:
    scenes = {scene.name: scene for scene, _ in found}
    polygons: list[Shapes] = []
    fields: dict[str, list[NDArray[Any]]] = {name: [] for name in (*POLYGON_FIELDS, *[SCENE] * several)}
    for name, scene in scenes.items():
        boxes = [box for other, box in found if other is scene]
        maps = scene.boxes([(box.row, box.col) for box in boxes], side)
        for box, (ids, confidence) in zip(boxes, maps, strict=True):
            for part in _polygons(ids, confidence, schema):
                at = np.array([box.col, box.row])
                shapes = shapely.transform(part.polygons, lambda points, at=at: points + at)
                polygons.append(_placed(shapes, scene.job.raster))
                fields["class"].append(np.array(schema.names, np.object_)[part.class_ids])
                fields["confidence"].append(part.confidence)
                if several:
                    fields[SCENE].append(np.full(len(shapes), name, np.object_))
    return _Layer(POLYGONS, np.concatenate(polygons), {name: np.concatenate(each) for name, each in fields.items()})


def _polygons(ids: NDArray[np.uint8], confidence: NDArray[np.uint8], schema: ClassSchema) -> Iterator[Any]:
    """The areas of a box (side, side) in pixels of the box, as `predict` outlines them."""
    rows, sure = (partial(_rows, layer) for layer in (ids, confidence))
    raster = ClassRaster(rows, len(ids), ids.shape[1], Affine.identity(), None, schema.names, sure)
    yield from find_polygons(raster, PolygonOptions())


def _rows(layer: NDArray[np.uint8], first: int, end: int) -> NDArray[np.uint8]:
    return layer[first:end]


def _placed(polygons: Shapes, raster: Raster) -> Shapes:
    """Polygons in the pixels of a raster, in map coordinates, shells counter-clockwise."""
    placed: Shapes = shapely.orient_polygons(shapely.transform(polygons, partial(moved, raster.transform)))
    return placed


@contextmanager
def _reporting(path: Path) -> Iterator[None]:
    """Turn an error in writing into InputError."""
    try:
        yield
    except FAILURES as error:
        raise InputError(f"{path}: could not be written ({error}); make room there, or choose another --out") from error
