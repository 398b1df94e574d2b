"""A map as tiles of Web Mercator (WebMercatorQuad): 256 px, in exactly the colours of its classes, else transparent.

Law: a pixel of a tile has the class of the pixel of classes.tif that holds its centre, a thousandth of a pixel
aside at most. In a zoom that shows the map smaller than it is, that pixel is one of an overview.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT

from terrazzo.maps.pieces.sums import NODATA
from terrazzo.pixels.bounds import Bounds
from terrazzo.pixels.rasters.gdal import answered, gdal
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import WEB_MERCATOR, WORLD, mercator_bounds, mercator_pixel

SIDE = 256
DEEPEST = 24
"""The greatest zoom: pixels of 9 mm at the equator."""
_NEAR = 0.001
"""Pixels of the map by which GDAL's interpolated coordinates may be off. GDAL refuses 0."""


@dataclass(frozen=True)
class Tile:
    """A tile by its zoom, its column from the west and its row from the north."""

    zoom: int
    x: int
    y: int

    @property
    def exists(self) -> bool:
        """Whether Web Mercator has such a tile."""
        return 0 <= self.zoom <= DEEPEST and all(0 <= at < 1 << self.zoom for at in (self.x, self.y))

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right and top in metres of Web Mercator."""
        side = 2 * WORLD / (1 << self.zoom)
        left, top = self.x * side - WORLD, WORLD - self.y * side
        return left, top - side, left + side, top


@dataclass(frozen=True)
class Tiling:
    """Which tiles show a map."""

    bounds: Bounds
    """The map's extent in metres of Web Mercator."""
    least: int
    """The zoom in which the whole map is at most as wide and high as a tile."""
    greatest: int
    """The first zoom in which no pixel of the map is left out."""

    def shows(self, tile: Tile) -> bool:
        """Whether a tile may hold a pixel of the map."""
        left, bottom, right, top = tile.bounds
        return left < self.bounds[2] and right > self.bounds[0] and bottom < self.bounds[3] and top > self.bounds[1]


def tiling_of(finished: FinishedMap) -> Tiling | None:
    """The tiles of a map; None without a place in Web Mercator."""
    bounds = mercator_bounds(finished)
    if bounds is None:
        return None
    left, bottom, right, top = bounds
    greatest = _zoom(math.ceil(math.log2(resolution(0) / mercator_pixel(finished))))
    least = _zoom(math.floor(math.log2(2 * WORLD / max(right - left, top - bottom))))
    return Tiling(bounds, min(least, greatest), greatest)


def resolution(zoom: int) -> float:
    """The side of a tile's pixel in metres of Web Mercator."""
    return 2 * WORLD / SIDE / (1 << zoom)


def draw_tile(finished: FinishedMap, tiling: Tiling, tile: Tile) -> bytes:
    """A tile as PNG with red, green, blue and alpha; wholly transparent beside the map."""
    ids = _sampled(finished, tile) if tiling.shows(tile) else np.full((SIDE, SIDE), NODATA, np.uint8)
    palette = np.zeros((256, 4), np.uint8)
    for each in finished.classes:
        palette[each.id] = (*each.color, 255)
    stream = io.BytesIO()
    Image.fromarray(palette[ids]).save(stream, "PNG")
    return stream.getvalue()


def _sampled(finished: FinishedMap, tile: Tile) -> NDArray[np.uint8]:
    """The class ids (SIDE, SIDE) at the centres of a tile's pixels, by nearest neighbour."""
    path = finished.raster.path
    left, _, _, top = tile.bounds
    side = resolution(tile.zoom)
    shrunk = side / mercator_pixel(finished)
    with gdal(), answered(path), rasterio.open(path, driver="GTiff") as whole:
        fitting = [level for level, factor in enumerate(whole.overviews(1)) if factor <= shrunk]
    overview = {"overview_level": fitting[-1]} if fitting else {}
    grid = {"transform": Affine(side, 0, left, 0, -side, top), "width": SIDE, "height": SIDE}
    with (
        gdal(),
        answered(path),
        rasterio.open(path, driver="GTiff", **overview) as source,
        WarpedVRT(
            source,
            crs=WEB_MERCATOR,
            src_nodata=NODATA,
            nodata=NODATA,
            resampling=Resampling.nearest,
            tolerance=_NEAR,
            **grid,
        ) as warped,
    ):
        ids: NDArray[np.uint8] = warped.read(1)
        return ids


def _zoom(zoom: int) -> int:
    return min(max(zoom, 0), DEEPEST)
