"""The polygons of a finished class map, beside it."""

from pathlib import Path

import rasterio
from rasterio.windows import Window

from terrazzo.classes.schema import ClassSchema
from terrazzo.maps.outputs.cog import draft_of
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE
from terrazzo.maps.polygons.formats import VectorFormat
from terrazzo.maps.polygons.polygons import PolygonCounts, PolygonOptions, write_polygons
from terrazzo.maps.polygons.rows import ClassRaster, ReadRows
from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.pixels.rasters.raster import Raster


def write_vectors(
    folder: Path, raster: Raster, schema: ClassSchema, vectors: VectorFormat, options: PolygonOptions
) -> PolygonCounts:
    """Write the polygons of the folder's classes.tif beside it, in a format; their counts.

    Confidences come from confidence.tif, or its draft, which is removed.
    """
    draft = draft_of(folder, CONFIDENCE)
    confidence = draft if draft.is_file() else folder / f"{CONFIDENCE}.tif"
    crs = raster.crs if raster.georeferenced else None
    with gdal(), rasterio.open(folder / f"{CLASSES}.tif") as ids, rasterio.open(confidence) as sure:
        size = (raster.height, raster.width)
        classes = ClassRaster(_rows_of(ids), *size, raster.transform, crs, schema.names, _rows_of(sure), schema.colors)
        out = folder / f"{CLASSES}{vectors.suffix}"
        counts = write_polygons(out, classes, options)
    draft.unlink(missing_ok=True)
    return counts


def _rows_of(dataset: rasterio.DatasetReader) -> ReadRows:
    return lambda row0, row1: dataset.read(1, window=Window(0, row0, dataset.width, row1 - row0))
