"""Maps counted."""

from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine

from terrazzo.errors import InputError
from terrazzo.evaluation.map_accuracy.survey import survey
from terrazzo.scenes.class_map import CLASSES_TIF, open_map
from terrazzo.system.reporting import silent
from tests.worlds.sampled_maps import striped_ids, write_map


def test_pixels_and_areas_are_counted_and_nodata_is_not(tmp_path: Path) -> None:
    """150 rows of 11, 55 and 157 columns, less 7 x 11; 0.5 m a pixel, and the scale in the strip's middle."""
    found = survey(open_map(write_map(tmp_path / CLASSES_TIF, striped_ids())), silent)
    assert found.pixels.tolist() == [150 * 11, 150 * 55, 150 * 157 - 77]
    assert found.m2 is not None
    assert found.m2 == pytest.approx(found.pixels * 0.25, rel=0.002)
    assert found.index[[0, 1, 2, 3, 255]].tolist() == [0, 1, 2, -1, -1]


def test_equal_pixels_on_an_equal_grid_have_equal_digests_whatever_the_file(tmp_path: Path) -> None:
    ids = striped_ids()
    other = ids.copy()
    other[0, 0] = 1
    plain, tiled, changed = (
        survey(open_map(write_map(tmp_path / name / CLASSES_TIF, array, **options)), silent)
        for name, array, options in (
            ("plain", ids, {}),
            ("tiled", ids, {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}),
            ("changed", other, {}),
        )
    )
    assert plain.digest == tiled.digest != changed.digest
    assert plain.grid == tiled.grid == changed.grid
    moved = write_map(tmp_path / "moved" / CLASSES_TIF, ids, transform=Affine(0.5, 0, 0, 0, -0.5, 4_000_000))
    assert survey(open_map(moved), silent).grid != plain.grid


def test_a_map_in_degrees_tells_by_how_much_its_pixels_differ(tmp_path: Path) -> None:
    """Rows from 60 to 0 degrees of latitude: the last pixel is about twice as wide."""
    ids = striped_ids(60, 30)
    path = write_map(tmp_path / CLASSES_TIF, ids, crs="EPSG:4326", transform=Affine(1, 0, 0, 0, -1, 60))
    assert survey(open_map(path), silent).spread == pytest.approx(1.0, abs=0.05)


def test_ids_without_a_name_have_their_number(tmp_path: Path) -> None:
    ids = np.zeros((5, 9), np.uint8)
    ids[2] = 7
    assert survey(open_map(write_map(tmp_path / "a.tif", ids, ("water",))), silent).names == ("water", "class_7")


def test_another_value_of_nodata(tmp_path: Path) -> None:
    ids = np.full((5, 9), 9, np.uint8)
    ids[1:3] = 1
    found = survey(open_map(write_map(tmp_path / "a.tif", ids, ("water", "road"), nodata=9)), silent)
    assert (found.ids, found.pixels.tolist()) == ((0, 1), [0, 18])


def test_a_map_of_nodata_alone_is_refused(tmp_path: Path) -> None:
    nothing = write_map(tmp_path / "nothing.tif", np.full((5, 9), 255, np.uint8))
    with pytest.raises(InputError, match="every pixel is nodata"):
        survey(open_map(nothing), silent)
