"""From an upload to a map, in a browser: what is drawn, hidden, read out and compared."""

import numpy as np
import pytest

from tests.worlds.browsing import Looking
from tests.worlds.models import COLORS
from tests.worlds.page_site import HEIGHT, NODATA_COLS, WIDTH

RED, GREEN, BLUE = COLORS


@pytest.fixture(params=["scene", "photo"])
def shown(look: Looking, request: pytest.FixtureRequest) -> Looking:
    """A GeoTIFF, and a photo, uploaded and mapped."""
    look.upload(request.getfixturevalue(request.param))
    return look


def area(look: Looking) -> float:
    """Pixels of the screen that a pixel of the map takes: the Red ones are 100 x 210."""
    return look.share(RED) * look.canvas()[..., 0].size / (100 * HEIGHT)


def test_the_classes_have_the_shares_of_the_canvas_that_they_have_of_the_map(shown: Looking) -> None:
    red, green, blue = (shown.share(color) for color in COLORS)
    seen = WIDTH - NODATA_COLS - 100
    assert red > 0.1
    assert green / red == pytest.approx(70 * seen / (100 * HEIGHT), rel=0.03)
    assert blue / red == pytest.approx(140 * seen / (100 * HEIGHT), rel=0.03)


def test_hiding_a_class_takes_its_colour_off_the_canvas_without_a_request(shown: Looking) -> None:
    shown.page.mouse.move(1100, 400)
    asked = len(shown.requests)
    shown.page.uncheck("#class-0")
    shown.settle()
    assert shown.share(RED) == 0
    assert shown.share(GREEN) > 0.03
    assert [one for one in shown.requests[asked:] if not one.endswith("/jobs")] == []
    shown.page.check("#class-0")
    shown.settle()
    assert shown.share(RED) > 0.1


def test_opacity_and_least_confidence_ask_for_nothing(shown: Looking) -> None:
    asked = len(shown.requests)
    shown.page.fill("#opacity", "0")
    shown.settle()
    assert [shown.share(color) for color in COLORS] == [0, 0, 0]
    shown.page.fill("#opacity", "100")
    shown.page.fill("#least", "100")
    shown.settle()
    sure = shown.share(RED)
    shown.page.fill("#least", "0")
    shown.settle()
    assert shown.share(RED) >= sure
    assert [one for one in shown.requests[asked:] if not one.endswith("/jobs")] == []


def test_swiping_shows_the_image_left_of_the_line(shown: Looking) -> None:
    shown.page.fill("#swipe", "50")
    shown.settle()
    canvas = shown.canvas().astype(int)
    middle = canvas.shape[1] // 2
    left, right = canvas[:, : middle - 4], canvas[:, middle + 4 :]
    assert not (np.abs(left - RED) <= 2).all(axis=2).any()
    assert (np.abs(left - (250, 10, 10)) <= 12).all(axis=2).mean() > 0.2  # as the image has it
    assert (np.abs(right - BLUE) <= 2).all(axis=2).mean() > 0.1
    assert shown.page.locator("#swipe-left").inner_text() == "Image"


def test_the_pointer_and_the_button_read_the_pixel(shown: Looking) -> None:
    box = shown.page.locator("#map").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown.page.mouse.move(middle[0] - 5, middle[1] - 5)
    shown.page.mouse.move(*middle)
    readout = shown.page.locator("#readout")
    readout.filter(has_text="Blue").wait_for()  # column 150, row 105
    assert "% confident" in readout.inner_text()
    shown.page.mouse.move(box["x"] + 3, box["y"] + 300)
    readout.filter(has_text="Outside the map").wait_for()
    shown.page.click("#inspect")
    readout.filter(has_text="Blue").wait_for()
    assert readout.get_attribute("aria-live") == "polite"


def test_the_legend_states_areas_and_shares(shown: Looking) -> None:
    rows = [row.inner_text().split() for row in shown.page.locator("#legend tbody tr").all()]
    total = HEIGHT * (WIDTH - NODATA_COLS)
    in_hectares = shown.page.locator("#legend-unit").inner_text() == "Hectares"
    amounts = [100 * HEIGHT, 70 * 180, 140 * 180]  # pixels of Red, Green and Blue, each of 0.25 m2
    stated = [f"{n * 0.25 / 10_000:.2f}" if in_hectares else f"{n:,}" for n in amounts]
    if in_hectares:
        assert rows == [
            [name, amount, f"{round(n / total * 1000) / 10:g}", "%"]
            for name, amount, n in zip(("Red", "Green", "Blue"), stated, amounts, strict=True)
        ]
    else:
        assert [row[0] for row in rows] == ["Red", "Green", "Blue"]


def test_downloads_and_addresses_are_there(shown: Looking) -> None:
    for summary in shown.page.locator("#result summary").all():
        summary.click()
    links = {link.inner_text(): link.get_attribute("href") for link in shown.page.locator("#downloads a").all()}
    with shown.page.expect_download() as download:
        shown.page.click("text=Areas (CSV)")
    assert download.value.path().read_text().startswith("class_id,class,pixels")
    assert links["Class map (GeoTIFF)"].endswith("/classes.tif")
    fields = [field.input_value() for field in shown.page.locator("#addresses input").all()]
    assert fields[-1].startswith(f"/vsicurl/{shown.url}maps/")
    if shown.page.locator("#legend-unit").inner_text() == "Hectares":
        assert fields[0].endswith("/tiles/{z}/{x}/{y}.png")
        assert fields[1].endswith("/wmts.xml")
    else:
        assert len(fields) == 1


def test_the_list_survives_a_reload_and_shows_the_map_again(shown: Looking) -> None:
    names = shown.page.locator("#history strong").all_inner_texts()
    shown.page.reload()
    shown.page.wait_for_selector("#result:not([hidden])")
    shown.settle()
    assert shown.page.locator("#history strong").all_inner_texts() == names
    assert shown.share(RED) > 0.1
