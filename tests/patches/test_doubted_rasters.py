"""What prepare and inspect tell of rasters that are not what they seem: nodata is a class, alpha a band."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import InputError
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.rasters import GRID, noise, write_raster

SIDE = 64
RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


def thirds() -> NDArray[np.uint8]:
    """64 x 96 ids: 0, 1 and 2, each on a third of the columns."""
    return np.broadcast_to(np.repeat([0, 1, 2], 32), (SIDE, 96)).astype(np.uint8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """scene.tif, labels.tif with the nodata value 0, and a table whose class 0 is ground."""
    monkeypatch.chdir(tmp_path)
    write_raster(tmp_path / "scene.tif", noise(3, SIDE, 96))
    write_raster(tmp_path / "labels.tif", thirds()[None], nodata=0)
    (tmp_path / "classes.csv").write_text("id,name\n0,ground\n1,roof\n2,water\n")
    return tmp_path


def prepared(said: list[str], scene: str, labels: str, **options: object) -> NDArray[np.int64]:
    """The pixels of each id (256,) in the patches."""
    given = {"out": "out", "patch_size": 32, "split": "patch", "overwrite": True, "say": said.append, **options}
    done = terrazzo.prepare(scene, labels, **given)
    return np.bincount(np.asarray(done.patches.masks).ravel(), minlength=256)


def test_a_row_of_the_table_for_the_nodata_value_wins_and_is_said(here: Path) -> None:
    said: list[str] = []
    pixels = prepared(said, "scene.tif", "labels.tif", classes="classes.csv")
    np.testing.assert_array_equal(pixels[[0, 1, 2, 255]], [2048, 2048, 2048, 0])
    assert "labels.tif: its nodata value is the class 'ground' of --classes, so its pixels are that class" in said
    told = terrazzo.inspect("scene.tif", "labels.tif", classes="classes.csv", patch_size=32)
    assert told.refusal is None
    assert any("its nodata value is the class 'ground'" in line for line in told.lines())


def test_without_such_a_row_nodata_is_no_label(here: Path) -> None:
    (here / "classes.csv").write_text("id,name\n1,roof\n2,water\n")
    said: list[str] = []
    pixels = prepared(said, "scene.tif", "labels.tif", classes="classes.csv")
    np.testing.assert_array_equal(pixels[[0, 1]], [2048, 2048])
    assert not any("nodata value is the class" in line for line in said)


def test_labels_on_another_grid_keep_the_class_of_their_nodata_value(here: Path) -> None:
    """Labels of half the resolution, without the last 16 columns of the scene: there, nothing is known."""
    half = Affine(1, 0, GRID.c, 0, -1, GRID.f)
    write_raster(here / "half.tif", thirds()[::2, ::2][None, :, :40], nodata=0, transform=half)
    pixels = prepared([], "scene.tif", "half.tif", classes="classes.csv")
    np.testing.assert_array_equal(pixels[[0, 1, 2, 255]], [2048, 2048, 1024, 1024])


def test_the_class_of_a_colour_wins_over_nodata_too(here: Path) -> None:
    """Black is ground in the table and the nodata value of the labels."""
    colours = np.array([[0, 0, 0], [200, 10, 10], [10, 10, 200]], np.uint8)[thirds()]
    write_raster(here / "colours.tif", colours.transpose(2, 0, 1), nodata=0)
    (here / "classes.csv").write_text("name,color\nground,#000000\nroof,#C80A0A\nwater,#0A0AC8\n")
    said: list[str] = []
    pixels = prepared(said, "scene.tif", "colours.tif", classes="classes.csv")
    np.testing.assert_array_equal(pixels[[0, 1, 2, 255]], [2048, 2048, 2048, 0])
    assert any("its nodata value is the class 'ground'" in line for line in said)


def test_near_infrared_called_alpha_is_said_and_kept_with_bands(here: Path) -> None:
    """The fourth band is 0 where there is water: as alpha, a third of the scene has no valid image."""
    infrared = np.where(thirds() == 2, 0, 90 + np.arange(96) % 60).astype(np.uint8)
    write_raster(here / "nir.tif", np.concatenate([noise(3, SIDE, 96), infrared[None]]), colors=RGBA)
    said: list[str] = []
    pixels = prepared(said, "nir.tif", "labels.tif", classes="classes.csv")
    assert any("warning: nir.tif: band 4 is called alpha but holds 61 values" in line for line in said)
    assert pixels[2] == 0
    said.clear()
    pixels = prepared(said, "nir.tif", "labels.tif", classes="classes.csv", bands="1,2,3,4")
    np.testing.assert_array_equal(pixels[[0, 1, 2, 255]], [2048, 2048, 2048, 0])
    assert not any("alpha but" in line for line in said)


def test_nodata_takes_a_collar_out_of_training_and_makes_other_patches(here: Path) -> None:
    bands = noise(3, SIDE, 96)
    bands[:, :, :32] = 0
    write_raster(here / "collar.tif", bands)
    said: list[str] = []
    prepared(said, "collar.tif", "labels.tif", classes="classes.csv")
    rim = "a rim of 33% of the pixels has the value 0 and gets a class"
    assert any(rim in line for line in said)
    for nodata in (None, 0):
        told = terrazzo.inspect("collar.tif", "labels.tif", classes="classes.csv", patch_size=32, nodata=nodata)
        assert any(rim in line for line in told.lines()) == (nodata is None)
    said.clear()
    pixels = prepared(said, "collar.tif", "labels.tif", classes="classes.csv", nodata=0)
    np.testing.assert_array_equal(pixels[[0, 1, 2]], [0, 2048, 2048])
    assert not any("a rim of" in line for line in said)


def test_pictures_whose_fourth_band_is_no_alpha_are_said(here: Path) -> None:
    infrared = np.broadcast_to(90 + np.arange(96) % 60, (SIDE, 96)).astype(np.uint8)
    for name in "ab":
        for folder, bands in (
            ("images", np.concatenate([noise(3, SIDE, 96), infrared[None]])),
            ("labels", thirds()[None]),
        ):
            (here / "set" / folder).mkdir(parents=True, exist_ok=True)
            write_raster(here / "set" / folder / f"{name}.tif", bands)
    said: list[str] = []
    terrazzo.prepare("set", classes="classes.csv", out="out", patch_size=32, split="patch", say=said.append)
    (line,) = [line for line in said if "alpha" in line]
    assert "band 4 is called alpha but holds 60 values, as near infrared does; pictures are read without it" in line
    assert line in terrazzo.inspect("set", classes="classes.csv", patch_size=32).lines()


# --- other formats, and a raster alone


def test_scenes_of_other_formats_are_prepared_and_the_rest_is_told_a_command(here: Path) -> None:
    write_raster(here / "scene.img", noise(3, SIDE, 96), driver="HFA")
    layer = write_layer(here / "labels.gpkg", [rectangle(0, 0, SIDE, 96)], ["field"])
    pixels = prepared([], "scene.img", str(layer), class_field="cover")
    assert pixels[0] == SIDE * 96
    (here / "scene.ecw").write_text("")
    with pytest.raises(InputError, match=r"scene\.ecw: make a GeoTIFF of it: gdal_translate scene\.ecw scene\.tif"):
        terrazzo.prepare("scene.ecw", layer, out="out", class_field="cover")


def test_a_raster_alone_is_described_with_figures_worked_by_hand(here: Path) -> None:
    """Values 0 to 9 and 10 to 19; without the nodata value 0, the first band's mean is 5."""
    bands = np.arange(20, dtype=np.int16).reshape(2, 2, 5)
    write_raster(here / "a.tif", bands, nodata=0)
    with rasterio.open(here / "a.tif", "r+") as dataset:
        dataset.set_band_description(1, "dsm")
        dataset.set_band_description(2, "slope")
        dataset.write(np.where(bands == 10, 0, bands))
    told = terrazzo.inspect("a.tif")
    assert told.lines()[:5] == [
        "a.tif: a raster of 2 x 5 px of int16",
        "bands: 1 dsm, 2 slope",
        "CRS: EPSG:32618; ground sampling distance: 0.5 m",
        "nodata: 0; 90.0% of the pixels are valid",
        "values: band, name, least, greatest, mean, standard deviation",
    ]
    assert told.lines()[5].split() == ["1", "dsm", "1", "9", "5", "2.58199"]
    assert "labels are wanted for training: polygons of classes, or a label raster" in told.lines()
    value = told.to_dict()
    assert (value["layout"], value["nodata"], value["refusal"]) == ("raster", 0, None)
    assert value["statistics"][1] == {
        "band": 2,
        "name": "slope",
        "min": 11,
        "max": 19,
        "mean": 15,
        "std": pytest.approx(2.58199),
    }
    write_raster(here / "b.tif", bands[:1])
    assert (
        "nodata: none, and 9 by --nodata; 90.0% of the pixels are valid" in terrazzo.inspect("b.tif", nodata=9).lines()
    )


