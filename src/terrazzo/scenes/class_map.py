"""A finished map of classes: opened with the names of its classes, and read by rows in bounded memory."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.pixels.rasters.gdal import answered
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.scenes.labelled_rasters.raster_classes import names_in
from terrazzo.scenes.map_file import CLASSES_TIF, map_file

CLASS_BAND = "class_id"
"""The name of its band; the other rasters of such a folder have bands of other names."""
STRIP, ROWS = 512, 64
"""Rows that are read together, as high as the tiles, and that are worked on together."""


@dataclass(frozen=True)
class ClassMap:
    """A raster of class ids; its pixels are not read yet."""

    raster: Raster
    names: Mapping[int, str]
    """The names of ids, ascending; empty if the file has none."""

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(str(self.raster.path))

    @property
    def nodata(self) -> int:
        """The value of pixels without a class."""
        return IGNORE if self.raster.nodata is None else int(self.raster.nodata)

    @property
    def to_place(self) -> Affine:
        """From (col, row) to (x, y) as a GIS shows the map: without a place, one unit a pixel, upwards negative."""
        placed = not self.raster.transform.is_identity
        return self.raster.transform if placed else Affine(1, 0, 0, 0, -1, 0)

    def strips(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The map from the top in strips of at most ROWS rows: the first row, and ids (h, W) with 255 for nodata."""
        height, width = self.raster.height, self.raster.width
        with self.raster.open() as dataset, answered(self.path):
            for top in range(0, height, STRIP):
                ids = dataset.read(1, window=Window(0, top, width, min(STRIP, height - top)))
                if self.nodata != IGNORE:
                    ids = np.where(ids == self.nodata, IGNORE, ids).astype(np.uint8)
                for offset in range(0, len(ids), ROWS):
                    yield top + offset, ids[offset : offset + ROWS]


def open_map(path: Path) -> ClassMap:
    """The map at `path`: a raster of class ids, a folder that `predict` wrote, or a folder with one map inside.

    Raises InputError or ImageError where there is none, or several.
    """
    path = map_file(path)
    raster = read_raster(path, max_pixels=sys.maxsize)
    with raster.open() as dataset, answered(path):
        count, bands = dataset.count, dataset.descriptions
    if count != 1 or raster.dtype != "uint8" or (bands[0] or CLASS_BAND) != CLASS_BAND:
        what = bands[0] if count == 1 and bands[0] else f"{count} bands of {raster.dtype}"
        raise InputError(f"{path}: holds {what}; expected one band of class ids, as in {CLASSES_TIF}")
    if raster.transform.is_identity and raster.gcps:
        raise InputError(f"{path}: is placed by ground control points alone; warp it with gdalwarp first")
    return ClassMap(raster, {i: name for i, name in names_in(path).items() if i < IGNORE})
