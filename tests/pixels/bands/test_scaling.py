"""What stored values become for models of 8 bits and of deeper values, worked by hand."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.bands.reading import BandReading, BandScales
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from tests.worlds.deep import name_bands
from tests.worlds.rasters import write_raster

NAMES = ("red", "dsm")
DEEP = BandReading(NAMES, levels=((0.0, 10000.0), (-5.0, 45.0)))
EIGHT = BandReading(NAMES)


def raster_of(folder: Path, bands: NDArray[np.generic], **profile: object) -> Path:
    return name_bands(write_raster(folder / "a.tif", bands, photometric="minisblack", **profile), NAMES)


def read(path: Path, choice: Choice) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    raster = read_raster(path)
    with open_pixels(raster, choice) as source:
        return source.read(0, 0, raster.height, raster.width)


def test_a_deep_model_sees_what_is_stored(tmp_path: Path) -> None:
    path = raster_of(tmp_path, np.array([[[0, 7, 12000]], [[-5, 0, 45]]], np.float64))
    pixels, valid = read(path, choose(read_raster(path), 2, trained=DEEP))
    assert pixels.dtype == np.float32
    assert pixels[0].tolist() == [[0, -5], [7, 0], [12000, 45]]
    assert valid.all()


def test_a_scale_brings_other_units_to_those_of_the_training(tmp_path: Path) -> None:
    """Reflectance 0..1 becomes 0..10000, feet become metres; beyond both goes on in a line."""
    path = raster_of(tmp_path, np.array([[[0, 0.5, 1.25]], [[0, 32.81, 65.62]]], np.float32))
    scale = BandScales((("red", (0, 1)), ("dsm", (-16.405, 147.645))))  # -5 and 45 m
    pixels, _ = read(path, choose(read_raster(path), 2, scale=scale, trained=DEEP))
    np.testing.assert_allclose(pixels[0], [[0, 0], [5000, 10], [12500, 20]], atol=1e-4)
    alone = choose(read_raster(path), 2, scale=BandScales((("dsm", (-16.405, 147.645)),)), trained=DEEP)
    np.testing.assert_allclose(read(path, alone)[0][0, :, 0], [0, 0.5, 1.25])


def test_a_scale_a_band_makes_eight_bits(tmp_path: Path) -> None:
    """0..510 halves, 0..25.5 times ten; what lies beyond is cut off."""
    path = raster_of(tmp_path, np.array([[[0, 100, 600]], [[-1, 10, 25.5]]], np.float32))
    scale = BandScales((("red", (0, 510)),), (0, 25.5))
    choice = choose(read_raster(path), 2, scale=scale, trained=EIGHT)
    pixels, _ = read(path, choice)
    assert pixels.dtype == np.uint8
    assert pixels[0].tolist() == [[0, 0], [50, 100], [255, 255]]
    assert read(path, Choice((1, 2), ((0, 510), (0, 25.5))))[0].tolist() == pixels.tolist()


def test_a_model_of_eight_bits_remembers_a_scale_a_band(tmp_path: Path) -> None:
    path = raster_of(tmp_path, np.array([[[0, 255, 510]], [[0, 10, 51]]], np.uint16))
    choice = choose(read_raster(path), 2, trained=BandReading(NAMES, ((0.0, 510.0), (0.0, 51.0))))
    assert read(path, choice)[0][0].tolist() == [[0, 0], [128, 50], [255, 255]]


def test_one_pair_for_all_is_one_pair_however_it_is_given(tmp_path: Path) -> None:
    """So that maps and patches made with one pair keep their keys."""
    raster = read_raster(raster_of(tmp_path, np.zeros((2, 1, 3), np.uint16)))
    for scale in ((0.0, 9.0), BandScales((("1", (0.0, 9.0)), ("2", (0.0, 9.0))))):
        choice = choose(raster, 2, scale=scale)
        assert choice.identity == "Choice(bands=(1, 2), scale=(0.0, 9.0))"


@pytest.mark.parametrize(
    ("scale", "trained", "words"),
    [
        (None, EIGHT, "holds uint16 values, a network sees uint8; say with --scale LOW,HIGH"),
        (BandScales((("red", (0, 9)),)), EIGHT, "--scale names 1 of 2 bands; a network of 8 bits needs one for each"),
        (BandScales((("nir", (0, 9)),)), DEEP, "--scale nir: names no band, or several; it has 2 bands (1 red, 2 dsm)"),
        ("auto", DEEP, "--scale auto: is for prepare, which records the range; give LOW,HIGH, or leave it out"),
    ],
)
def test_scales_that_do_not_suit_are_refused(
    tmp_path: Path, scale: BandScales | None, trained: BandReading, words: str
) -> None:
    raster = read_raster(raster_of(tmp_path, np.zeros((2, 1, 3), np.uint16)))
    with pytest.raises(InputError) as caught:
        choose(raster, 2, scale=scale, trained=trained)
    assert words in str(caught.value)


def test_a_band_that_is_not_read_takes_no_scale(tmp_path: Path) -> None:
    raster = read_raster(raster_of(tmp_path, np.zeros((2, 1, 3), np.uint16)))
    with pytest.raises(InputError, match=r"--scale dsm: is not among the bands that are read \(red\)"):
        choose(raster, 1, ("red",), BandScales((("dsm", (0, 9)),)))


# --- what is missing, and what is invalid

NAN, INF = np.nan, np.inf


def test_what_is_not_finite_is_missing_and_invalid_where_all_bands_are(tmp_path: Path) -> None:
    path = raster_of(tmp_path, np.array([[[1, NAN, NAN, INF, 5]], [[2, 3, NAN, -INF, INF]]], np.float32))
    pixels, valid = read(path, Choice((1, 2), dtype="float32"))
    assert valid.tolist() == [[True, True, False, False, True]]
    np.testing.assert_array_equal(pixels[0], [[1, 2], [NAN, 3], [NAN, NAN], [NAN, NAN], [5, NAN]])
    _, of_first = read(path, Choice((1,), dtype="float32"))
    assert of_first.tolist() == [[True, False, False, False, True]]  # the chosen bands count, not the others


def test_a_nodata_value_of_one_band_is_missing_there_and_no_height(tmp_path: Path) -> None:
    bands = np.array([[[300, -9999, -9999, 4]], [[-9999, -9999, 12, 5]]], np.int16)
    pixels, valid = read(raster_of(tmp_path, bands, nodata=-9999), Choice((1, 2), dtype="int16"))
    assert valid.tolist() == [[True, False, True, True]]
    code = -32768
    assert pixels[0].tolist() == [[300, code], [code, code], [code, 12], [4, 5]]


@pytest.mark.parametrize(("dtype", "code"), [("uint16", 65535), ("int16", -32768), ("float32", NAN)])
def test_a_dark_pixel_of_one_band_is_a_value_though_nodata_is_zero(tmp_path: Path, dtype: str, code: float) -> None:
    bands = np.array([[[0, 0, 9]], [[7, 0, 0]]], dtype)
    pixels, valid = read(raster_of(tmp_path, bands, nodata=0), Choice((1, 2), dtype=dtype))
    assert valid.tolist() == [[True, False, True]]
    np.testing.assert_array_equal(pixels[0], [[0, 7], [code, code], [9, 0]])


def test_a_mask_makes_all_bands_missing(tmp_path: Path) -> None:
    bands = np.array([[[1, 2, 3]], [[4, 5, 6]]], np.uint16)
    path = raster_of(tmp_path, bands, mask=np.array([[True, False, True]]))
    pixels, valid = read(path, Choice((2, 1), dtype="float32"))
    assert valid.tolist() == [[True, False, True]]
    np.testing.assert_array_equal(pixels[0], [[4, 1], [NAN, NAN], [6, 3]])


def test_infinite_values_are_invalid_for_eight_bits_too(tmp_path: Path) -> None:
    path = raster_of(tmp_path, np.array([[[INF, 1, INF]], [[-INF, 2, 3]]], np.float32))
    assert read(path, Choice((1, 2), (0.0, 255.0)))[1].tolist() == [[False, True, True]]
