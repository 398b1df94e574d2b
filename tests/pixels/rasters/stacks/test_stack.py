"""A stack as a raster: its bands, its values worked by hand, what is valid, and what tells it from another."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import warp
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import open_pixels
from terrazzo.pixels.rasters.stacks.stack import read_image, warp_notes
from tests.worlds.rasters import GRID, noise, write_raster
from tests.worlds.stacks import COARSE, read_words, stack_path, write_ortho, write_plane

RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def stored(raster: Raster, *bands: int) -> NDArray[np.generic]:
    with raster.open() as dataset:
        values: NDArray[np.generic] = dataset.read(list(bands) or None)
        return values


def valid(raster: Raster) -> NDArray[np.bool_]:
    with raster.open() as dataset:
        return np.asarray(dataset.dataset_mask() > 0)


# --- bands


def test_bands_are_named_after_their_parts() -> None:
    write_ortho(Path("ortho.tif"))
    write_raster(Path("height.tif"), noise(1, 60, 80))
    write_raster(Path("radar.tif"), noise(2, 60, 80))
    write_raster(Path("four.tif"), noise(4, 60, 80), colors=(*RGB, ColorInterp.alpha))
    assert read_words("rgb=ortho.tif,dsm=height.tif").names == ("red", "green", "blue", "dsm")
    assert read_words("sar=radar.tif,rgb=ortho.tif").names == ("sar_1", "sar_2", "red", "green", "blue")
    assert read_words("photo=ortho.tif").names == ("photo_1", "photo_2", "photo_3")
    assert read_words("nir=height.tif,s=four.tif").names == ("nir", "s_1", "s_2", "s_3")  # the fourth is alpha
    assert read_words("B04=height.tif,B03=height.tif").names == ("B04", "B03")


def test_two_bands_of_one_name_are_refused() -> None:
    write_ortho(Path("ortho.tif"))
    write_raster(Path("height.tif"), noise(1, 60, 80))
    with pytest.raises(InputError, match=r"two bands are called red; give the rasters other names"):
        read_words("rgb=ortho.tif,Red=height.tif")


def test_a_colour_table_is_colours_for_rgb_and_values_for_every_other_name() -> None:
    path = write_raster(Path("table.tif"), np.array([[[1, 2, 7]]], np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {1: (10, 20, 30), 2: (40, 50, 60), 7: (70, 80, 90)})
    assert read_words("lc=table.tif").names == ("lc",)
    np.testing.assert_array_equal(stored(read_words("lc=table.tif")), [[[1, 2, 7]]])
    assert read_words("rgb=table.tif").names == ("red", "green", "blue")
    np.testing.assert_array_equal(stored(read_words("rgb=table.tif"), 3, 1)[:, 0], [[30, 60, 90], [10, 40, 70]])


# --- values


def test_a_plane_of_half_the_resolution_worked_by_hand() -> None:
    """Bilinear values of a plane are the plane: 100 + x - 2y metres from the corner, at the centres of 0.5 m pixels."""
    write_ortho(Path("ortho.tif"))
    write_plane(Path("height.tif"))
    raster = read_words("rgb=ortho.tif,dsm=height.tif")
    assert (raster.height, raster.width, raster.transform, raster.dtype) == (60, 80, GRID, "float32")
    values = stored(raster)
    np.testing.assert_array_equal(values[:3], noise(3, 60, 80))
    rows, cols = np.indices((60, 80)) * 0.5 + 0.25
    np.testing.assert_allclose(values[3, 1:-1, 1:-1], (100 + cols - 2 * rows)[1:-1, 1:-1], atol=1e-3)
    assert values[3, 1, 1] == pytest.approx(100 + 0.75 - 1.5, abs=1e-3)


def test_a_finer_part_is_averaged_worked_by_hand() -> None:
    write_raster(Path("ortho.tif"), noise(1, 2, 2), transform=COARSE)
    fine = np.array([[1, 3, 10, 10], [5, 7, 10, 30], [0, 0, -8, 8], [0, 4, 8, -8]], np.int16)
    write_raster(Path("height.tif"), fine[None].repeat(1, 0), transform=GRID)
    # Four pixels of 0.5 m in one of 1 m are more than FINER allows for interpolation.
    raster = read_words("nir=ortho.tif,dsm=height.tif")
    assert raster.dtype == "int16"
    np.testing.assert_array_equal(stored(raster, 2)[0], [[4, 15], [1, 0]])


def test_classes_stay_classes() -> None:
    write_ortho(Path("ortho.tif"))
    write_raster(Path("mask.tif"), noise(1, 30, 40) % 3 * 50, transform=COARSE)
    values = stored(read_words("rgb=ortho.tif,mask=mask.tif"), 4)[0]
    expected = (noise(1, 30, 40) % 3 * 50)[0].repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("crs", ["EPSG:32618", "EPSG:32617"])
def test_a_window_is_that_part_of_the_stack(crs: str) -> None:
    """Values do not depend on the window in which they are read, not even in their last bit."""
    write_ortho(Path("ortho.tif"), 300, 700)
    xs, ys = warp.transform("EPSG:32618", crs, [500_010.2], [3_999_990.3])
    where = Affine(1, 0, xs[0], 0, -1, ys[0])
    heights = np.random.default_rng(0).normal(50, 20, (1, 400, 500)).astype(np.float32)
    write_raster(Path("height.tif"), heights, transform=where, crs=crs)
    raster = read_words("rgb=ortho.tif,dsm=height.tif")
    whole, mask = stored(raster), valid(raster)
    assert 0.3 < mask.mean() <= 1
    choice = choose(raster, 4, scale=(0, 255))
    with open_pixels(raster, choice) as source:
        pixels, shown = source.read(0, 0, 300, 700)
    np.testing.assert_array_equal(shown, mask)
    for row, col, height, width in ((3, 7, 100, 200), (130, 77, 65, 33), (129, 511, 1, 180), (290, 0, 10, 700)):
        window = rasterio.windows.Window(col, row, width, height)
        place = slice(row, row + height), slice(col, col + width)
        with raster.open() as dataset:
            np.testing.assert_array_equal(dataset.read([4, 1], window=window), whole[[3, 0]][(slice(None), *place)])
            np.testing.assert_array_equal(dataset.dataset_mask(window=window) > 0, mask[place])
        with open_pixels(raster, choice) as source:
            np.testing.assert_array_equal(source.read(row, col, height, width)[0], pixels[place])


def test_bands_come_in_the_order_asked_for() -> None:
    write_ortho(Path("ortho.tif"))
    write_raster(Path("nir.tif"), noise(1, 60, 80, seed=9))
    raster = read_words("rgb=ortho.tif,nir=nir.tif")
    assert raster.dtype == "uint8"
    with open_pixels(raster, choose(raster, 3, ("nir", "red", "3"))) as source:
        pixels, _ = source.read(5, 6, 7, 8)
    expected = np.stack([noise(1, 60, 80, seed=9)[0], noise(3, 60, 80)[0], noise(3, 60, 80)[2]], axis=2)
    np.testing.assert_array_equal(pixels, expected[5:12, 6:14])
    with raster.open() as dataset:
        np.testing.assert_array_equal(dataset.read(4), noise(1, 60, 80, seed=9)[0])


# --- validity


def test_a_pixel_is_valid_where_all_parts_are() -> None:
    """Nodata of one part, alpha of the next, NaN of the last."""
    first = np.full((3, 1, 5), 9, np.uint8)
    first[:, 0, 0] = 0
    write_raster(Path("a.tif"), first, nodata=0, photometric="RGB")
    alpha = np.array([[[5, 5, 5, 5, 5]], [[255, 0, 255, 255, 255]]], np.uint8)
    write_raster(Path("b.tif"), alpha, colors=(ColorInterp.gray, ColorInterp.alpha))
    write_raster(Path("c.tif"), np.array([[[1, 1, np.nan, np.inf, -3]]], np.float32))
    raster = read_words("rgb=a.tif,nir=b.tif,dsm=c.tif")
    assert raster.names == ("red", "green", "blue", "nir", "dsm")
    np.testing.assert_array_equal(valid(raster), [[False, False, False, False, True]])


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint16", "uint8"])
def test_what_a_warped_part_does_not_cover_or_has_no_value_for_is_invalid(dtype: str) -> None:
    """The part of 1 m begins 20 m to the east; its nodata square is 2 m wide, 5 m from its corner."""
    write_ortho(Path("ortho.tif"))
    heights = np.full((1, 30, 40), 50, dtype)
    heights[0, 5:7, 5:7] = 7
    write_raster(Path("height.tif"), heights, nodata=7, transform=Affine(1, 0, 500_020, 0, -1, 4_000_000))
    raster = read_words("rgb=ortho.tif,dsm=height.tif")
    expected = np.ones((60, 80), bool)
    expected[:, :40] = False
    expected[10:14, 50:54] = False
    np.testing.assert_array_equal(valid(raster), expected)
    values = stored(raster, 4)[0]
    assert (values[expected] == 50).all(), "nodata is not mixed into its neighbours"


def test_no_number_is_not_mixed_into_its_neighbours() -> None:
    write_ortho(Path("ortho.tif"))
    heights = np.full((1, 30, 40), 50, np.float32)
    heights[0, 5:7, 5:7] = np.nan
    write_raster(Path("height.tif"), heights, transform=COARSE)
    raster = read_words("rgb=ortho.tif,dsm=height.tif")
    expected = np.ones((60, 80), bool)
    expected[10:14, 10:14] = False
    np.testing.assert_array_equal(valid(raster), expected)
    assert (stored(raster, 4)[0][expected] == 50).all()


def test_a_band_keeps_its_own_nodata_value_unless_a_mask_says_it_better() -> None:
    write_raster(Path("dark.tif"), noise(3, 60, 80), nodata=0, photometric="RGB")
    write_raster(Path("height.tif"), np.ones((1, 60, 80), np.int16), nodata=-9999)
    write_raster(Path("coarse.tif"), np.ones((1, 30, 40), np.int16), nodata=-9999, transform=COARSE)
    with read_words("rgb=dark.tif,dsm=height.tif,dtm=coarse.tif").open() as dataset:
        assert dataset.nodatavals == (None, None, None, -9999, None)
        assert dataset.dtypes == ("int16",) * 5
        assert (dataset.count, dataset.overviews(1)) == (5, [])


# --- what tells a stack from another


def test_identity_covers_names_and_every_file() -> None:
    write_ortho(Path("ortho.tif"))
    write_plane(Path("height.tif"))
    words = "rgb=ortho.tif,dsm=height.tif"
    first = read_words(words)
    assert read_words(words).identity == first.identity
    assert read_words("rgb=ortho.tif,ndsm=height.tif").identity != first.identity
    assert read_words("dsm=height.tif,rgb=ortho.tif").identity != first.identity
    before = first.identity
    os.utime("height.tif", ns=(1, 1))
    assert read_words(words).identity != before
    assert first.n_bytes == Path("ortho.tif").stat().st_size + Path("height.tif").stat().st_size


def test_a_stack_goes_to_another_process_in_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    write_ortho(Path("ortho.tif"))
    write_plane(Path("height.tif"))
    raster = read_words("rgb=ortho.tif,dsm=height.tif")
    expected, identity = stored(raster), raster.identity
    sent: Raster = pickle.loads(pickle.dumps(raster.absolute()))
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(stored(sent), expected)
    assert read_image(sent.path).identity == sent.identity == identity


def test_one_line_a_part_says_what_is_warped() -> None:
    write_ortho(Path("ortho.tif"))
    write_plane(Path("height.tif"))
    write_plane(Path("half.tif"), transform=Affine(1, 0, 500_020, 0, -1, 4_000_000))
    whole, half = (read_words(f"rgb=ortho.tif,dsm={name}.tif") for name in ("height", "half"))
    assert warp_notes([read_words("rgb=ortho.tif")]) == []
    (line,) = warp_notes([whole])
    assert line == (
        "height.tif: lies on another grid (30 x 40 px of 1 m, EPSG:32618) and is warped to that of ortho.tif "
        "(60 x 80 px of 0.5 m, EPSG:32618) by bilinear interpolation"
    )
    (line,) = warp_notes([whole, half, whole])
    assert line.startswith("half.tif: lies on another grid")
    assert line.endswith("it covers 50.0% of it, the rest is invalid (and 2 more rasters)")


def test_damage_is_one_line_that_names_the_file() -> None:
    write_ortho(Path("ortho.tif"))
    path = write_raster(Path("height.tif"), noise(1, 60, 80), compress="deflate")
    raw = bytearray(path.read_bytes())
    with rasterio.open(path) as dataset:
        at = int(dataset.tags(ns="TIFF", bidx=1).get("BLOCK_OFFSET_0_0", 0)) or len(raw) // 2
    raw[at : at + 2000] = b"\xff" * len(raw[at : at + 2000])
    path.write_bytes(bytes(raw))
    raster = read_image(stack_path("rgb=ortho.tif,dsm=height.tif"))
    with raster.open() as dataset, pytest.raises(ImageError) as caught:
        dataset.read([1, 4])
    assert str(caught.value).startswith("height.tif: rows 0 to 59, columns 0 to 79 of the stack cannot be read")
    assert "\n" not in str(caught.value)


def test_a_rotated_grid_and_a_warped_alpha_band() -> None:
    """A plane on a turned grid is the plane at the centres of its pixels; alpha of a coarser part makes its holes."""
    turned = Affine(0.4, 0.3, 500_005, 0.3, -0.4, 3_999_990)
    write_raster(Path("turned.tif"), noise(1, 40, 50), transform=turned)
    write_plane(Path("height.tif"), 80, 80, Affine(1, 0, 499_995, 0, -1, 4_000_010))
    rows, cols = np.indices((40, 50)) + 0.5
    x = turned.a * cols + turned.b * rows + turned.c - 500_000
    y = turned.d * cols + turned.e * rows + turned.f - 4_000_000
    np.testing.assert_allclose(stored(read_words("nir=turned.tif,dsm=height.tif"), 2)[0], 100 + x + 2 * y, atol=1e-3)
    bands = np.full((4, 30, 40), 50, np.uint8)
    bands[3] = 255
    bands[3, :, :10] = 0
    write_raster(Path("ortho.tif"), bands, transform=COARSE, colors=(*RGB, ColorInterp.alpha))
    write_raster(Path("nir.tif"), noise(1, 60, 80))
    raster = read_words("nir=nir.tif,rgb=ortho.tif")
    assert raster.names == ("nir", "red", "green", "blue")
    assert not valid(raster)[:, :20].any()
    assert valid(raster)[:, 20:].all()
    assert (stored(raster, 2, 3, 4)[:, :, 20:] == 50).all()
