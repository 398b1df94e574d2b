"""A raster at another ground sampling distance: its grid, its values worked by hand, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from rasterio.enums import ColorInterp

from terrazzo.errors import InputError
from terrazzo.pixels.bounds import bounds_of
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.pixels.rasters.stacks.resampled import at_gsd, native
from terrazzo.pixels.rasters.stacks.stack import read_image
from tests.worlds.rasters import GRID, write_raster
from tests.worlds.stacks import stack_path


def values(raster: Raster) -> np.ndarray:
    with raster.open() as dataset:
        return np.asarray(dataset.read())


def test_four_pixels_are_averaged_and_the_corners_stay(tmp_path: Path) -> None:
    # Pixels of 0.5 m in blocks of 4 x 4 with the values 10 and 30 in columns, so that each block has the mean 20.
    bands = np.broadcast_to(np.array([10, 30], np.uint8).repeat(2), (3, 16, 4)).reshape(3, 16, 4)
    raster = read_raster(write_raster(tmp_path / "a.tif", np.tile(bands, (1, 1, 6)), photometric="RGB"))
    sides = raster.ground_sides
    assert sides is not None
    gsd_m = 4 * sum(sides) / 2
    coarse = at_gsd(raster, gsd_m)
    assert (coarse.height, coarse.width) == (4, 6)
    assert bounds_of(coarse) == pytest.approx(bounds_of(raster))
    assert coarse.gsd_m == pytest.approx(gsd_m, rel=1e-3)
    assert values(coarse).shape == (3, 4, 6)
    assert (values(coarse) == 20).all()
    assert coarse.names == ("red", "green", "blue")
    with coarse.open() as dataset:
        assert (dataset.dataset_mask() == 255).all()
    assert native(coarse) is raster


def test_a_raster_of_that_size_is_itself_and_a_finer_grid_is_interpolated(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(12, dtype=np.uint8) * 20, (1, 12, 12))
    raster = read_raster(write_raster(tmp_path / "a.tif", ramp.copy()))
    assert raster.gsd_m is not None
    assert at_gsd(raster, raster.gsd_m) is raster
    fine = at_gsd(raster, raster.gsd_m / 2)
    assert (fine.height, fine.width) == (24, 24)
    # Centres lie a quarter of a pixel from those of the raster: 20 x (1/4, 3/4) between columns 1 and 2.
    assert values(fine)[0, 12, 2:6].tolist() == [15, 25, 35, 45]


def test_alpha_and_colour_tables(tmp_path: Path) -> None:
    bands = np.full((4, 8, 8), 50, np.uint8)
    bands[3], bands[3, :, :4] = 255, 0
    colors = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    raster = read_raster(write_raster(tmp_path / "a.tif", bands, colors=colors))
    assert raster.gsd_m is not None
    coarse = at_gsd(raster, 2 * raster.gsd_m)
    assert coarse.colors == ("red", "green", "blue")
    with coarse.open() as dataset:
        assert (dataset.dataset_mask() > 0)[0].tolist() == [False, False, True, True]


def test_several_rasters_as_one_are_each_brought_to_the_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_raster(Path("a.tif"), np.full((1, 8, 8), 7, np.uint8))
    write_raster(Path("b.tif"), np.full((1, 4, 4), 9, np.uint8), transform=GRID @ GRID.scale(2))
    stack = read_image(stack_path("one=a.tif,two=b.tif"))
    assert stack.gsd_m is not None
    coarse = at_gsd(stack, 2 * stack.gsd_m)
    assert (coarse.height, coarse.width, coarse.names) == (4, 4, ("one", "two"))
    assert [np.unique(band).tolist() for band in values(coarse)] == [[7], [9]]
    assert native(coarse).gsd_m == pytest.approx(stack.gsd_m)


def test_what_is_refused(tmp_path: Path) -> None:
    plain = read_raster(write_raster(tmp_path / "plain.tif", np.zeros((1, 8, 8), np.uint8), crs=None))
    with pytest.raises(InputError, match=r"plain.tif: --gsd 1: has no georeference"):
        at_gsd(plain, 1.0)
    raster = read_raster(write_raster(tmp_path / "a.tif", np.zeros((1, 8, 8), np.uint8)))
    with pytest.raises(InputError, match=r"a.tif: --gsd 0.2: its pixels of 0.5 m are more than twice as large"):
        at_gsd(raster, 0.2)
