"""The page around the map: keyboard, phone, accessibility, login, refusals, cancelling."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.browsing import AXE, PHONE, WIDE, Looking, looking
from tests.worlds.models import COLORS
from tests.worlds.page_site import HEIGHT, NODATA_COLS, WIDTH, served, write_photo, write_scene

needs_axe = pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (npm ci in web/)")


def refused(page: Any, url: str) -> None:
    """Open the page with a wrong token, which it says."""
    page.goto(url)
    page.wait_for_selector("#login[open]")
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.locator("#login-notice").filter(has_text="token").wait_for()


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_before_and_after_a_result(
    browser: Any, site: tuple[str, Any], scene: Path, size: tuple[int, int], scheme: str
) -> None:
    with looking(browser, site[0], size, scheme) as look:
        assert look.violations() == []
        look.upload(scene)
        for summary in look.page.locator("summary").all():
            summary.click()
        look.page.click("#square")
        look.page.fill("#swipe", "30")
        assert look.violations() == []
    look.check()


@needs_axe
def test_axe_finds_nothing_at_the_login_and_its_refusal(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path, "ada user a-long-token-of-hers\n") as (url, _):
        for width, height in (WIDE, PHONE):
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                refused(page, url)
                assert Looking(page, url).violations() == []
                context.close()


def test_a_phone_shows_everything_within_its_width(browser: Any, site: tuple[str, Any], scene: Path) -> None:
    with looking(browser, site[0], PHONE) as look:
        look.upload(scene)
        assert look.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        assert look.share(COLORS[0]) > 0.05
        box = look.page.locator("#map").bounding_box()
        assert box["width"] == PHONE[0]
        for _ in range(5):
            look.page.click("#square")
        look.page.click("#improve")
        look.page.locator("#corrections li").filter(has_text="kept aside").wait_for()
        assert look.page.locator("#swipe-left").inner_text() == "Before"
        assert look.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    look.check()


def test_all_is_done_with_the_keyboard(look: Looking, scene: Path) -> None:
    look.upload(scene)
    page = look.page
    page.focus("#map")
    before = look.canvas()
    page.keyboard.press("ArrowRight")
    look.settle()
    assert (look.canvas() != before).any()
    page.focus("#class-0")
    page.keyboard.press("Space")
    look.settle()
    assert look.share(COLORS[0]) == 0
    page.focus("#swipe")
    page.keyboard.press("ArrowRight")
    assert page.locator("output[for=swipe]").inner_text() == "1 %"
    page.focus("#inspect")
    page.keyboard.press("Enter")
    page.locator("#readout").filter(has_text="Blue").wait_for()
    page.focus("#square")
    page.keyboard.press("Enter")
    assert page.locator("#corrections li").count() == 1
    page.focus("#improve")
    page.keyboard.press("Enter")
    page.locator("#result-about").filter(has_text="50 % → 75 %").wait_for()
    page.focus("#swipe")
    page.keyboard.press("Home")
    assert page.locator("output[for=swipe]").inner_text() == "off"
    page.focus("#downloads-box summary")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Areas (CSV)").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.path().read_text().startswith("class_id,class,pixels")
    focused = []
    page.evaluate("document.activeElement.blur()")
    for _ in range(90):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.id"))
    assert {
        "map",
        "inspect",
        "model",
        "files",
        "folder",
        "class-0",
        "opacity",
        "least",
        "swipe",
        "draw",
        "improve",
    } <= {*focused}


def test_a_job_is_cancelled(look: Looking, tmp_path: Path) -> None:
    look.page.set_input_files("#files", write_scene(tmp_path / "slow.tif"))
    row = look.page.locator("#history li.running").filter(has_text="slow.tif")
    row.filter(has_text="30 %, about 75 s left").wait_for()
    row.get_by_role("button", name="Cancel: slow.tif").click()
    look.page.locator("#history li.dismissed").filter(has_text="slow.tif").wait_for()


def test_a_refusal_stands_beside_the_name_of_the_file(look: Looking, tmp_path: Path) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*\0 and no more")
    look.expected = ("Failed to load resource",)
    look.page.set_input_files("#files", tmp_path / "broken.tif")
    look.page.locator("#uploads .failed").filter(has_text="broken.tif: ").wait_for()
    (tmp_path / "notes.constructor").write_text("x")
    look.page.set_input_files("#files", tmp_path / "notes.constructor")
    look.page.locator("#notice").filter(has_text="None of these files is an image").wait_for()


def test_a_deleted_map_is_no_longer_shown(look: Looking, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> & 'more'.png"
    look.upload(write_photo(tmp_path / name))
    look.page.click("#square")
    look.page.get_by_role("button", name=f"Delete: {name}").click()
    look.page.wait_for_selector("#welcome", state="visible")
    assert not look.page.is_visible("#result")
    assert not look.page.is_visible("#correcting")
    assert look.page.is_disabled("#inspect")
    look.settle()
    assert [look.share(color) for color in COLORS] == [0, 0, 0]
    assert look.page.evaluate("location.hash") == ""


def test_a_folder_is_mapped_whole(look: Looking, tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        write_photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    look.page.set_input_files("#folder", tmp_path)
    assert look.page.locator("#uploads .left-out").inner_text().startswith("1 file was left out")
    for name in ("one.png", "two.png"):
        look.page.locator("#history li.successful").filter(has_text=name).first.wait_for()


def test_a_large_file_goes_in_pieces_and_on_where_it_was_cut_off(look: Looking, scene: Path, tmp_path: Path) -> None:
    """Nine MiB are two pieces. The first try of the second one is lost."""
    large = tmp_path / "large.tif"
    large.write_bytes(scene.read_bytes() + bytes((9 << 20) - scene.stat().st_size))
    offsets: list[str] = []

    def pass_on(route: Any) -> None:
        if route.request.method != "PATCH":
            return route.continue_()
        offsets.append(route.request.headers["upload-offset"])
        return route.abort() if len(offsets) == 2 else route.continue_()

    look.expected = ("Failed to load resource",)
    look.page.route("**/uploads/*", pass_on)
    look.upload(large)
    assert offsets == ["0", str(8 << 20), str(8 << 20)]


def test_an_upload_is_cancelled_and_leaves_nothing(
    look: Looking, scene: Path, tmp_path: Path, site: tuple[str, Any]
) -> None:
    """The second of two pieces never arrives."""
    large = tmp_path / "large.tif"
    large.write_bytes(scene.read_bytes() + bytes((9 << 20) - scene.stat().st_size))
    before = {upload.id for upload in site[1].uploads.uploads()}
    pieces: list[Any] = []

    def hold(route: Any) -> None:
        if route.request.method != "PATCH" or not pieces:
            pieces.append(route.request.method)
            return route.continue_()
        return None

    look.page.route("**/uploads/*", hold)
    look.page.set_input_files("#files", large)
    row = look.page.locator("#uploads li").filter(has_text="large.tif: uploading, 89 %")
    row.get_by_role("button", name="Cancel: large.tif").click()
    row.wait_for(state="detached")
    look.page.wait_for_function("() => document.querySelector('#uploads').childElementCount === 0")
    assert {upload.id for upload in site[1].uploads.uploads()} == before


def test_leaving_with_unsaved_polygons_asks_first(look: Looking, photo: Path) -> None:
    look.upload(photo)
    asked: list[str] = []
    look.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    look.page.click("#square")
    look.page.reload()
    assert asked == ["beforeunload"]
    look.page.wait_for_selector("#result:not([hidden])")
    look.page.reload()
    assert asked == ["beforeunload"]


def test_of_two_maps_wanted_at_once_the_last_is_shown(look: Looking, scene: Path, photo: Path) -> None:
    look.upload(scene)
    look.upload(photo)
    wanted = look.page.evaluate("location.hash.slice(1)")
    order = [f"Show: {scene.name}", f"Shown: {photo.name}"]
    look.page.evaluate(
        "names => names.forEach(name => document.querySelector(`[aria-label='${name}']`).click())", order
    )
    look.settle()
    assert look.page.evaluate("location.hash.slice(1)") == wanted
    assert look.page.locator("#result-heading").inner_text() == photo.name


@pytest.mark.parametrize("image", ["scene", "photo"])
def test_without_webgl_the_tiles_of_the_server_or_a_picture_are_shown(
    browser: Any, site: tuple[str, Any], image: str, request: pytest.FixtureRequest
) -> None:
    """A photo has no tiles. Its classes lie where its pixels are, so that they have the shares that they have there."""
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
    context.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) "
        "{ return kind.startsWith('webgl') ? null : get.call(this, kind, ...more); };"
    )
    page = context.new_page()
    look = Looking(page, site[0])
    page.on("request", lambda request: look.requests.append(request.url))
    page.on("console", lambda message: look.complaints.append(message.text))
    page.goto(site[0])
    page.wait_for_selector("#model option", state="attached")
    look.upload(request.getfixturevalue(image))
    assert bool([one for one in look.requests if "/tiles/" in one]) == (image == "scene")
    red, green, blue = (look.share(color) for color in COLORS)
    assert red > 0.1
    seen = WIDTH - NODATA_COLS - 100
    assert green / red == pytest.approx(70 * seen / (100 * HEIGHT), rel=0.05)
    assert blue / red == pytest.approx(140 * seen / (100 * HEIGHT), rel=0.05)
    assert page.is_disabled("#class-0")
    assert page.is_visible("#no-webgl")
    page.click("#inspect")
    page.locator("#readout").filter(has_text="Blue").wait_for()
    page.click("#square")
    page.click("#improve")
    page.locator("#result-about").filter(has_text="50 % → 75 %").wait_for()
    page.uncheck("#outlines")
    look.settle()
    right = look.canvas()[:, WIDE[0] // 2 :].astype(int)
    assert not (abs(right - COLORS[0]) <= 2).all(axis=2).any()
    context.close()
    look.check()


def test_a_token_is_asked_for_and_opens_the_page(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path, "ada user a-long-token-of-hers\n") as (url, _):
        context = browser.new_context()
        page = context.new_page()
        refused(page, url)
        page.fill("#token", "a-long-token-of-hers")
        page.keyboard.press("Enter")
        page.wait_for_selector("#model option", state="attached")
        assert not page.is_visible("#login")
        page.click("#logout")
        page.wait_for_selector("#login[open]")
        context.close()


def test_no_style_or_script_stands_in_the_html(look: Looking) -> None:
    html = (Path(__file__).parents[3] / "src/terrazzo/serving/page/index.html").read_text()
    assert "style=" not in html
    assert "<style" not in html
    assert html.count("<script") == html.count('<script type="module" src=') == 1
    assert json.dumps(look.complaints) == "[]"
