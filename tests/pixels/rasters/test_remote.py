"""Rasters on web servers: read in parts, told from changed ones, and refused in one line; and inputs as patterns."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import terrazzo
from terrazzo.errors import ImageError, InputError
from terrazzo.maps.inputs import find_pictures
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from terrazzo.pixels.rasters.remote import Url, url_of
from tests.worlds.mapping import Convolving, contents, map_here, model_file, read_map
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster


@dataclass(frozen=True)
class Site:
    """A folder and the address under which a web server shows it (`tests.worlds.range_server`)."""

    folder: Path
    address: str

    def rules(self, **rules: Any) -> None:
        """How the server behaves from now on."""
        (self.folder / ".site.json").write_text(json.dumps(rules))

    def asked(self) -> list[tuple[str, str]]:
        """The names and ranges that were asked for since the last time."""
        log = self.folder / ".asked"
        lines = log.read_text().splitlines()
        log.unlink()
        return [(path.rpartition("/")[2], ranges) for path, _, ranges in (line.partition(" ") for line in lines)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("server")
    words = [sys.executable, "-m", "tests.worlds.range_server", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        yield folder, f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


@pytest.fixture
def site(server: tuple[Path, str]) -> Site:
    folder = Path(tempfile.mkdtemp(dir=server[0]))
    return Site(folder, f"{server[1]}/{folder.name}")


def url(site: Site, path: str) -> Url:
    found = url_of(f"{site.address}/{path}")
    assert found is not None
    return found


# --- reading


def test_only_what_is_needed_of_a_remote_raster_is_read(site: Site) -> None:
    bands = noise(3, 1100, 1300)
    path = write_raster(site.folder / "a.tif", bands, tiled=True, blockxsize=128, blockysize=128)
    raster = read_raster(url(site, "a.tif?signature=x%2Fy"))
    assert (raster.height, raster.width, raster.n_bytes) == (1100, 1300, path.stat().st_size)
    site.asked()
    with open_pixels(raster, Choice((3, 1))) as source:
        pixels, valid = source.read(500, 600, 70, 80)
    np.testing.assert_array_equal(pixels, bands[[2, 0], 500:570, 600:680].transpose(1, 2, 0))
    assert valid.all()
    asked = site.asked()
    bounds = [words.removeprefix("bytes=").split("-") for _, words in asked if words]
    assert sum(int(last) + 1 - int(first) for first, last in bounds) < 0.4 * raster.n_bytes
    assert {name for name, _ in asked} == {"a.tif?signature=x%2Fy"}, "no other file is asked for"


def test_the_map_of_a_remote_raster_is_that_of_the_file(site: Site, tmp_path: Path) -> None:
    path = write_raster(site.folder / "scene.tif", noise(3, 61, 90), nodata=3, compress="deflate")
    model = model_file(tmp_path)
    for name, place in (("local", path), ("remote", url(site, "scene.tif"))):
        job = plan_map(place, tmp_path / name, model, MapOptions())
        map_here(job, Convolving(model.header))
    np.testing.assert_array_equal(*(read_map(tmp_path / name / "classes.tif") for name in ("local", "remote")))
    assert contents(tmp_path / "local").keys() == contents(tmp_path / "remote").keys()


def test_predict_takes_an_address_and_keeps_the_finished_map(site: Site, tmp_path: Path) -> None:
    write_raster(site.folder / "scene 1.tif", noise(3, 45, 70))
    model = write_model(tmp_path / "model.safetensors")
    options = {"out": tmp_path / "maps", "device": "cpu", "precision": "32"}
    done = terrazzo.predict(model, f"{site.address}/scene%201.tif?token=secret", **options)
    assert done.written == ("scene 1.tif",)
    (ids,) = read_map(tmp_path / "maps" / "scene 1" / "classes.tif")
    np.testing.assert_array_equal(ids, noise(3, 45, 70).argmax(axis=0))
    record = (tmp_path / "maps" / "scene 1" / "run.json").read_text()
    assert f"{site.address}/scene%201.tif?..." in record
    assert "secret" not in record
    again = terrazzo.predict(model, f"{site.address}/scene%201.tif?token=another", **options)
    assert again.kept == ("scene 1.tif",), "signed anew, the same file"


def test_a_changed_file_is_another_raster(site: Site) -> None:
    path = write_raster(site.folder / "a.tif", noise(3, 45, 70))
    address = url(site, "a.tif?day=1")
    before = read_raster(address).identity
    assert read_raster(address).identity == before
    site.rules(version="2")
    assert read_raster(address).identity != before, "by its ETag"
    site.rules(version=None)
    before = read_raster(address).identity
    assert read_raster(url(site, "a.tif?day=2")).identity != before, "without a version the query counts"
    path.write_bytes(path.read_bytes() + b"\0")
    assert read_raster(address).identity != before, "by its length"


# --- what is refused


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("lost.tif", {}, "lost.tif: the server answers 404 Not Found; check the address, or download the file"),
        ("a.tif", {"ranges": False}, "a.tif: its server sends no parts of files (range requests); download it"),
        (
            "a.tif",
            {"moved": {"a.tif": "file:///etc/passwd"}},
            "Redirection to url 'file:///etc/passwd' is not allowed",
        ),
        ("a.tif", {"moved": {"a.tif": "ftp://host/a.tif"}}, "redirects to ftp://host/a.tif, which is not on a web"),
        ("note.tif", {}, "note.tif: is no raster, or damaged"),
        ("lfs.tif", {}, "lfs.tif: is a git-lfs pointer"),
        ("a.tif", {"fails": True}, "a.tif: is no raster, or damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(site: Site, path: str, change: dict[str, Any], words: str) -> None:
    write_raster(site.folder / "a.tif", noise(3, 45, 70))
    (site.folder / "note.tif").write_text("<html>Please log in</html>")
    (site.folder / "lfs.tif").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1")
    site.rules(**change)
    with pytest.raises(ImageError) as caught:
        read_raster(url(site, path))
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{site.address}/{path}: ")
    assert "\n" not in str(caught.value)


def test_a_connection_that_ends_while_reading_names_the_place(site: Site) -> None:
    write_raster(site.folder / "a.tif", noise(3, 1100, 1300), tiled=True, blockxsize=128, blockysize=128)
    raster = read_raster(url(site, "a.tif"))
    with open_pixels(raster, Choice((1, 2, 3))) as source:
        site.rules(fails=True)
        with pytest.raises(ImageError, match=r"a\.tif: rows 500 to 569, .* cannot be read .*; .*run the command again"):
            source.read(500, 600, 70, 80)


def test_a_redirection_on_the_web_is_followed(site: Site) -> None:
    bands = noise(3, 45, 70)
    write_raster(site.folder / "b.tif", bands)
    site.rules(moved={"a.tif": "b.tif"})
    raster = read_raster(url(site, "a.tif"))
    with open_pixels(raster, Choice((1,))) as source:
        np.testing.assert_array_equal(source.read(0, 0, 45, 70)[0][..., 0], bands[0])


def test_a_host_that_does_not_answer_is_named() -> None:
    with pytest.raises(ImageError, match=r"^http://127\.0\.0\.1:9/a\.tif: cannot be reached \(Connection refused\)"):
        read_raster(Url("http://127.0.0.1:9/a.tif"))


@pytest.mark.parametrize(
    ("word", "words"),
    [
        (
            "https://host/a.vrt",
            "https://host/a.vrt: is not a raster by its name; addresses of .tif, .tiff, .jp2 are read",
        ),
        ("https://host/photo.png", "is not a raster by its name"),
        ("https://host/", "is not a raster by its name"),
        ("https:///a.tif", "is not a web address; expected https://host/scene.tif"),
        ("https://host:port/a.tif", "is not a web address"),
        ("https://host/a b.tif", "is not a web address"),
        (Path("https://host/a.tif"), "https:/host/a.tif: an address must be given as text"),
        ("https://me:secret@host/a.tif", "host/a.tif: the address holds a user name"),
    ],
)
def test_addresses_that_cannot_be_used(word: str | Path, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_pictures([word], tmp_path)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["a/../../b.tif", "x/..%2F..%2Fb.tif", "x/..%5C..%5Cb.tif", "b.tif?path=/c.tif#d"])
def test_the_map_of_an_address_stays_below_out(path: str, tmp_path: Path) -> None:
    (found,) = find_pictures([f"https://host/{path}"], tmp_path).rasters
    assert found.folder(tmp_path) == tmp_path / "b"


def test_two_addresses_of_one_name_are_refused(tmp_path: Path) -> None:
    words = ["https://host/a/scene.tif?x=1", "HTTPS://host/b/scene.tif"]
    with pytest.raises(InputError, match=r"https://host/a/scene\.tif\?\.\.\. and .* would both be written to scene/"):
        find_pictures(words, tmp_path)
    assert len(find_pictures(words[:1] * 2, tmp_path).rasters) == 1


# --- patterns


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    for name in (
        "a.tif",
        "b.TIFF",
        "c.png",
        "note.txt",
        "d.vrt",
        ".e.tif",
        "north/a.tif",
        "north/far/f.jp2",
        "x[1].tif",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("pattern", "names", "ignored"),
    [
        ("*.tif", ["a.tif", "x[1].tif"], 1),
        ("?.*", ["a.tif", "b.TIFF", "c.png"], 1),
        ("**/*.tif", ["a.tif", "north/a.tif", "x[1].tif"], 1),
        ("n*", ["north/a.tif", "north/far/f.jp2"], 1),
        ("*/*.tif", ["north/a.tif"], 0),
        ("*.vrt", ["d.vrt"], 0),
        ("x[1].tif", ["x[1].tif"], 0),
        ("[ab].tif", ["a.tif"], 0),
    ],
)
def test_patterns_that_no_shell_replaced(
    scenes: Path, tmp_path: Path, pattern: str, names: list[str], ignored: int
) -> None:
    found = find_pictures([str(scenes / pattern)], tmp_path / "maps")
    assert sorted(str(file.name) for file in (*found.pictures, *found.rasters)) == names
    assert found.ignored == ignored


def test_a_pattern_passes_over_the_maps_below_it(scenes: Path) -> None:
    (scenes / "maps").mkdir()
    (scenes / "maps" / "a.tif").touch()
    found = find_pictures([scenes / "**" / "*.tif"], scenes / "maps")
    assert "maps/a.tif" not in [str(file.name) for file in found.rasters]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("*.jpg", r"\*\.jpg: no image matches this pattern"), ("lost/*.tif", "no image matches"), ("*.txt", "no image")],
)
def test_patterns_that_match_nothing_are_refused(scenes: Path, tmp_path: Path, pattern: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_pictures([scenes / pattern], tmp_path / "maps")
