"""Rasters in stores and zips: their addresses, read as web addresses are, and never with a lost slash."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.errors import ImageError, InputError
from terrazzo.maps.inputs import find_pictures
from terrazzo.pixels.rasters.elsewhere import Elsewhere, address_of
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.remote import Url
from tests.worlds.mapping import read_map
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with `a b.zip` that holds `sub/scene.tif`."""
    monkeypatch.chdir(tmp_path)
    write_raster(tmp_path / "scene.tif", noise(3, 45, 70))
    with zipfile.ZipFile("a b.zip", "w") as archive:
        archive.write("scene.tif", "sub/scene.tif")
        archive.writestr("note.txt", "text")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "opened_as", "name"),
    [
        ("s3://bucket/north/scene.tif", "/vsis3/bucket/north/scene.tif", "scene.tif"),
        ("S3://bucket/scene.tif", "/vsis3/bucket/scene.tif", "scene.tif"),
        ("gs://bucket/scene 1.jp2", "/vsigs/bucket/scene 1.jp2", "scene 1.jp2"),
        ("az://box/scene#2.tif", "/vsiaz/box/scene#2.tif", "scene#2.tif"),
        ("/vsis3/bucket/scene.tif", "/vsis3/bucket/scene.tif", "scene.tif"),
    ],
)
def test_an_address_of_a_store_keeps_every_character(word: str, opened_as: str, name: str) -> None:
    found = address_of(word)
    assert isinstance(found, Elsewhere)
    assert (str(found), found.gdal_path, found.name) == (word, opened_as, name)


def test_the_name_that_gdal_gives_a_web_address_is_that_address() -> None:
    assert address_of("/vsicurl/https://host/a.tif") == Url("https://host/a.tif")


@pytest.mark.parametrize(
    "word",
    [
        "zip://a b.zip!sub/scene.tif",
        "zip://a b.zip!/sub/scene.tif",
        "zip:a b.zip!sub/scene.tif",
        "zip://sub/scene.tif::a b.zip",
        "/vsizip/a b.zip/sub/scene.tif",
        "/vsizip/{a b.zip}/sub/scene.tif",
    ],
)
def test_a_raster_in_a_zip_is_read_however_it_is_named(here: Path, word: str) -> None:
    (file,) = find_pictures([word], Path("out")).rasters
    assert str(file.path) == word
    assert file.folder(Path("out")) == Path("out/scene")
    raster = read_raster(file.path)
    assert (raster.height, raster.width) == (45, 70)
    before = raster.identity
    assert read_raster(file.path).identity == before
    with zipfile.ZipFile("a b.zip", "a") as archive:
        archive.writestr("more.txt", "text")
    assert read_raster(find_pictures([word], Path("out")).rasters[0].path).identity != before, "a changed zip"


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("ftp://host/a.tif", "ftp://host/a.tif: is an address that cannot be read; read are https://, s3://, gs://,"),
        ("wms:http://host/a", "wms:http://host/a: is an address that cannot be read; read are https://, s3://, gs://,"),
        ("hdfs://host/a.tif", "download the file"),
        ("s3://bucket", "s3://bucket: names no file in a store; expected s3://bucket/scene.tif"),
        ("s3://bucket/../a.tif", "names no file in a store"),
        ("s3://bucket/scene.vrt", "s3://bucket/scene.vrt: is not a raster by its name; addresses of .tif, .tiff, .jp2"),
        ("/vsimem/a.tif", "/vsimem/a.tif: is a name of GDAL's virtual file systems that is not read"),
        ("/vsizip//vsicurl/http://host/a.zip/a.tif", "is no zip on this machine"),
        ("zip://lost.zip!a.tif", "zip://lost.zip!a.tif: lost.zip is no zip on this machine"),
        ("zip://a b.zip", "name one of its rasters, as in 'zip://a b.zip!sub/scene.tif'"),
        ("zip://a b.zip!note.txt", "names no raster in a b.zip (.tif, .tiff, .jp2); name one of its rasters"),
        ("a b.zip", "a b.zip: is a zip; unpack it, or name the raster in it: 'zip://a b.zip!sub/scene.tif'"),
        (Path("s3://bucket/a.tif"), "s3:/bucket/a.tif: an address must be given as text; as a path it lacks a slash"),
        ("NETCDF:scene.nc:red", "take it out first: gdal_translate 'NETCDF:scene.nc:red' part.tif"),
        ("s3:/bucket/a.tif", "s3:/bucket/a.tif: no such file or folder"),
    ],
)
def test_what_cannot_be_read_is_refused_at_the_start_in_one_line(here: Path, word: str | Path, words: str) -> None:
    with pytest.raises(InputError) as caught:
        find_pictures([word], Path("out"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a:b.tif", "C:scene.tif", "zip:scene.tif", "12:30 flight.tif"])
def test_local_names_with_colons_are_local(here: Path, name: str) -> None:
    path = write_raster(here / name, noise(3, 5, 6))
    (file,) = find_pictures([name], Path("out")).rasters
    assert isinstance(file.path, Path)
    assert file.path.resolve() == path.resolve()
    (file,) = find_pictures([f"file://{here}/scene.tif"], Path("out")).rasters
    assert file.path == here / "scene.tif"


# --- a store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A bucket of a store that speaks S3 as far as unsigned requests do."""
    bucket = tmp_path / "server" / "bucket"
    bucket.mkdir(parents=True)
    words = [sys.executable, "-m", "tests.worlds.range_server", str(bucket.parent)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        monkeypatch.setenv("AWS_S3_ENDPOINT", f"127.0.0.1:{int(process.stdout.readline())}")
        monkeypatch.setenv("AWS_HTTPS", "NO")
        monkeypatch.setenv("AWS_VIRTUAL_HOSTING", "FALSE")
        monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
        yield bucket
        process.terminate()


def test_a_raster_in_a_store_is_mapped_and_the_finished_map_kept(store: Path, tmp_path: Path) -> None:
    write_raster(store / "scene.tif", noise(3, 45, 70))
    model = write_model(tmp_path / "model.safetensors")
    options = {"out": tmp_path / "maps", "device": "cpu", "precision": "32", "vector_format": "none"}
    done = terrazzo.predict(model, "s3://bucket/scene.tif", **options)
    (ids,) = read_map(tmp_path / "maps" / "scene" / "classes.tif")
    np.testing.assert_array_equal(ids, noise(3, 45, 70).argmax(axis=0))
    assert done.written == ("scene.tif",)
    asked = {line.split()[0] for line in (store / ".asked").read_text().splitlines()}
    assert asked == {"/bucket/scene.tif"}, "no other file is asked for"
    assert terrazzo.predict(model, "s3://bucket/scene.tif", **options).kept == ("scene.tif",)
    write_raster(store / "scene.tif", noise(3, 45, 70, seed=1))
    with pytest.raises(terrazzo.errors.OutputExistsError):
        terrazzo.predict(model, "s3://bucket/scene.tif", **options)


def test_a_file_that_the_store_lacks_is_refused_in_one_line(store: Path) -> None:
    found = address_of("s3://bucket/lost.tif")
    assert found is not None
    with pytest.raises(ImageError) as caught:
        read_raster(found)
    assert str(caught.value).startswith("s3://bucket/lost.tif: is no raster, or damaged (")
    assert str(caught.value).endswith("check the address and the rights, or download it")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
