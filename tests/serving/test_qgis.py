"""QGIS draws the addresses of a map: as XYZ tiles, as WMTS and as a Cloud-Optimized GeoTIFF read over HTTP.

From a server with tokens it does so by an authentication configuration, and without one it draws nothing.

It runs Debian's QGIS without a screen, and is skipped where that is not installed.
"""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from terrazzo.serving.http.site import Site
from terrazzo.serving.results.tiles import Tile, resolution
from tests.worlds.finished import MAP_ID, stripes, write_finished
from tests.worlds.models import COLORS, NAMES
from tests.worlds.page_site import served
from tests.worlds.site import TOKENS

SYSTEM_PYTHON = Path("/usr/bin/python3")
DRAW = Path(__file__).parents[1] / "worlds" / "qgis_layers.py"
HEIGHT, WIDTH, NODATA_COLS = 700, 600, 40
OFFSCREEN = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": "", "NO_PROXY": "127.0.0.1"}


def has_qgis() -> bool:
    if not SYSTEM_PYTHON.is_file():
        return False
    words = [SYSTEM_PYTHON, "-c", "import qgis.core"]
    return subprocess.run(words, env=OFFSCREEN, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not has_qgis(), reason=f"{SYSTEM_PYTHON} cannot import qgis (apt: python3-qgis)")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Of each kind of layer what QGIS said and its picture (H, W, 4); tiles as one of 3 x 3 around the middle."""
    root = tmp_path_factory.mktemp("qgis")
    with served(root) as (address, site):
        base = finished_map(address, site)
        about = httpx.get(f"{base}/tilejson.json").json()
        drawing = drawn_by_qgis(root, layers(base, about))
        yield {**drawing, "tiles": tiles_around(base, about)}


@pytest.fixture(scope="module", params=["logged-in", "wrong", "without"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Whether the token is given, and what QGIS makes of a server that asks for one."""
    root = tmp_path_factory.mktemp("guarded")
    with served(root, TOKENS) as (address, site):
        base = finished_map(address, site, "anna")
        about = httpx.get(f"{base}/tilejson.json", auth=("qgis", "token-of-anna")).json()
        wanted = layers(base, about)
        if request.param != "without":
            password = "token-of-anna" if request.param == "logged-in" else "wrong"
            for layer in wanted.values():
                is_file = layer["provider"] == "gdal"
                layer["uri"] = f"{layer['uri']} authcfg='AUTHCFG'" if is_file else f"authcfg=AUTHCFG&{layer['uri']}"
                layer["login"] = ["qgis", password]
        return request.param, drawn_by_qgis(root, wanted)


def finished_map(address: str, site: Site, owner: str = "") -> str:
    """The address of a map that nobody had to compute."""
    write_finished(site.folder, stripes(HEIGHT, WIDTH, nodata_cols=NODATA_COLS))
    site.jobs.submit("tiny", {"image": "0" * 32}, owner, MAP_ID)
    return f"{address}maps/{MAP_ID}"


