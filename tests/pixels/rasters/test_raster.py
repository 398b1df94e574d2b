"""Laws of reading rasters: which pixels count, what values become, and what is refused in one line."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from terrazzo.pixels.rasters.vrt import vrt_sources
from tests.worlds.rasters import GRID, noise, write_raster


def whole(path: Path, choice: Choice) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    raster = read_raster(path)
    with open_pixels(raster, choice) as source:
        return source.read(0, 0, raster.height, raster.width)


RGB = Choice((1, 2, 3))


def test_a_window_is_that_part_of_the_raster(tmp_path: Path) -> None:
    bands = noise(3, 37, 53)
    raster = read_raster(write_raster(tmp_path / "a.tif", bands))
    assert (raster.height, raster.width, raster.n_bands, raster.transform) == (37, 53, 3, GRID)
    with open_pixels(raster, Choice((3, 1))) as source:
        pixels, valid = source.read(5, 11, 7, 13)
    np.testing.assert_array_equal(pixels, bands[[2, 0], 5:12, 11:24].transpose(1, 2, 0))
    assert valid.all()


def test_nodata_counts_only_where_all_bands_have_it(tmp_path: Path) -> None:
    bands = noise(3, 2, 3)
    bands[:, 0, 1] = 0
    bands[:2, 1, 2] = 0
    _, valid = whole(write_raster(tmp_path / "a.tif", bands, nodata=0), RGB)
    np.testing.assert_array_equal(valid, [[True, False, True], [True, True, True]])


def test_alpha_and_mask_make_pixels_invalid_and_an_undefined_band_does_not(tmp_path: Path) -> None:
    bands = noise(4, 2, 3)
    bands[3] = [[255, 0, 255], [7, 255, 0]]
    expected = bands[3] > 0
    rgb = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    alpha = write_raster(tmp_path / "alpha.tif", bands, colors=(*rgb, ColorInterp.alpha))
    mask = write_raster(tmp_path / "mask.tif", bands[:3], mask=expected)
    other = write_raster(tmp_path / "other.tif", bands, colors=(*rgb, ColorInterp.undefined))
    for path, wanted in ((alpha, expected), (mask, expected), (other, np.ones((2, 3), bool))):
        choice = choose(read_raster(path), 3)
        assert choice == RGB
        pixels, valid = whole(path, choice)
        np.testing.assert_array_equal(valid, wanted)
        np.testing.assert_array_equal(pixels, bands[:3].transpose(1, 2, 0))


def test_no_number_is_invalid_where_no_chosen_band_has_one(tmp_path: Path) -> None:
    nan = np.nan
    bands = np.array([[[0, nan, nan, 50]], [[100, nan, 20, 200]]], np.float32)
    pixels, valid = whole(write_raster(tmp_path / "a.tif", bands), Choice((1, 2), (0, 100)))
    np.testing.assert_array_equal(valid, [[True, False, True, True]])
    np.testing.assert_array_equal(pixels[0, [0, 2, 3]], [[0, 255], [0, 51], [128, 255]])


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float64"])
def test_scaling_worked_by_hand(tmp_path: Path, dtype: str) -> None:
    """100..610 to 0..255 halves the distance from 100; what lies beyond is cut off."""
    bands = np.array([[[0, 100, 102, 355, 610, 3000]]], dtype)
    path = write_raster(tmp_path / "a.tif", bands)
    pixels, _ = whole(path, choose(read_raster(path), 1, scale=(100, 610)))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 0, 1, 128, 255, 255])


def test_a_palette_image_is_read_as_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", height=1, width=3, count=1, dtype="uint8", transform=GRID) as dataset:
        dataset.write(np.array([[[2, 0, 1]]], np.uint8))
        dataset.write_colormap(1, {0: (1, 2, 3, 255), 1: (40, 50, 60, 255), 2: (255, 254, 253, 255)})
    raster = read_raster(path)
    assert raster.names == ("red", "green", "blue")
    pixels, _ = whole(path, choose(raster, 3))
    np.testing.assert_array_equal(pixels[0], [[255, 254, 253], [1, 2, 3], [40, 50, 60]])


def test_bands_by_number_and_by_name(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(5, 3, 4), photometric="minisblack")
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("Blue", "Green", "Red", "NIR", "NIR")
    raster = read_raster(path)
    assert choose(raster, 3, ("Red", "green", "1")).bands == (3, 2, 1)
    assert choose(raster, 2, (5, 5)).bands == (5, 5)
    for wrong in ("6", "0", "NIR", "swir"):
        with pytest.raises(InputError, match=rf"--bands {wrong}: names no band, or several; it has 5 bands \(1 Blue, "):
            choose(raster, 1, (wrong,))


@pytest.mark.parametrize(
    ("bands", "n_bands", "words"),
    [
        (noise(1, 3, 4), 3, "has 1 band (1 gray), the model takes 3; choose them, as in --bands 1,1,1"),
        (noise(5, 3, 4), 3, "the model takes 3; choose 3 of them by number or name, with --bands"),
        (noise(3, 3, 4).astype(np.uint16), 3, "holds uint16 values, a network sees uint8; say with --scale LOW,HIGH"),
        (noise(3, 3, 4), 4, "has 3 bands (1 red, 2 green, 3 blue), the model takes 4"),
    ],
)
def test_what_the_model_cannot_take_is_refused_with_both_values(
    tmp_path: Path, bands: NDArray[np.generic], n_bands: int, words: str
) -> None:
    profile = {} if len(bands) == 3 else {"photometric": "minisblack"}
    if len(bands) == 3:
        profile = {"photometric": "rgb"}
    raster = read_raster(write_raster(tmp_path / "a.tif", bands, **profile))
    with pytest.raises(InputError) as caught:
        choose(raster, n_bands)
    assert words in str(caught.value)


# --- what is refused


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def _vrt(source: str) -> Callable[[Path], object]:
    return _text(
        '<VRTDataset rasterXSize="4" rasterYSize="3"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"{source}<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def _named(name: str, relative: int = 1) -> str:
    return f'<SourceFilename relativeToVRT="{relative}">{name}</SourceFilename>'


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("none.tif", lambda path: None, "none.tif: cannot be read (No such file or directory)"),
        ("a.tif", _text("version https://git-lfs.github.com/spec/v1\noid sha256:1"), "is a git-lfs pointer"),
        ("a.tif", _text("II*"), "a.tif: is no raster, or damaged"),
        ("a.tif", _vrt(_named("b.tif")), "a.tif: is no raster, or damaged"),
        ("a.bmp", _text("BM"), "a.bmp: is not a raster by its name; expected .tif"),
        ("a.tif", lambda path: write_raster(path, noise(1, 3, 4).astype(np.complex64)), "holds complex numbers"),
        ("a.vrt", _vrt(_named("/vsicurl/http://x/a.tif")), "only files beside a .vrt are followed"),
        ("a.vrt", _vrt(_named("https://x/a.tif")), "only files beside a .vrt are followed"),
        ("a.vrt", _vrt(_named("/etc/a.tif", 0)), "'/etc/a.tif', which is not relative to it"),
        ("a.vrt", _vrt(_named("/etc/a.tif")), "'/etc/a.tif', which is not relative to it"),
        ("a.vrt", _vrt(_named("lost.tif")), "lost.tif, which cannot be opened"),
        ("a.vrt", _vrt(_named("a.vrt")), "virtual rasters within virtual rasters, 8 deep"),
        ("a.vrt", _vrt("<PixelFunctionCode>import os</PixelFunctionCode>"), "holds a program"),
        ("a.vrt", _text("<GDAL_WMS></GDAL_WMS>"), "is not a virtual raster (it begins with <GDAL_WMS>)"),
        ("a.vrt", _text("II*"), "a.vrt: is not a virtual raster"),
    ],
)
def test_bad_rasters_are_refused_in_one_line(
    tmp_path: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(ImageError) as caught:
        read_raster(tmp_path / name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_description_of_a_far_raster_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "wms.tif").write_text("<GDAL_WMS><Service><ServerUrl>http://x</ServerUrl></Service></GDAL_WMS>")
    _vrt(_named("wms.tif"))(tmp_path / "a.vrt")
    with pytest.raises(ImageError, match=r"wms\.tif, which is no raster but a description of one"):
        read_raster(tmp_path / "a.vrt")


def test_a_virtual_raster_of_local_files_is_read(tmp_path: Path) -> None:
    bands = noise(1, 3, 4)
    (tmp_path / "parts").mkdir()
    write_raster(tmp_path / "parts" / "b.tif", bands)
    _vrt(_named("parts/b.tif"))(tmp_path / "a.vrt")
    assert vrt_sources(tmp_path / "a.vrt") == (tmp_path / "parts" / "b.tif",)
    raster = read_raster(tmp_path / "a.vrt")
    before = raster.identity
    np.testing.assert_array_equal(whole(raster.path, Choice((1,)))[0][..., 0], bands[0])
    write_raster(tmp_path / "parts" / "b.tif", noise(1, 3, 5))
    assert raster.identity != before, "a changed source is another raster"


def test_a_header_of_absurd_size_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "height": 200_000, "width": 150_000, "count": 1, "dtype": "uint8", "tiled": True}
    with rasterio.open(path, "w", **profile, sparse_ok=True, bigtiff="yes", transform=GRID):
        pass
    with pytest.raises(ImageError, match=r"says 200000 x 150000 pixels, more than 20000000000; .*--max-pixels 3000000"):
        read_raster(path)
    assert read_raster(path, max_pixels=30_000_000_000).height == 200_000


def test_a_damaged_place_is_named(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(3, 200, 300), tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[:-20_000])
    with open_pixels(read_raster(path), RGB) as source, pytest.raises(ImageError) as caught:
        source.read(128, 200, 72, 100)
    assert "a.tif: rows 128 to 199, columns 200 to 299 cannot be read" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- real files


@pytest.fixture(scope="module")
def real_rasters() -> Path:
    root = os.environ.get("TERRAZZO_DATA")
    if not root:
        pytest.skip("TERRAZZO_DATA is not set: no real data sets here")
    return Path(root) / "rasters"


@pytest.mark.real
def test_four_encodings_of_one_scene_agree_where_all_are_valid(real_rasters: Path) -> None:
    found = []
    for path in sorted(real_rasters.glob("colorado_*.tif")):
        raster = read_raster(path)
        found.append(whole(path, choose(raster, 3)))
    everywhere = np.logical_and.reduce([valid for _, valid in found])
    assert len(found) == 4
    assert 0.5 < everywhere.mean() < 1
    for pixels, _ in found[1:]:
        np.testing.assert_array_equal(pixels[everywhere], found[0][0][everywhere])


# --- what the model knows of bands and values


def test_bands_are_found_by_the_names_of_the_training_and_values_read_by_its_scale(tmp_path: Path) -> None:
    trained = BandReading(("nir", "Red"), (100.0, 610.0))
    path = write_raster(tmp_path / "a.tif", noise(3, 4, 5).astype(np.uint16))
    with rasterio.open(path, "r+") as dataset:
        for band, name in enumerate(("red", "green", "NIR"), start=1):
            dataset.set_band_description(band, name)
    raster = read_raster(path)
    assert choose(raster, 2, trained=trained) == Choice((3, 1), (100.0, 610.0))
    assert choose(raster, 2, ("1", "2"), (0.0, 9.0), trained) == Choice((1, 2), (0.0, 9.0)), "what the user says wins"
    with pytest.raises(InputError, match=r"has 3 bands .*, the model takes 2"):
        choose(raster, 2, trained=BandReading(("nir", "swir"), (100.0, 610.0)))


def test_8_bit_rasters_are_not_taken_for_the_values_of_another_training(tmp_path: Path) -> None:
    raster = read_raster(write_raster(tmp_path / "a.tif", noise(3, 4, 5)))
    trained = BandReading(("red", "green", "blue"), (0.0, 3000.0))
    with pytest.raises(InputError, match="holds uint8 values, the model was trained on others, of which 0 to 3000"):
        choose(raster, 3, trained=trained)
    assert choose(raster, 3, scale=(0.0, 255.0), trained=trained).scale == (0.0, 255.0)
