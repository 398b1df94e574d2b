"""The place of a TIFF by its header: of a file, of bytes, and where there is none."""

from pathlib import Path

import pytest
import rasterio
from rasterio.transform import Affine

from terrazzo.pixels.rasters.ground import Placed, read_ground, read_world, world_files
from tests.worlds.handmade import photo, tiff
from tests.worlds.rasters import GRID, noise, write_raster


def test_a_file_and_its_bytes_have_one_place(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.TIF", noise(3, 20, 30), photometric="RGB")
    found = read_ground(path)
    assert found == read_ground(path.read_bytes())
    assert found == Placed(20, 30, GRID, rasterio.CRS.from_epsg(32618))
    assert found.georeferenced


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_without_georeference_there_is_no_place(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(3, 20, 30), photometric="RGB", crs=None)
    assert read_ground(path) is None
    assert read_ground(tiff(photo(5, 4))) is None
    assert read_ground(b"no TIFF") is None
    assert read_ground(tmp_path / "absent.tif") is None
    assert not Placed(5, 4).georeferenced


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("a/b.jpg", "a/b.jgw", "a/b.JGW"), ("b.tif", "b.tfw", "b.TFW"), ("b.jpeg", "b.jgw", "b.JGW")],
)
def test_the_names_of_world_files(name: str, first: str, second: str) -> None:
    stem = first.rpartition(".")[0]
    assert world_files(name) == [first, second, f"{stem}.{name.rpartition('.')[2]}w", f"{stem}.wld"]


def test_a_world_file_gives_the_centre_of_the_first_pixel() -> None:
    found = read_world("0.5\n0\n0\n-0.25\n100.25\n199.875\n", 20, 30)
    assert found == Placed(20, 30, Affine(0.5, 0, 100, 0, -0.25, 200), by_world_file=True)
    assert found.georeferenced
    assert read_world("0,5 0 0 -0,25 100,25 199,875", 20, 30) == found
    assert read_world("0.5 0 0", 20, 30) is None
    assert read_world("a b c d e f", 20, 30) is None
    assert read_world("0 0 0 0 1 1", 20, 30) is None


def test_other_pixels_of_the_same_ground() -> None:
    place = Placed(20, 30, GRID, rasterio.CRS.from_epsg(32618)).resized(10, 10)
    assert (place.height, place.width) == (10, 10)
    assert place.transform == Affine(1.5, 0, 500_000, 0, -1, 4_000_000)
