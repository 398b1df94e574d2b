"""Layers of polygons."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import shapely
from rasterio.transform import Affine

from tests.worlds.rasters import GRID

CRS = "EPSG:32618"


def rectangle(top: float, left: float, bottom: float, right: float, grid: Affine = GRID) -> shapely.Polygon:
    """The part of the grid between these rows and columns, in the coordinates of the map."""
    ring = [(left, top), (right, top), (right, bottom), (left, bottom)]
    points = [(grid.a * x + grid.b * y + grid.c, grid.d * x + grid.e * y + grid.f) for x, y in ring]
    return shapely.Polygon(points)


def write_layer(
    path: Path,
    polygons: Sequence[shapely.Geometry],
    classes: Sequence[object],
    crs: str | None = CRS,
    layer: str = "fields",
    kind: str = "Polygon",
) -> Path:
    """Geometries in EPSG:32618 as a layer in any CRS, with the class in the field `cover`."""
    shapes = np.array(polygons, np.object_)
    if crs not in (None, CRS):
        way = pyproj.Transformer.from_crs(CRS, crs, always_xy=True)
        shapes = shapely.transform(shapes, lambda points: np.column_stack(way.transform(*points.T)))
    fields = [np.array(classes, np.object_), np.arange(len(shapes))]
    driver = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}[path.suffix]
    pyogrio.raw.write(
        *(str(path), shapely.to_wkb(shapes), fields, ["cover", "number"]),
        layer=layer,
        driver=driver,
        geometry_type=kind,
        crs=crs,
        append=path.exists(),
    )
    return path


def write_parquet(path: Path, polygons: Sequence[shapely.Geometry], classes: Sequence[str]) -> Path:
    """Geometries in EPSG:32618 as GeoParquet, with the class in the field `cover`."""
    arrow = importlib.import_module("pyarrow")
    about = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": pyproj.CRS(CRS).to_json_dict()}
    geo = {"version": "1.0.0", "primary_column": "shape", "columns": {"shape": about}}
    table = arrow.table({"cover": list(classes), "shape": shapely.to_wkb(np.array(polygons, np.object_)).tolist()})
    importlib.import_module("pyarrow.parquet").write_table(
        table.replace_schema_metadata({"geo": json.dumps(geo)}), str(path)
    )
    return path


def points(folder: Path) -> str:
    write_layer(folder / "points.gpkg", [shapely.Point(500_010, 3_999_990)], ["a"], kind="Point")
    return "scene.tif points.gpkg --class-field cover"
