"""Polygons drawn, saved, suggested and learnt from, in a browser."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.warp
from numpy.typing import NDArray

from tests.worlds.browsing import Looking
from tests.worlds.models import COLORS
from tests.worlds.page_site import CRS, HEIGHT, TRANSFORM, WIDTH


def saved(look: Looking, site: tuple[str, Any]) -> list[dict[str, Any]]:
    """The corrections that the server keeps of the map that is shown."""
    look.page.click("#save")
    look.page.locator("#correct-state").filter(has_text="saved.").wait_for()
    map_id = look.page.evaluate("location.hash.slice(1)")
    found: list[dict[str, Any]] = json.loads(site[1].folder.corrections(map_id).read_text())["features"]
    return found


def test_a_polygon_is_drawn_and_kept_in_pixels_of_a_photo(look: Looking, photo: Path, site: tuple[str, Any]) -> None:
    """The view shows the whole photo, its centre in the middle: (150, 105)."""
    look.upload(photo)
    page = look.page
    page.select_option("#correct-class", "Green")
    page.click("#draw")
    box = page.locator("#map").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    scale = page.evaluate("1") * (box["width"] - 24) / WIDTH
    scale = min(scale, (box["height"] - 24) / HEIGHT)
    corners = [(-30, -20), (30, -20), (30, 20), (-30, 20)]
    for x, y in corners:
        page.mouse.click(middle[0] + x * scale, middle[1] + y * scale)
        page.wait_for_timeout(350)
    page.mouse.dblclick(middle[0] - 30 * scale, middle[1] - 20 * scale)
    page.keyboard.press("Escape")
    (feature,) = saved(look, site)
    assert feature["properties"] == {"class": "Green"}
    xs, ys = zip(*feature["geometry"]["coordinates"][0], strict=True)
    assert [min(xs), max(xs)] == pytest.approx([120, 180], abs=1)
    assert [min(ys), max(ys)] == pytest.approx([85, 125], abs=1)


def test_a_square_of_a_scene_is_kept_in_degrees(look: Looking, scene: Path, site: tuple[str, Any]) -> None:
    look.upload(scene)
    look.page.select_option("#correct-class", "Red")
    look.page.click("#square")
    (feature,) = saved(look, site)
    assert feature["properties"] == {"class": "Red"}
    longitudes, latitudes = zip(*feature["geometry"]["coordinates"][0][:4], strict=True)
    middle = TRANSFORM @ (WIDTH / 2, HEIGHT / 2)
    (longitude,), (latitude,) = rasterio.warp.transform(CRS, "EPSG:4326", [middle[0]], [middle[1]])
    assert sum(longitudes) / 4 == pytest.approx(longitude, abs=1e-6)
    assert sum(latitudes) / 4 == pytest.approx(latitude, abs=1e-6)


def test_corrections_come_back_with_the_map(look: Looking, photo: Path, site: tuple[str, Any]) -> None:
    look.upload(photo)
    look.page.click("#square")
    look.page.select_option("#corrections select", "Blue")
    saved(look, site)
    look.page.reload()
    look.page.locator("#correct-state").filter(has_text="1 polygon saved.").wait_for()
    assert look.page.locator("#corrections select").input_value() == "Blue"
    look.page.get_by_role("button", name="Delete polygon 1, Blue").click()
    assert look.page.locator("#corrections li").count() == 0
    look.page.click("#save")
    look.page.locator("#correct-state").filter(has_text="Saved: no polygon is left.").wait_for()
    map_id = look.page.evaluate("location.hash.slice(1)")
    assert not site[1].folder.corrections(map_id).exists()


def test_accepting_a_box_takes_the_polygons_in_it(look: Looking, photo: Path, site: tuple[str, Any]) -> None:
    look.upload(photo)
    look.page.click("#suggest")
    look.page.locator("#correct-state").filter(has_text="1 place suggested").wait_for()
    look.page.get_by_role("button", name="Accept the polygons of place 1").click()
    (feature,) = saved(look, site)  # of two polygons, the one in the box
    assert feature["properties"] == {"class": "Blue"}
    xs, ys = zip(*feature["geometry"]["coordinates"][0], strict=True)
    assert [min(xs), min(ys), max(xs), max(ys)] == pytest.approx([102, 75, 112, 85])


def share(canvas: NDArray[np.uint8], color: tuple[int, int, int]) -> float:
    """The part of the pixels that have a colour."""
    return float((abs(canvas.astype(int) - color) <= 2).all(axis=2).mean())


@pytest.mark.parametrize("image", ["scene", "photo"])
def test_improving_shows_before_and_after_with_the_scores_and_the_new_version(
    look: Looking, image: str, site: tuple[str, Any], request: pytest.FixtureRequest
) -> None:
    look.upload(request.getfixturevalue(image))
    look.page.click("#square")
    look.page.click("#improve")
    look.page.locator("#result-about").filter(has_text="50 % → 75 %").wait_for()
    look.settle()
    assert look.page.locator("#swipe-left").inner_text() == "Before"
    assert look.page.locator("#swipe-right").inner_text() == "After"
    canvas = look.canvas()
    middle = canvas.shape[1] // 2
    assert share(canvas[:, :middle], COLORS[0]) > 0.1
    assert share(canvas[:, middle:], COLORS[0]) < 0.01  # the map after is Green alone; an outline may still be drawn
    assert share(canvas[:, middle:], COLORS[1]) > 0.1
    assert "tiny-v2, improved from tiny" in look.page.locator("#model").inner_text()
    look.page.select_option("#model", "tiny-v2")
    lineage = "Trained from tiny on 4 polygons. Right on 1 polygon kept aside: 50 % → 75 % of the pixels."
    assert look.page.locator("#model-lineage").inner_text() == lineage
