"""The polygons of a finished class map, beside it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.classes.schema import ClassSchema
from terrazzo.maps.outputs.cog import draft_of
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, SECOND
from terrazzo.maps.polygons.formats import VectorFormat
from terrazzo.maps.polygons.polygons import PolygonCounts, PolygonOptions, write_polygons
from terrazzo.maps.polygons.rows import ClassRaster, ReadRows
from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.pixels.rasters.raster import Raster


def write_vectors(
    folder: Path,
    raster: Raster,
    schema: ClassSchema,
    vectors: VectorFormat,
    options: PolygonOptions,
    check: Callable[[], None] = lambda: None,
) -> PolygonCounts:
    """Write the polygons of the folder's classes.tif beside it, in a format; their counts.

    Confidences come from confidence.tif, or its draft. Both drafts are removed. `check` is called before each strip; it
    raises where the work shall stop.
    """
    drafts = draft_of(folder, CONFIDENCE), draft_of(folder, SECOND)
    confidence = drafts[0] if drafts[0].is_file() else folder / f"{CONFIDENCE}.tif"
    paths = (folder / f"{CLASSES}.tif", confidence, drafts[1])
    with gdal(), ExitStack() as stack:
        ids, sure, second = (stack.enter_context(rasterio.open(path)) for path in paths)
        classes = ClassRaster(
            _checked(_rows_of(ids), check),
            raster.height,
            raster.width,
            raster.transform,
            raster.crs if raster.georeferenced else None,
            schema.names,
            _rows_of(sure),
            _both_of(second),
            schema.colors,
        )
        counts = write_polygons(folder / f"{CLASSES}{vectors.suffix}", classes, options)
    for draft in drafts:
        draft.unlink(missing_ok=True)
    return counts


def _rows_of(dataset: rasterio.DatasetReader) -> ReadRows:
    return lambda row0, row1: dataset.read(1, window=Window(0, row0, dataset.width, row1 - row0))


def _checked(read: ReadRows, check: Callable[[], None]) -> ReadRows:
    def checked(row0: int, row1: int) -> NDArray[np.uint8]:
        check()
        return read(row0, row1)

    return checked


def _both_of(dataset: rasterio.DatasetReader) -> ReadRows:
    return lambda row0, row1: dataset.read(window=Window(0, row0, dataset.width, row1 - row0))