def layers(base: str, about: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The addresses of a map as QGIS takes them.

    A WMTS layer ends at the outline of the map, and QGIS stretches what it draws of it to whole pixels of the window.
    So the tile in the middle is drawn too, around which the map goes on.
    """
    extent, size = three_by_three(about), [768, 768]
    xyz = f"type=xyz&url={quote(about['tiles'][0])}&zmin={about['minzoom']}&zmax={about['maxzoom']}"
    wmts = (
        "contextualWMSLegend=0&crs=EPSG:3857&dpiMode=7&format=image/png&layers=classes&styles=default"
        f"&tileMatrixSet=WebMercatorQuad&url={quote(f'{base}/wmts.xml')}"
    )
    web = {"provider": "wms", "crs": "EPSG:3857", "extent": extent, "size": size}
    inside = {"extent": [*Tile(*middle(about)).bounds], "size": [256, 256]}
    place = {"extent": [500_000, 4_000_000 - HEIGHT / 2, 500_000 + WIDTH / 2, 4_000_000], "size": [WIDTH, HEIGHT]}
    return {
        "xyz": {"uri": xyz, **web},
        "wmts": {"uri": wmts, **web},
        "wmts-inside": {"uri": wmts, **web, **inside},
        "cog": {"uri": f"/vsicurl/{base}/classes.tif", "provider": "gdal", "crs": "EPSG:32618", **place},
    }


def drawn_by_qgis(root: Path, wanted: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What QGIS said of each layer and in its log, and the pictures of those that it drew."""
    for name, layer in wanted.items():
        layer["out"] = str(root / f"{name}.png")
    (root / "request.json").write_text(json.dumps(list(wanted.values())))
    done = subprocess.run(
        [SYSTEM_PYTHON, DRAW, root / "request.json"],
        env={**OFFSCREEN, "HOME": str(root), "QGIS_CUSTOM_CONFIG_PATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    pictures = {name: picture(root / f"{name}.png") for name in wanted if (root / f"{name}.png").is_file()}
    return {"said": dict(zip(wanted, answer["layers"], strict=True)), "log": answer["log"], **pictures}


def middle(about: dict[str, Any]) -> tuple[int, int, int]:
    """The tile of the greatest zoom that holds the middle of the map: zoom, x, y."""
    west, south, east, north = about["bounds"]
    zoom, n = about["maxzoom"], 2 ** about["maxzoom"]
    longitude, latitude = np.radians([(west + east) / 2, (south + north) / 2])
    x, y = (longitude / np.pi + 1) / 2 * n, (1 - np.arcsinh(np.tan(latitude)) / np.pi) / 2 * n
    return zoom, int(x), int(y)


def three_by_three(about: dict[str, Any]) -> list[float]:
    zoom, x, y = middle(about)
    first, last = Tile(zoom, x - 1, y + 1).bounds, Tile(zoom, x + 1, y - 1).bounds
    assert last[2] - first[0] == pytest.approx(768 * resolution(zoom))
    return [*first[:2], *last[2:]]


def tiles_around(base: str, about: dict[str, Any]) -> NDArray[np.uint8]:
    """The nine tiles as the server draws them, side by side."""
    zoom, x, y = middle(about)
    sheet = np.zeros((768, 768, 4), np.uint8)
    for i in range(3):
        for j in range(3):
            tile = httpx.get(f"{base}/tiles/{zoom}/{x - 1 + j}/{y - 1 + i}.png")
            with Image.open(io.BytesIO(tile.content)) as opened:
                sheet[256 * i : 256 * (i + 1), 256 * j : 256 * (j + 1)] = np.asarray(opened)
    return sheet


def picture(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGBA"))


@pytest.mark.parametrize("kind", ["xyz", "wmts", "cog"])
def test_a_layer_is_valid_and_nothing_is_complained_about(drawn: dict[str, Any], kind: str) -> None:
    said = drawn["said"][kind]
    assert said["valid"]
    assert said["errors"] == []
    assert [line for line in drawn["log"] if line[1] > 0] == []


def test_tiles_are_drawn_as_the_server_sends_them(drawn: dict[str, Any]) -> None:
    np.testing.assert_array_equal(drawn["xyz"], drawn["tiles"])
    np.testing.assert_array_equal(drawn["wmts-inside"], drawn["tiles"][256:512, 256:512])


@pytest.mark.parametrize("kind", ["xyz", "wmts"])
def test_tiles_have_the_colours_of_the_palette_alone(drawn: dict[str, Any], kind: str) -> None:
    colors = {tuple(color) for color in np.unique(drawn[kind].reshape(-1, 4), axis=0).tolist()}
    assert colors == {(0, 0, 0, 0), *((*color, 255) for color in COLORS)}


def test_the_geotiff_is_drawn_pixel_by_pixel_in_the_palette(drawn: dict[str, Any]) -> None:
    palette = np.array([(*color, 255) for color in COLORS], np.uint8)
    expected = palette[stripes(HEIGHT, WIDTH).argmax(axis=0)]
    expected[:, WIDTH - NODATA_COLS :] = 0
    np.testing.assert_array_equal(drawn["cog"], expected)


def test_the_geotiff_brings_the_names_of_its_classes(drawn: dict[str, Any]) -> None:
    names = dict(drawn["said"]["cog"]["classes"])
    assert [names[i] for i in range(3)] == [*NAMES]


def test_a_server_with_tokens_draws_for_qgis_with_the_token_as_password_and_for_nobody_else(
    guarded: tuple[str, dict[str, Any]], drawn: dict[str, Any]
) -> None:
    login, found = guarded
    for kind in ("xyz", "wmts-inside", "cog"):
        if login == "logged-in":
            assert found["said"][kind]["valid"], kind
            np.testing.assert_array_equal(found[kind], drawn[kind])
        else:
            assert not found.get(kind, np.zeros(1)).any(), kind
