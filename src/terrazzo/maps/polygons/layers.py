"""A layer of polygons in a file: GeoPackage, GeoJSON or GeoParquet, written batch by batch.

The same batches give the same bytes, so GeoPackages get a fixed date of change. It is set by `pyogrio`, which has its
own GDAL beside rasterio's. That GDAL has no driver for GeoParquet, and its driver for GeoJSON reads the whole file
again for each batch: 0.06 s for every 20,000 polygons that are there. So these two are written here.
"""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.maps.polygons.content import NOTHING, Content
from terrazzo.maps.polygons.formats import format_of
from terrazzo.maps.polygons.rows import ClassRaster, Features
from terrazzo.pixels.geodesy import terrestrial
from terrazzo.pixels.layer_styles import write_layer_styles
from terrazzo.pixels.rasters.gdal import PLACELESS

GEOMETRY = "geom"
GEOPACKAGE_VERSION = "1.3"
"""The latest that GDAL before 3.7 knows in full; QGIS of stable distributions has an older one."""
FIXED_DATE = "2000-01-01T00:00:00.000Z"
GEOJSON_DECIMALS = 9
"""Decimals of a degree: 0.1 mm. The usual 7 would be a whole pixel of 1 cm."""
FAILURES = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError)


class Layer(Protocol):
    """A layer that is being written."""

    def write(self, features: Features) -> None:
        """Add at least one polygon in map coordinates."""

    def close(self) -> None:
        """Finish the file, even if nothing was added."""


@contextmanager
def open_layer(path: Path, raster: ClassRaster, content: Content) -> Iterator[Layer]:
    """A new layer for the areas of a raster at `path`, in the format that its suffix names; closed at the end."""
    layer: Layer = globals()[format_of(path).layer](path, raster, content)
    failed = True
    try:
        yield layer
        failed = False
    finally:
        if not failed or not isinstance(layer, GeoPackage):
            layer.close()


class GeoPackage:
    def __init__(self, path: Path, raster: ClassRaster, content: Content) -> None:
        self._path, self._content = path, content
        self._crs = raster.crs if raster.crs is None or isinstance(raster.crs, str) else raster.crs.to_wkt()
        self._begun = False

    def write(self, features: Features) -> None:
        table = self._content.columns(features)
        # Without a CRS of the raster, its map has none either. Other threads may be at work: see `PLACELESS`.
        with steady(), self._reporting(), PLACELESS:
            pyogrio.raw.write(
                str(self._path),
                shapely.to_wkb(features.polygons),
                list(table.values()),
                list(table),
                layer=self._content.name,
                driver="GPKG",
                geometry_type="Polygon",
                crs=self._crs,
                append=self._begun,
                dataset_options={"VERSION": GEOPACKAGE_VERSION},
                layer_options={"GEOMETRY_NAME": GEOMETRY},
            )
        self._begun = True

    def close(self) -> None:
        if not self._begun:
            self.write(NOTHING)
        if self._content.styles:
            with steady(), self._reporting():
                write_layer_styles(self._path, (self._content.name, GEOMETRY), self._content.styles)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn an error in writing into InputError."""
        try:
            yield
        except FAILURES as error:
            raise InputError(
                f"{self._path.parent}: polygons could not be written ({error}); "
                "make room there, or choose another --out"
            ) from error


@contextmanager
def steady() -> Iterator[None]:
    """GDAL options for files whose bytes depend on their content alone, and which are synced once, at the end."""
    options = {"OGR_CURRENT_DATE": FIXED_DATE, "OGR_SQLITE_SYNCHRONOUS": "OFF"}
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


class GeoJson:
    """RFC 7946: longitude and latitude on WGS 84, cut at the date line; without a CRS, the raster's coordinates."""

    def __init__(self, path: Path, raster: ClassRaster, content: Content) -> None:
        self._content = content
        known = terrestrial(raster.crs)
        self._to_lonlat = None if known is None else pyproj.Transformer.from_crs(known, "EPSG:4326", always_xy=True)
        self._stream = path.open("w", encoding="utf-8", newline="\n")
        self._stream.write(f'{{"type": "FeatureCollection", "name": {json.dumps(content.name)}, "features": [')
        self._separator = "\n"

    def write(self, features: Features) -> None:
        polygons = features.polygons if self._to_lonlat is None else _to_lonlat(features.polygons, self._to_lonlat)
        table = {name: column.tolist() for name, column in self._content.columns(features).items()}
        for i, geometry in enumerate(shapely.to_geojson(polygons).tolist()):
            values = {name: None if column[i] != column[i] else column[i] for name, column in table.items()}
            properties = json.dumps(values, ensure_ascii=False)
            self._stream.write(
                f'{self._separator}{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}'
            )
            self._separator = ",\n"

    def close(self) -> None:
        self._stream.write("\n]}\n")
        self._stream.close()


def _to_lonlat(polygons: NDArray[np.object_], transformer: pyproj.Transformer) -> NDArray[np.object_]:
    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        lonlat: NDArray[np.float64] = np.column_stack(transformer.transform(*points.T))
        return np.round(lonlat, GEOJSON_DECIMALS)

    placed: NDArray[np.object_] = shapely.orient_polygons(shapely.transform(polygons, place))
    bounds = shapely.bounds(placed)
    for i in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180).tolist():
        placed[i] = _cut_at_date_line(placed[i])
    return placed


def _cut_at_date_line(polygon: shapely.Polygon) -> shapely.MultiPolygon | shapely.Polygon:
    """A polygon whose longitudes jump from 180 to -180, as one part on each side."""
    east = shapely.transform(polygon, lambda points: points + np.where(points < 0, 360, 0) * np.array([1, 0]))
    parts = [
        shapely.intersection(east, shapely.box(0, -90, 180, 90)),
        shapely.transform(
            shapely.intersection(east, shapely.box(180, -90, 360, 90)), lambda points: points - np.array([360, 0])
        ),
    ]
    areas = [part for geometry in parts for part in shapely.get_parts(geometry) if part.area > 0]
    return shapely.orient_polygons(shapely.multipolygons(areas))


class GeoParquet:
    """GeoParquet 1.0: geometries as well-known binary, the CRS as PROJJSON."""

    def __init__(self, path: Path, raster: ClassRaster, content: Content) -> None:
        self._content, crs = content, raster.crs
        self._arrow = pyarrow = importlib.import_module("pyarrow")  # by name: few users have it
        geometry = {
            "encoding": "WKB",
            "geometry_types": ["Polygon"],
            "orientation": "counterclockwise",
            "crs": None if crs is None else pyproj.CRS.from_user_input(crs).to_json_dict(),
        }
        geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
        kinds = {"i": pyarrow.int32(), "O": pyarrow.string(), "f": pyarrow.float64()}
        columns = content.columns(NOTHING)
        fields = [pyarrow.field(name, kinds[column.dtype.kind]) for name, column in columns.items()]
        self._schema = pyarrow.schema([*fields, pyarrow.field("geometry", pyarrow.binary())], {"geo": json.dumps(geo)})
        self._writer = importlib.import_module("pyarrow.parquet").ParquetWriter(
            str(path), self._schema, compression="zstd"
        )

    def write(self, features: Features) -> None:
        table = self._content.columns(features)
        arrays = [
            self._arrow.array(column, self._schema.field(name).type, from_pandas=True) for name, column in table.items()
        ]
        arrays.append(self._arrow.array(shapely.to_wkb(features.polygons), self._arrow.binary()))
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
