"""A finished map of classes: found, read by rows in bounded memory, and counted."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.pixels.geodesy import PixelAreas, pixel_areas
from terrazzo.pixels.rasters.gdal import answered
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.pixels.suffixes import TIFF_SUFFIXES
from terrazzo.scenes.labelled_rasters.raster_classes import names_in
from terrazzo.system.files import digest
from terrazzo.system.reporting import Progress, listed

CLASSES_TIF = "classes.tif"
"""The map in a folder that `predict` wrote."""
CLASS_BAND = "class_id"
"""The name of its band; the other rasters of such a folder have bands of other names."""
STRIP, ROWS = 512, 64
"""Rows that are read together, as high as the tiles, and that are worked on together."""

Visit = Callable[[int, NDArray[np.uint8]], None]
"""visit(row, ids): the ids (h, W) of the rows from `row` on; nodata is 255."""


@dataclass(frozen=True)
class ClassMap:
    """A raster of class ids; its pixels are not read yet."""

    raster: Raster

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(str(self.raster.path))

    @property
    def to_place(self) -> Affine:
        """From (col, row) to (x, y) as a GIS shows the map: without a place, one unit a pixel, upwards negative."""
        placed = not self.raster.transform.is_identity
        return self.raster.transform if placed else Affine(1, 0, 0, 0, -1, 0)

    def strips(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The map from the top in strips of at most ROWS rows: the first row, and ids (h, W) with 255 for nodata."""
        height, width, nodata = self.raster.height, self.raster.width, self.raster.nodata
        with self.raster.open() as dataset, answered(self.path):
            for top in range(0, height, STRIP):
                ids = dataset.read(1, window=Window(0, top, width, min(STRIP, height - top)))
                if nodata is not None and nodata != IGNORE:
                    ids = np.where(ids == nodata, IGNORE, ids).astype(np.uint8)
                for offset in range(0, len(ids), ROWS):
                    yield top + offset, ids[offset : offset + ROWS]


@dataclass(frozen=True)
class Survey:
    """What a whole map holds, by class: ids ascending, of those that the file names or that occur."""

    ids: tuple[int, ...]
    names: tuple[str, ...]
    pixels: NDArray[np.int64]
    """(K,) pixels of each class; nodata is not counted."""
    m2: NDArray[np.float64] | None
    """(K,) areas on the ellipsoid; None where the place on Earth is not known."""
    digest: str
    """The hash of the pixels and the grid."""
    grid: str
    """The hash of the grid and of the number of valid pixels: equal for maps of the same ground."""
    spread: float = 0.0
    """By how much the largest pixel exceeds the smallest, as a share of the latter."""

    @property
    def index(self) -> NDArray[np.int64]:
        """(256,) the place of each id among the classes; -1 for nodata and other ids."""
        index = np.full(IGNORE + 1, -1, np.int64)
        index[list(self.ids)] = np.arange(len(self.ids))
        return index

    @property
    def sizes(self) -> NDArray[np.float64]:
        """(K,) areas in m2, or pixels where areas are not known."""
        return self.pixels.astype(np.float64) if self.m2 is None else self.m2


def open_map(path: Path) -> ClassMap:
    """The map at `path`: a raster of class ids, a folder that `predict` wrote, or a folder with one map inside.

    Raises InputError or ImageError where there is none, or several.
    """
    if path.is_dir():
        found = [path / CLASSES_TIF] if (path / CLASSES_TIF).is_file() else sorted(path.glob(f"*/{CLASSES_TIF}"))
        if len(found) != 1:
            have = f"holds {len(found)} maps ({listed([file.parent.name for file in found])})" if found else ""
            raise InputError(
                f"{path}: {have or f'holds no {CLASSES_TIF}'}; expected the folder of one map, as predict wrote it"
            )
        path = found[0]
    elif not path.is_file():
        raise InputError(f"{path}: there is no such file or folder; expected a map, as predict wrote it")
    elif path.suffix.lower() not in TIFF_SUFFIXES:
        raise InputError(f"{path}: expected a map: a folder that predict wrote, or its {CLASSES_TIF}")
    raster = read_raster(path, max_pixels=sys.maxsize)
    with raster.open() as dataset, answered(path):
        count, bands = dataset.count, dataset.descriptions
    if count != 1 or raster.dtype != "uint8" or (bands[0] or CLASS_BAND) != CLASS_BAND:
        what = bands[0] if count == 1 and bands[0] else f"{count} bands of {raster.dtype}"
        raise InputError(f"{path}: holds {what}; expected one band of class ids, as in {CLASSES_TIF}")
    if raster.transform.is_identity and raster.gcps:
        raise InputError(f"{path}: is placed by ground control points alone; warp it with gdalwarp first")
    return ClassMap(raster)


def survey(found: ClassMap, progress: Progress, visit: Visit | None = None) -> Survey:
    """Read the whole map once, and count it; `visit` sees every strip."""
    raster = found.raster
    areas = pixel_areas(raster.transform, raster.crs, raster.height, raster.width) if raster.georeferenced else None
    pixels, m2 = np.zeros(IGNORE + 1, np.int64), np.zeros(IGNORE + 1)
    hasher = blake2b(digest_size=16)
    for row, ids in found.strips():
        hasher.update(ids.tobytes())
        flat = ids.ravel()
        pixels += np.bincount(flat, minlength=IGNORE + 1)
        if areas is not None:
            each = np.broadcast_to(areas.block(row, row + len(ids)), ids.shape)
            m2 += np.bincount(flat, weights=each.ravel(), minlength=IGNORE + 1)
        if visit is not None:
            visit(row, ids)
        progress("reading pixels", (row + len(ids)) * raster.width, raster.height * raster.width)
    names = {i: name for i, name in names_in(found.path).items() if i < IGNORE}
    classes = sorted({*names, *np.flatnonzero(pixels[:IGNORE]).tolist()})
    if not pixels[:IGNORE].any():
        raise InputError(f"{found.path}: every pixel is nodata; there is nothing to sample or to score")
    place = (tuple(raster.transform), raster.crs and raster.crs.to_wkt(), raster.height, raster.width)
    grid = repr((place, int(pixels[:IGNORE].sum())))
    return Survey(
        tuple(classes),
        tuple(names.get(i, f"class_{i}") for i in classes),
        pixels[classes],
        None if areas is None else m2[classes],
        digest("map", hasher.digest(), grid),
        digest("grid", grid),
        _spread(areas),
    )


def _spread(areas: PixelAreas | None) -> float:
    if areas is None:
        return 0.0
    each = areas.nodes if areas.rows is None else areas.rows
    each = each[each > 0]
    return float(each.max() / each.min() - 1) if each.size else 0.0
