"""What is doubted about a raster's pixels, with the shares worked by hand; and which pixels --nodata takes."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.doubts import Doubt, doubts, in_words
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from terrazzo.pixels.rasters.sampling import SEEN_PIXELS, has_valid_pixel, sample
from tests.worlds.rasters import noise, write_raster

ALL = (1, 2, 3)
RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


def words(path: Path, choice: Choice | None = None, nodata: float | None = None) -> list[str]:
    """What is said of a raster, without the path in front."""
    raster, choice = read_raster(path, nodata=nodata), choice or Choice(ALL)
    found = doubts(raster, choice, sample(raster, choice.bands))
    return [doubt.words.removeprefix(f"warning: {path}: ") for doubt in found]


def valid_of(path: Path, bands: tuple[int, ...], nodata: float | None = None) -> NDArray[np.bool_]:
    raster = read_raster(path, nodata=nodata)
    with open_pixels(raster, Choice(bands)) as source:
        return source.read(0, 0, raster.height, raster.width)[1]


# --- a fourth band that is called alpha


def rgb_and(path: Path, fourth: NDArray[np.generic]) -> Path:
    colours = noise(3, *fourth.shape).astype(fourth.dtype)
    return write_raster(path, np.concatenate([colours, fourth[None]]), colors=RGBA)


def near_infrared(dtype: str = "uint8") -> NDArray[np.generic]:
    """40 x 50: ten rows of 0, then 90 to 139 along each row: 51 values."""
    band = np.tile(np.arange(90, 140), (40, 1))
    band[:10] = 0
    return band.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_alpha_band_of_many_values_is_doubted_and_read_as_a_band_where_chosen(tmp_path: Path, dtype: str) -> None:
    path = rgb_and(tmp_path / "a.tif", near_infrared(dtype))
    scale = None if dtype == "uint8" else (0.0, 255.0)
    (line,) = words(path, Choice(ALL, scale))
    assert line.startswith("band 4 is called alpha but holds 51 values, as near infrared does; it is left out, and its")
    assert line.endswith("--bands 1,2,3,4")
    assert valid_of(path, ALL).mean() == 0.75 if dtype == "uint8" else True, "as an alpha, its zeros are holes"
    assert words(path, Choice((1, 2, 3, 4), scale)) == []
    raster = read_raster(path)
    with open_pixels(raster, Choice((1, 2, 3, 4), scale)) as source:
        pixels, valid = source.read(0, 0, 40, 50)
        assert source.valid(0, 0, 40, 50).all()
    assert valid.all(), "as a band, they are none"
    np.testing.assert_array_equal(pixels[..., 3], near_infrared())


def test_a_mask_is_not_doubted(tmp_path: Path) -> None:
    """Full and empty, and a soft edge of 4 columns in 50: 8 % of the pixels."""
    soft = np.full((40, 50), 255)
    soft[:, :20], soft[:, 20:24] = 0, np.random.default_rng(0).integers(1, 255, (40, 4))
    half = np.full((40, 50), 128)
    for number, alpha in enumerate((soft, half, np.full((40, 50), 255))):
        assert words(rgb_and(tmp_path / f"{number}.tif", alpha.astype(np.uint8))) == []


# --- a rim of one value


@pytest.mark.parametrize("value", [0, 255, 17])
def test_a_rim_without_nodata_is_said_with_its_share_and_taken_by_nodata(tmp_path: Path, value: int) -> None:
    """30 of 100 columns at the left, and a wedge below the diagonal of the last 10 rows and columns: 45 pixels."""
    bands = noise(3, 50, 100)
    bands[:, :, :30] = value
    rows, cols = np.indices((10, 10))
    bands[:, -10:, -10:][:, rows + cols >= 10] = value
    path = write_raster(tmp_path / "a.tif", bands)
    (line,) = words(path)
    assert line == (
        f"a rim of 31% of the pixels has the value {value} and gets a class; "
        f"if that means no data, say --nodata {value}"
    )
    assert words(path, nodata=value) == []
    np.testing.assert_array_equal(valid_of(path, ALL, value), ~(bands == value).all(axis=0))
    assert words(write_raster(tmp_path / "b.tif", bands, nodata=value)) == []


def test_the_lowest_float_is_named_so_that_nodata_takes_it(tmp_path: Path) -> None:
    """-3.40282e+38, six digits of it, would be another number."""
    bands = noise(3, 50, 100).astype(np.float32)
    bands[:, :, :30] = np.finfo(np.float32).min
    path = write_raster(tmp_path / "a.tif", bands)
    (line,) = words(path)
    assert line.endswith("say --nodata -3.4028235e+38")
    assert words(path, nodata=-3.4028235e38) == []


@pytest.mark.parametrize(
    ("dtype", "way"),
    [
        ("uint8", "mask it: nearblack -color 1,2,3 -near 0 -setmask -of GTiff -o a_masked.tif {path}"),
        ("uint16", "set these pixels to one value first, and say it with --nodata"),
    ],
)
def test_a_rim_of_a_colour_names_a_command_that_takes_it(tmp_path: Path, dtype: str, way: str) -> None:
    bands = noise(3, 50, 100).astype(dtype)
    bands[:, :5] = np.array([1, 2, 3])[:, None, None]
    path = write_raster(tmp_path / "a.tif", bands)
    (line,) = words(path)
    assert line.endswith(f"if that means no data, {way.format(path=path)}")


def test_dark_places_inside_are_no_rim_and_a_rim_of_a_colour_is_not_one_value(tmp_path: Path) -> None:
    bands = noise(3, 50, 100)
    bands[:, 10:40, 10:90] = 0
    assert words(write_raster(tmp_path / "inside.tif", bands)) == []
    bands = noise(3, 50, 100)
    bands[:, :5] = np.array([0, 0, 255])[:, None, None]
    (line,) = words(write_raster(tmp_path / "blue.tif", bands))
    assert "a rim of 10% of the pixels has the value (0, 0, 255)" in line
    assert "--nodata" not in line
    (line,) = words(write_raster(tmp_path / "flat.tif", np.full((3, 20, 30), 7, np.uint8)))
    assert line.startswith("every pixel has the value 7")


@pytest.mark.parametrize("overviews", [False, True])
def test_the_rim_of_a_large_raster_is_found_in_a_small_part_of_it(tmp_path: Path, overviews: bool) -> None:
    bands = noise(1, 1500, 2600)
    bands[:, :, :520] = 0
    path = write_raster(tmp_path / "a.tif", bands, tiled=True, blockxsize=256, blockysize=256)
    if overviews:
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews([2, 4], rasterio.enums.Resampling.nearest)
    raster = read_raster(path)
    seen = sample(raster, (1,))
    assert seen is not None
    assert seen.valid.size <= SEEN_PIXELS / 4
    (line,) = words(path, Choice((1,)))
    share = int(line.split("a rim of ")[1].split("%")[0])
    assert 15 <= share <= 25


# --- scales


@pytest.mark.parametrize(
    ("values", "scale", "expected"),
    [
        (
            np.linspace(0, 1, 2000),
            (0, 255),
            "band 1 (gray): its values fill 0.4% of that; they lie between 0.02 and 0.98",
        ),
        (np.linspace(300, 4380, 2000), (0, 255), "100% of its values become 255; they lie between 381.6 and 4298"),
        (np.linspace(-30, -1, 2000), (0, 255), "100% of its values become 0; they lie between -29.42 and -1.58"),
        (np.linspace(0, 1, 2000), (0, 1), None),
        (np.linspace(0, 10, 2000), (0, 250), None),
        (np.linspace(0, 3000, 2000), (0, 10_000), None),
    ],
)
def test_a_scale_that_flattens_is_said_with_the_range_found(
    tmp_path: Path, values: NDArray[np.float64], scale: tuple[float, float], expected: str | None
) -> None:
    path = write_raster(tmp_path / "a.tif", values.reshape(1, 40, 50).astype(np.float32))
    found = words(path, Choice((1,), scale))
    assert len(found) == (expected is not None)
    if expected is not None:
        assert found[0].startswith(f"--scale {scale[0]:g},{scale[1]:g} leaves nothing to see in ")
        assert expected in found[0]


def test_12_bits_of_colour_read_as_8_are_said(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(3, 40, 50).astype(np.uint16) * 16 + 300)
    (line,) = words(path, Choice(ALL, (0, 255)))
    assert "band 1 (gray): 100% of its values become 255" in line


# --- nodata


def test_a_raster_without_a_valid_pixel_is_known_as_such(tmp_path: Path) -> None:
    bands = np.zeros((3, 1100, 1000), np.uint8)
    found = []
    for name, value, nodata in (("empty", 0, 0), ("one", 1, 0), ("no nodata", 0, None)):
        bands[1, 1077, 333] = value
        raster = read_raster(write_raster(tmp_path / f"{name}.tif", bands, nodata=nodata))
        found.append(has_valid_pixel(raster, Choice(ALL), sample(raster, ALL)))
    assert found == [False, True, True]


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", -9999.0), ("uint8", 0.5), ("int16", 40_000.0), ("uint16", float("nan"))]
)
def test_a_nodata_value_that_no_pixel_can_hold_is_refused(tmp_path: Path, dtype: str, nodata: float) -> None:
    path = write_raster(tmp_path / "a.tif", noise(1, 3, 4).astype(dtype))
    with pytest.raises(ImageError, match=r"--nodata .*: its u?int\d+ values are whole numbers of -?\d+ to \d+"):
        read_raster(path, nodata=nodata)


def test_a_nodata_value_makes_another_raster_and_counts_in_all_chosen_bands(tmp_path: Path) -> None:
    bands = noise(3, 2, 3)
    bands[:, 0, 1], bands[:2, 1, 2] = 9, 9
    path = write_raster(tmp_path / "a.tif", bands)
    np.testing.assert_array_equal(valid_of(path, ALL, 9), [[True, False, True], [True, True, True]])
    np.testing.assert_array_equal(valid_of(path, (1, 2), 9), [[True, False, True], [True, True, False]])
    assert read_raster(path).identity != read_raster(path, nodata=9).identity


def test_one_line_a_kind_and_the_number_of_the_others() -> None:
    rim, scale = Doubt("rim", "rim of a"), Doubt("scale", "scale of b")
    assert in_words([(rim,), (), (scale, rim), (rim,)]) == ["rim of a (and 2 more rasters)", "scale of b"]
