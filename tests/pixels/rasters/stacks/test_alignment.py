"""How a part comes onto the grid of the first: as it lies, by which resampling, and where it is refused."""

from pathlib import Path

import numpy as np
import pytest
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import transform

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.stacks.alignment import Alignment, alignment, describe
from tests.worlds.rasters import GRID, noise, write_raster
from tests.worlds.stacks import write_ortho, write_plane

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def placed(
    tmp_path: Path, height: int, width: int, transform: Affine | None, name: str = "dsm", **profile: object
) -> Alignment | None:
    """How heights of this grid come onto an ortho of 60 x 80 px of 0.5 m."""
    bands = np.zeros((1, height, width), profile.pop("dtype", np.float32))
    part = write_raster(tmp_path / "part.tif", bands, transform=transform, **profile)
    return alignment(read_raster(part), read_raster(write_ortho(tmp_path / "ortho.tif")), name)


def moved(by_x: float, by_y: float, pixel: float = 0.5) -> Affine:
    return Affine(pixel, 0, GRID.c + by_x, 0, -pixel, GRID.f + by_y)


def test_a_part_on_the_same_grid_is_read_as_it_lies(tmp_path: Path) -> None:
    assert placed(tmp_path, 60, 80, GRID) is None
    assert placed(tmp_path, 60, 80, moved(0.0001, 0)) is None  # a fifth of a thousandth of a pixel
    assert placed(tmp_path, 60, 80, GRID, crs="EPSG:32618+5703") is None  # with heights in the CRS
    assert placed(tmp_path, 60, 80, moved(0.25, 0)) is not None


@pytest.mark.parametrize(
    ("pixel", "expected"),
    [(0.5, Resampling.bilinear), (1.0, Resampling.bilinear), (0.4, Resampling.bilinear), (0.25, Resampling.average)],
)
def test_continuous_values_are_averaged_where_they_are_finer_than_the_grid(
    tmp_path: Path, pixel: float, expected: Resampling
) -> None:
    side = round(50 / pixel)
    assert placed(tmp_path, side, side, moved(-1, 1, pixel)) == Alignment(expected, 1.0)


@pytest.mark.parametrize(
    ("name", "profile"),
    [("mask", {}), ("land_cover_classes", {}), ("qa", {"dtype": np.uint16})],
)
def test_classes_are_taken_from_the_nearest_pixel(tmp_path: Path, name: str, profile: dict[str, object]) -> None:
    how = placed(tmp_path, 100, 100, moved(-1, 1), name, **profile)
    assert how == Alignment(Resampling.nearest, 1.0)


def test_a_colour_table_is_taken_from_the_nearest_pixel(tmp_path: Path) -> None:
    import rasterio

    path = write_raster(tmp_path / "part.tif", noise(1, 100, 100), transform=moved(-1, 1))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {1: (10, 20, 30)})
    how = alignment(read_raster(path), read_raster(write_ortho(tmp_path / "ortho.tif")), "lc")
    assert how == Alignment(Resampling.nearest, 1.0)


@pytest.mark.parametrize(
    ("by_x", "by_y", "covered"),
    [(20, 0, 0.5), (-30, 0, 0.25), (0, -15, 0.5), (10, -7.5, 0.75 * 0.75), (39.5, 0, 1 / 80)],
)
def test_the_covered_share_of_the_grid_worked_by_hand(tmp_path: Path, by_x: float, by_y: float, covered: float) -> None:
    """The ortho spans 40 m x 30 m, and so does the part, moved."""
    how = placed(tmp_path, 30, 40, moved(by_x, by_y, 1.0))
    assert how is not None
    assert how.covered == pytest.approx(covered, abs=1e-9)


def test_another_crs_is_warped_and_covers_what_it_covers(tmp_path: Path) -> None:
    xs, ys = transform("EPSG:32618", "EPSG:3857", [499_990], [4_000_010])
    part = write_plane(tmp_path / "dsm.tif", 80, 80, Affine(1, 0, xs[0], 0, -1, ys[0]), "EPSG:3857")
    raster, grid = read_raster(part), read_raster(write_ortho(tmp_path / "ortho.tif"))
    how = alignment(raster, grid, "dsm")
    assert how is not None
    assert how.covered == 1
    line = describe(raster, grid, how)
    assert line.startswith(f"{part}: lies on another grid (80 x 80 px of 0.807 m, EPSG:3857) and is warped")
    assert line.endswith("ortho.tif (60 x 80 px of 0.5 m, EPSG:32618) by bilinear interpolation")


def test_the_line_says_what_a_part_does_not_cover(tmp_path: Path) -> None:
    raster = read_raster(write_plane(tmp_path / "dsm.tif", transform=moved(20, 0, 1.0)))
    grid = read_raster(write_ortho(tmp_path / "ortho.tif"))
    how = alignment(raster, grid, "dsm")
    assert how is not None
    assert describe(raster, grid, how).endswith("bilinear interpolation; it covers 50.0% of it, the rest is invalid")


GCPS = [GroundControlPoint(row, col, 500_000 + col, 4_000_000 - row) for row, col in ((0, 0), (0, 40), (30, 0))]


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (
            {"transform": moved(1000, 0)},
            "part.tif: does not overlap .*ortho.tif: it spans \\(501000, 3999985, 501020",
        ),
        ({"transform": moved(40, 0, 1.0)}, "does not overlap"),
        ({"crs": None}, "part.tif: has no coordinate reference system, so that part.tif cannot be laid on ortho.tif"),
        ({"transform": None}, "part.tif: has no place on the ground"),
        ({"transform": None, "gcps": GCPS}, "placed by ground control points alone"),
    ],
)
def test_parts_that_cannot_be_laid_on_the_first_are_refused(
    tmp_path: Path, profile: dict[str, object], message: str
) -> None:
    options = {"transform": moved(0, 0, 1.0), **profile}
    gcps = options.pop("gcps", None)
    transform = options.pop("transform")
    if gcps:
        options["gcps"] = gcps
    with pytest.raises(InputError, match=message) as caught:
        placed(tmp_path, 30, 40, transform, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_of_two_without_crs_only_the_same_grid_fits(tmp_path: Path) -> None:
    ortho = read_raster(write_raster(tmp_path / "ortho.tif", noise(3, 6, 8), crs=None, transform=None))
    same = read_raster(write_raster(tmp_path / "same.tif", noise(1, 6, 8), crs=None, transform=None))
    other = read_raster(write_raster(tmp_path / "other.tif", noise(1, 3, 4), crs=None, transform=None))
    assert alignment(same, ortho, "nir") is None
    with pytest.raises(InputError, match=r"other.tif: has no coordinate reference system"):
        alignment(other, ortho, "nir")
