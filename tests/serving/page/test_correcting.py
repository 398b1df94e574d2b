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


def test_no_outline_stays_when_the_polygons_are_hidden_deleted_or_of_another_map(
    look: Looking, scene: Path, photo: Path
) -> None:
    """The canvas is then, pixel for pixel, what it was before any was drawn."""
    page = look.page
    look.upload(scene)
    clean = look.canvas()
    page.click("#square")
    look.settle()
    assert (look.canvas() != clean).any()
    page.uncheck("#outlines")
    look.settle()
    assert (look.canvas() == clean).all()
    page.select_option("#corrections select", "Green")  # what is changed is shown
    look.settle()
    assert page.is_checked("#outlines")
    assert (look.canvas() != clean).any()
    page.get_by_role("button", name="Delete polygon 1, Green").click()
    assert page.is_disabled("#outlines")
    look.settle()
    assert (look.canvas() == clean).all()
    page.click("#save")
    page.locator("#correct-state").filter(has_text="Saved: no polygon is left.").wait_for()
    look.upload(photo)
    page.click("#square")
    page.click("#save")
    page.locator("#correct-state").filter(has_text="saved.").wait_for()
    page.get_by_role("button", name=f"Show: {scene.name}", exact=True).first.click()
    page.wait_for_function("name => document.querySelector('#result-heading').textContent === name", arg=scene.name)
    look.settle()
    assert (look.canvas() == clean).all()


def test_the_corrections_go_on_to_the_improved_map_and_keep_their_part(
    look: Looking, scene: Path, site: tuple[str, Any]
) -> None:
    """Of five polygons the fifth is kept aside. What is drawn then is new."""
    look.upload(scene)
    for _ in range(5):
        look.page.click("#square")
    look.page.click("#improve")
    look.page.locator("#correct-state").filter(has_text="5 polygons saved.").wait_for()
    look.page.locator("#result-about").filter(has_text="50 % → 75 %").wait_for()
    rows = look.page.locator("#corrections li")
    assert ["kept aside" in row.inner_text() for row in rows.all()] == [False] * 4 + [True]
    look.page.get_by_role("button", name="Delete polygon 1, Red").click()
    look.page.select_option("#correct-class", "Blue")
    look.page.click("#square")
    kept = [feature["properties"].get("kept_aside") for feature in saved(look, site)]
    assert kept == [False, False, False, True, None]
    look.page.click("#improve")
    look.page.locator("#correct-state").filter(has_text="5 polygons saved.").wait_for()
    assert rows.count() == 5
    assert ["kept aside" in row.inner_text() for row in rows.all()] == [False] * 3 + [True, False]


def test_the_keyboard_keeps_its_place_in_the_list_of_polygons(look: Looking, photo: Path) -> None:
    """The list is drawn anew at each change; the control that has the focus keeps it, or the next row's takes it."""
    look.upload(photo)
    for _ in range(2):
        look.page.click("#square")
    look.page.focus("#correction-1-class")
    look.page.keyboard.press("ArrowDown")
    assert look.page.locator("#correction-1-class").input_value() == "Green"
    assert look.page.evaluate("document.activeElement.id") == "correction-1-class"
    look.page.focus("#correction-1-delete")
    look.page.keyboard.press("Enter")
    assert look.page.evaluate("document.activeElement.id") == "correction-1-delete"
    look.page.keyboard.press("Enter")
    assert look.page.evaluate("document.activeElement.id") == "square"


def test_two_windows_lose_nothing_of_each_others(look: Looking, photo: Path, site: tuple[str, Any]) -> None:
    """The second one to save is refused until it has read what the first one kept."""
    look.expected = ("Failed to load resource",)
    look.upload(photo)
    other = look.page.context.new_page()
    other.goto(look.page.url)
    other.locator("#result-heading").filter(has_text=photo.name).wait_for()
    other.click("#square")
    look.page.click("#square")
    look.page.click("#square")
    assert len(saved(look, site)) == 2
    other.click("#save")
    other.locator("#correct-state").filter(has_text="changed in another window").wait_for()
    other.reload()
    other.locator("#correct-state").filter(has_text="2 polygons saved.").wait_for()
    other.click("#square")
    other.click("#save")
    other.locator("#correct-state").filter(has_text="3 polygons saved.").wait_for()
    other.close()


def test_a_double_click_is_one_improvement(look: Looking, photo: Path, site: tuple[str, Any]) -> None:
    look.upload(photo)
    map_id = look.page.evaluate("location.hash.slice(1)")
    look.page.click("#square")
    look.page.dblclick("#improve")
    look.page.locator("#result-about").filter(has_text="50 % → 75 %").wait_for()
    jobs = [job for job in site[1].jobs.jobs() if job.inputs.get("map") == map_id]
    assert [job.process for job in jobs] == ["improve"]


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
    look.page.uncheck("#outlines")
    look.settle()
    assert look.page.locator("#swipe-left").inner_text() == "Before"
    assert look.page.locator("#swipe-right").inner_text() == "After"
    canvas = look.canvas()
    middle = canvas.shape[1] // 2
    assert share(canvas[:, :middle], COLORS[0]) > 0.1
    assert share(canvas[:, middle:], COLORS[0]) == 0  # the map after is Green alone
    assert share(canvas[:, middle:], COLORS[1]) > 0.1
    look.page.fill("#opacity", "0")  # of both maps, so that the image is seen
    look.settle()
    assert [look.share(color) for color in COLORS] == [0, 0, 0]
    assert "tiny-v2, improved from tiny" in look.page.locator("#model").inner_text()
    look.page.select_option("#model", "tiny-v2")
    lineage = "Trained from tiny on 4 polygons. Right on 1 polygon kept aside: 50 % → 75 % of the pixels."
    assert look.page.locator("#model-lineage").inner_text() == lineage
