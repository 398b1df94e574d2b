"""Where corrections of a map would help its model most, by `terrazzo.suggest`, as GeoJSON for the page."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyogrio
import pyproj
import shapely

from terrazzo.improving.suggesting.geopackage import BOXES, POLYGONS
from terrazzo.improving.suggesting.suggest import suggest
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.tasks.image import raster_of
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.system.files import write_json

_OF_SUGGEST = ("boxes", "box_size", "bands", "scale", "nodata", "resample")
_KINDS = {BOXES: "box", POLYGONS: "polygon"}


def suggest_boxes(assignment: Assignment, report: Report) -> Mapping[str, Any]:
    """Write the suggestions for a map: how many boxes there are.

    Coordinates are longitude and latitude, or column and row in pixels where the map has no CRS.
    """
    if assignment.out is None:
        raise ValueError("an assignment of suggestions without a place for them")
    report.stage("looking for boxes", 0, 95)
    raster = raster_of(assignment.image, assignment.folder)
    layers = assignment.folder / "suggestions.gpkg"
    options = {name: value for name, value in assignment.options.items() if name in _OF_SUGGEST}
    suggest(assignment.model, raster, out=layers, overwrite=True, progress=report.progress, **options)
    features = [feature for layer, kind in _KINDS.items() for feature in _features(layers, layer, kind)]
    assignment.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(assignment.out, {"type": "FeatureCollection", "features": features})
    return {"map": assignment.of_map, "boxes": sum(each["properties"]["kind"] == "box" for each in features)}


def _features(path: Path, layer: str, kind: str) -> Iterator[dict[str, Any]]:
    """The polygons of a layer as GeoJSON features, with their fields and their kind."""
    meta, _, geometries, columns = pyogrio.raw.read(path, layer=layer)
    shapes = shapely.from_wkb(geometries)
    if meta["crs"]:
        to_degrees = pyproj.Transformer.from_crs(meta["crs"], "OGC:CRS84", always_xy=True)
        shapes = shapely.transform(shapes, to_degrees.transform, interleaved=False)
    for number, shape in enumerate(shapes):
        values = {name: _plain(column[number]) for name, column in zip(meta["fields"], columns, strict=True)}
        yield {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shape),
            "properties": {"kind": kind, **values},
        }


def _plain(value: Any) -> Any:
    """A value of a field as JSON has it; NaN is null."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value
