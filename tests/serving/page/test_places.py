"""Rasters of other places and grids in a browser, and tiles of another server below them."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rasterio.transform import Affine

from tests.worlds.browsing import Looking, looking
from tests.worlds.models import COLORS
from tests.worlds.page_site import CRS, HEIGHT, NODATA_COLS, TRANSFORM, WIDTH, served, three_classes, write_scene
from tests.worlds.rasters import write_raster

PLACES = {
    "Lambert-93": ("EPSG:2154", Affine(0.5, 0, 700_000, 0, -0.5, 6_600_000)),
    "degrees": ("EPSG:4326", Affine(1e-5, 0, 9.1, 0, -1e-5, 48.7)),
    "rotated by 30 degrees": (CRS, TRANSFORM @ Affine.rotation(30)),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_raster_of_another_grid_is_shown_and_read_out(look: Looking, tmp_path: Path, place: str) -> None:
    """Its classes have the shares of the canvas that they have of the map, and its middle is Blue."""
    crs, transform = PLACES[place]
    path = write_raster(tmp_path / "there.tif", three_classes(), crs=crs, transform=transform, nodata=0)
    look.upload(path)
    red, green, blue = (look.share(color) for color in COLORS)
    seen = WIDTH - NODATA_COLS - 100
    assert red > 0.03
    assert green / red == pytest.approx(70 * seen / (100 * HEIGHT), rel=0.05)
    assert blue / red == pytest.approx(140 * seen / (100 * HEIGHT), rel=0.05)
    look.page.click("#inspect")
    look.page.locator("#readout").filter(has_text="Blue").wait_for()


def test_the_tiles_of_basemap_are_shown_around_a_map_and_nothing_else_is_asked(browser: Any, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (256, 256), (250, 200, 0)).save(picture, "PNG")
    there = "https://tiles.example.org/"
    with served(tmp_path, basemap=f"{there}{{z}}/{{x}}/{{y}}.png") as (url, _), looking(browser, url) as look:
        headers = {"Access-Control-Allow-Origin": "*"}
        look.page.route(
            f"{there}**",
            lambda route: route.fulfill(body=picture.getvalue(), content_type="image/png", headers=headers),
        )
        look.upload(write_scene(tmp_path / "scene.tif"))
        assert look.share((250, 200, 0)) > 0.05
        assert look.share(COLORS[0]) > 0.05
        foreign = [one for one in look.requests if not one.startswith((url, "blob:", "data:"))]
        assert foreign
        assert all(one.startswith(there) for one in foreign)
        assert look.complaints == []
