"""Tiles of Web Mercator show the pixels of classes.tif in the colours of their classes."""

import io

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import WORLD
from terrazzo.serving.results.tiles import DEEPEST, SIDE, Tile, Tiling, draw_tile, resolution, tiling_of
from tests.worlds.models import COLORS


def tiles_of(tiling: Tiling, zoom: int) -> list[Tile]:
    """The tiles that hold a part of the map's extent."""
    side = 2 * WORLD / 2**zoom
    left, bottom, right, top = tiling.bounds
    cols = range(int((left + WORLD) // side), int((right + WORLD) // side) + 1)
    rows = range(int((WORLD - top) // side), int((WORLD - bottom) // side) + 1)
    return [Tile(zoom, x, y) for x in cols for y in rows]


def drawn(finished: FinishedMap, tile: Tile) -> NDArray[np.uint8]:
    tiling = tiling_of(finished)
    assert tiling is not None
    picture = Image.open(io.BytesIO(draw_tile(finished, tiling, tile)))
    assert picture.mode == "RGBA"
    return np.asarray(picture)


def test_the_zooms_are_from_one_tile_to_full_resolution(placed: FinishedMap) -> None:
    """A pixel of 0.619 m: zoom 17 has 1.194 m, zoom 18 0.597 m. The map is 435 m high: zoom 16 has tiles of 611 m."""
    tiling = tiling_of(placed)
    assert tiling is not None
    assert (tiling.least, tiling.greatest) == (16, 18)
    assert resolution(0) == pytest.approx(156543.03392804097)  # OGC 17-083r4, Annex D.1


def test_a_photo_has_no_tiles(photo: FinishedMap) -> None:
    assert tiling_of(photo) is None


def test_the_bounds_of_tiles() -> None:
    assert Tile(0, 0, 0).bounds == pytest.approx((-20037508.342789244, -20037508.342789244, *[20037508.342789244] * 2))
    assert Tile(1, 1, 1).bounds == pytest.approx((0, -20037508.342789244, 20037508.342789244, 0))


@pytest.mark.parametrize(
    ("tile", "exists"),
    [
        (Tile(0, 0, 0), True),
        (Tile(1, 2, 0), False),
        (Tile(1, 0, 2), False),
        (Tile(DEEPEST + 1, 0, 0), False),
        (Tile(3, 7, 7), True),
        (Tile(3, -1, 0), False),
    ],
)
def test_which_tiles_exist(tile: Tile, exists: bool) -> None:
    assert tile.exists == exists


@pytest.mark.parametrize(("zoom", "factor"), [(18, 1), (19, 1), (17, 1), (16, 2)])
def test_a_pixel_of_a_tile_has_the_class_at_its_centre(placed: FinishedMap, zoom: int, factor: int) -> None:
    """Of classes.tif, and of its overview of half the size where a tile's pixels are at least twice as wide.

    Zoom 17 has pixels of 1.194 m, less than twice 0.619 m.
    """
    tiling = tiling_of(placed)
    assert tiling is not None
    level = {"overview_level": 0} if factor == 2 else {}
    with rasterio.open(placed.file("classes.tif"), **level) as classes:
        ids, to_pixels = classes.read(1), ~classes.transform
    to_utm = pyproj.Transformer.from_crs(3857, 32618, always_xy=True)
    rng = np.random.default_rng(zoom)
    compared = 0
    for tile in tiles_of(tiling, zoom):
        picture = drawn(placed, tile)
        left, _, _, top = tile.bounds
        rows, cols = rng.integers(0, SIDE, (2, 1000))
        side = resolution(zoom)
        x, y = to_utm.transform(left + (cols + 0.5) * side, top - (rows + 0.5) * side)
        col, row = to_pixels.a * x + to_pixels.c, to_pixels.e * y + to_pixels.f
        clear = (abs(col - np.round(col)) > 1e-3) & (abs(row - np.round(row)) > 1e-3)
        inside = (col >= 0) & (row >= 0) & (col < ids.shape[1]) & (row < ids.shape[0])
        values = np.full(len(row), 255)
        values[inside] = ids[row[inside].astype(int), col[inside].astype(int)]
        expected = np.zeros((len(row), 4), np.uint8)
        for i, color in enumerate(COLORS):
            expected[values == i] = (*color, 255)
        np.testing.assert_array_equal(picture[rows, cols][clear], expected[clear])
        compared += int((clear & inside).sum())
    assert compared > 1000 or zoom == 16


def test_only_the_colours_of_classes_and_nothing_else_are_drawn(placed: FinishedMap) -> None:
    tiling = tiling_of(placed)
    assert tiling is not None
    for zoom in (0, 12, 16, 18):
        for tile in tiles_of(tiling, zoom):
            found = {tuple(color) for color in np.unique(drawn(placed, tile).reshape(-1, 4), axis=0).tolist()}
            assert found <= {(0, 0, 0, 0), *((*color, 255) for color in COLORS)}


def test_a_tile_beside_the_map_is_empty(placed: FinishedMap) -> None:
    assert not drawn(placed, Tile(18, 0, 0)).any()
