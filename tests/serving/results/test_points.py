"""What a map says at a point."""

import numpy as np
import pytest

from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.points import Point, read_point
from tests.worlds.mapping import read_map


def test_a_point_in_the_crs_is_the_pixel_that_holds_it(placed: FinishedMap) -> None:
    """x = 500,003.6 is 7.2 pixels of 0.5 m from the left, and y = 3,999,997.4 is 5.2 from the top.

    Column 7 and row 5 are in the second stripe both ways: class (1 + 1) % 3 = 2.
    """
    blue = placed.classes[2]
    assert read_point(placed, 500_003.6, 3_999_997.4) == Point(5, 7, blue, 100)


def test_a_pixel_holds_its_left_and_upper_edge(placed: FinishedMap, photo: FinishedMap) -> None:
    first = read_point(placed, 500_000, 4_000_000)
    assert first is not None
    assert (first.row, first.col) == (0, 0)
    assert read_point(placed, 500_300, 3_999_900) is None  # 600 columns of 0.5 m: the right edge
    assert read_point(placed, 500_100, 3_999_650) is None  # 700 rows: the lower edge
    last = read_point(photo, 89.999, 69.999)
    assert last is not None
    assert (last.row, last.col) == (69, 89)
    assert read_point(photo, 90, 10) is None
    assert read_point(photo, -1e-9, 10) is None


def test_nodata_has_neither_class_nor_confidence(placed: FinishedMap) -> None:
    assert read_point(placed, 500_299.9, 3_999_999.9) == Point(0, 599, None, None)


def test_a_photo_takes_the_column_and_the_row_from_the_top_left(photo: FinishedMap) -> None:
    """Column 21 is in stripe 3 and row 4 in stripe 0: class 3 % 3 = 0."""
    assert read_point(photo, 21.5, 4.5) == Point(4, 21, photo.classes[0], 100)


@pytest.mark.parametrize("kind", ["placed", "photo"])
def test_a_thousand_points_equal_the_pixels_of_full_resolution(kind: str, request: pytest.FixtureRequest) -> None:
    finished: FinishedMap = request.getfixturevalue(kind)
    with gdal():
        ids, sure = read_map(finished.file("classes.tif"))[0], read_map(finished.confidence)[0]
    rng = np.random.default_rng(0)
    for row, col in rng.integers((0, 0), ids.shape, (1000, 2)).tolist():
        x, y = (col + 0.3, row + 0.6) if kind == "photo" else (500_000 + col / 2 + 0.15, 4_000_000 - row / 2 - 0.3)
        found = read_point(finished, x, y)
        assert found is not None
        assert (found.row, found.col) == (row, col)
        assert (255 if found.found is None else found.found.id) == ids[row, col]
        assert (255 if found.confidence is None else found.confidence) == sure[row, col]
