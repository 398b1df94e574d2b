"""What a finished map holds, by class."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.pixels.geodesy import PixelAreas, pixel_areas
from terrazzo.scenes.class_map import ClassMap
from terrazzo.system.files import digest
from terrazzo.system.reporting import Progress

Visit = Callable[[int, NDArray[np.uint8]], None]
"""visit(row, ids): the ids (h, W) of the rows from `row` on; nodata is 255."""


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
    classes = sorted({*found.names, *np.flatnonzero(pixels[:IGNORE]).tolist()})
    if not pixels[:IGNORE].any():
        raise InputError(f"{found.path}: every pixel is nodata; there is nothing to sample or to score")
    place = (tuple(raster.transform), raster.crs and raster.crs.to_wkt(), raster.height, raster.width)
    grid = repr((place, int(pixels[:IGNORE].sum())))
    return Survey(
        tuple(classes),
        tuple(found.names.get(i, f"class_{i}") for i in classes),
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
