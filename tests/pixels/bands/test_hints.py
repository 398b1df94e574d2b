"""Which bands are proposed: by names and colour interpretation, never by position, and never alpha."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from terrazzo.errors import InputError
from terrazzo.pixels.bands.band_files import colours_of_set
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.bands.kinds import colour_of
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.rasters import noise, write_raster

RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
GREY, ALPHA, OTHER = ColorInterp.gray, ColorInterp.alpha, ColorInterp.undefined


def refusal(path: Path, n_bands: int = 3, trained: BandReading | None = None) -> str:
    with pytest.raises(InputError) as caught:
        choose(read_raster(path), n_bands, trained=trained)
    assert "\n" not in str(caught.value)
    return str(caught.value).partition("the model takes ")[2]


def named(path: Path, names: tuple[str, ...], colors: tuple[ColorInterp, ...], dtype: str = "uint8") -> Path:
    """A raster of bands with these names (empty: none) and colour interpretations."""
    write_raster(path, noise(len(names), 4, 5).astype(dtype), photometric="minisblack")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = colors
        for band, name in enumerate(names, start=1):
            if name:
                dataset.set_band_description(band, name)
    return path


@pytest.mark.parametrize(
    ("names", "colors", "words"),
    [
        (("B02", "B03", "B04", "B08"), (GREY, OTHER, OTHER, OTHER), "3; choose them, as in --bands 3,2,1"),
        (("SR_B2", "SR_B3", "SR_B4", "SR_B5"), (GREY, OTHER, OTHER, OTHER), "as in --bands 3,2,1"),
        (("nir", "Red", "Green", "Blue"), (GREY, OTHER, OTHER, OTHER), "as in --bands 2,3,4"),
        (("B02", "B03", "B04", "B08"), (*RGB, OTHER), "as in --bands 3,2,1"),
        (("coastal_blue", "blue", "green_i", "green", "red", "nir"), (GREY, *[OTHER] * 5), "as in --bands 5,4,2"),
        (("", "", "", "", ""), (OTHER, *RGB, OTHER), "as in --bands 2,3,4"),
        (("", ""), (GREY, ALPHA), "as in --bands 1,1,1"),
        (("",), (GREY,), "as in --bands 1,1,1"),
        (("", "", "", "", ""), (GREY, *[OTHER] * 4), "choose 3 of them by number or name, with --bands"),
        (("B05", "B06", "B07", "B08"), (GREY, *[OTHER] * 3), "choose 3 of them by number or name, with --bands"),
        (("red", "red", "green", "blue"), (GREY, *[OTHER] * 3), "choose 3 of them by number or name, with --bands"),
        (("dsm",), (GREY,), "give a raster of red, green and blue"),
        (("", ""), (GREY, OTHER), "give a raster with those bands"),
    ],
)
def test_bands_are_proposed_by_what_they_show(
    tmp_path: Path, names: tuple[str, ...], colors: tuple[ColorInterp, ...], words: str
) -> None:
    assert refusal(named(tmp_path / "a.tif", names, colors)).endswith(words)


def test_a_model_that_knows_its_bands_is_offered_those(tmp_path: Path) -> None:
    """Trained on red, nir: red is B04 by its number, nir is there by its own name."""
    path = named(tmp_path / "a.tif", ("B02", "B04", "NIR"), (GREY, OTHER, OTHER))
    assert refusal(path, 2, BandReading(("red", "nir"))).endswith("2; choose them, as in --bands 2,3")
    assert "--bands 1" not in refusal(path, 2, BandReading(("red", "swir")))


def test_alpha_is_offered_as_a_band_only_where_all_are_wanted(tmp_path: Path) -> None:
    path = named(tmp_path / "a.tif", ("", "", "", ""), (*RGB, ALPHA))
    words = refusal(path, 4)
    assert words.endswith("4; its alpha is left out; if that is a band, read it with --bands 1,2,3,4")


@pytest.mark.parametrize(
    ("names", "one", "expected"),
    [
        (("L_B{}.TIF", "234"), "L_B2.TIF", "red=L_B4.TIF,green=L_B3.TIF,blue=L_B2.TIF"),
        (("LC09_L1TP_224077_SR_B{}.TIF", "12345"), "LC09_L1TP_224077_SR_B5.TIF", "red=LC09_L1TP_224077_SR_B4.TIF,"),
        (("LT05_L2SP_SR_B{}.tif", "1234"), "LT05_L2SP_SR_B1.tif", "red=LT05_L2SP_SR_B3.tif,green=LT05_L2SP_SR_B2.tif"),
        (("T32_B0{}_10m.tif", "2348"), "T32_B08_10m.tif", "blue=T32_B02_10m.tif"),
        (("B0{}.tif", "234"), "B04.tif", "red=B04.tif,green=B03.tif,blue=B02.tif"),
    ],
)
def test_one_band_of_a_set_names_the_three_as_one_raster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str], one: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in names[1]:
        write_raster(Path(names[0].format(number)), noise(1, 3, 4))
    words = refusal(Path(one))
    assert words.startswith('3; it is one band of a set; give three as one raster, as in "')
    assert expected in words
    assert "--bands" not in words


def test_a_set_by_colour_names_and_none_where_a_colour_is_missing(tmp_path: Path) -> None:
    for name in ("ortho_red", "ortho_green", "ortho_blue", "ortho_nir", "other_red", "other_green"):
        write_raster(tmp_path / f"{name}.tif", noise(1, 3, 4))
    found = colours_of_set(tmp_path / "ortho_nir.tif")
    assert found == {colour: tmp_path / f"ortho_{colour}.tif" for colour in ("red", "green", "blue")}
    assert colours_of_set(tmp_path / "other_red.tif") is None


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("Band 4", "red"),
        ("B4 (red)", "red"),
        ("Red (665 nm)", "red"),
        ("SR_B2", "blue"),
        ("Green-560", "green"),
        ("coastal blue", None),
        ("green_i", None),
        ("red edge", None),
        ("B4 (green)", None),
        ("near infrared", None),
        ("4", None),
        ("", None),
    ],
)
def test_words_that_say_nothing_of_the_colour_are_passed_over(name: str, colour: str | None) -> None:
    assert colour_of(name) == colour


def test_values_are_no_matter(tmp_path: Path) -> None:
    path = named(tmp_path / "a.tif", ("B02", "B03", "B04", "B08"), (GREY, OTHER, OTHER, OTHER), "uint16")
    assert refusal(path).endswith("as in --bands 3,2,1")
    assert np.dtype(read_raster(path).dtype) == np.uint16