def test_a_raster_alone_is_known_by_what_lies_beside_it_and_others_are_told_a_command(here: Path) -> None:
    write_raster(here / "scene.dat", noise(3, SIDE, 96), driver="ENVI")
    assert terrazzo.inspect("scene.dat").lines()[0] == "scene.dat: a raster of 64 x 96 px of uint8"
    (here / "scene.ecw").write_text("")
    with pytest.raises(
        InputError, match=r"scene\.ecw: is no raster that is read; make a GeoTIFF of it: gdal_translate"
    ):
        terrazzo.inspect("scene.ecw")


def test_options_that_need_labels_are_refused_for_a_raster_alone(here: Path) -> None:
    with pytest.raises(InputError, match=r"--patch-size: is for data sets; scene\.tif is a raster without labels"):
        terrazzo.inspect("scene.tif", patch_size=64)


def test_addresses_keep_their_slashes_where_they_are_refused(here: Path) -> None:
    for word, labels in (("s3://bucket/a.tif", "labels.tif"), ("scene.tif", "https://host/labels.gpkg")):
        with pytest.raises(InputError, match=r"//.*: is an address; expected a file or folder on this machine"):
            terrazzo.prepare(word, labels, out="out")
    with pytest.raises(InputError, match=r"s3://bucket/a\.tif: is an address"):
        terrazzo.inspect("s3://bucket/a.tif")
