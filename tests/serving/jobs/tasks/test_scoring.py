"""The score of a map on polygons kept aside, counted by hand."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.jobs.tasks.drawn import Drawn
from terrazzo.serving.jobs.tasks.scoring import score_map
from tests.worlds.finished import write_finished
from tests.worlds.models import NAMES


def drawn(*squares: tuple[float, float, float, float, str]) -> Drawn:
    shapes = [shapely.box(*square[:4]) for square in squares]
    return Drawn(np.array(shapes, np.object_), tuple(square[4] for square in squares))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of 40 x 60 pixels: Red left of column 20, Green to 50, then nodata."""
    image = np.full((3, 40, 60), 10, np.uint8)
    image[0, :, :20] = image[1, :, 20:50] = 250
    image[:, :, 50:] = 0
    return write_finished(DataFolder(tmp_path_factory.mktemp("data")), image)


def test_scores_are_those_of_the_pixels_in_the_polygons(folder: Path) -> None:
    """Of 10 x 10 px of Red, 6 columns are Red in the map and 4 Green: IoU 60 / 100 of Red and 0 of Green."""
    scores = score_map(folder, NAMES, drawn((14, 5, 24, 15, "Red")), drawn())
    assert scores is not None
    assert (scores["pixels"], scores["polygons"]) == (100, 1)
    assert scores["accuracy"] == pytest.approx(0.6)
    assert scores["mean_iou"] == pytest.approx(0.3)


def test_pixels_that_were_trained_on_and_nodata_do_not_count(folder: Path) -> None:
    """Columns 45 to 54 of Green: 5 are nodata, 2 were trained on, so 3 x 10 px are left, all right."""
    scores = score_map(folder, NAMES, drawn((45, 0, 55, 10, "Green")), drawn((43, 0, 47, 30, "Red")))
    assert scores is not None
    assert (scores["pixels"], scores["accuracy"]) == (30, 1)


def test_a_class_that_the_map_lacks_is_wrong_everywhere(folder: Path) -> None:
    scores = score_map(folder, (*NAMES, "Pool"), drawn((0, 0, 5, 5, "Pool")), drawn())
    assert scores is not None
    assert (scores["pixels"], scores["accuracy"], scores["mean_iou"]) == (25, 0, 0)


def test_without_a_pixel_there_is_no_score(folder: Path) -> None:
    assert score_map(folder, NAMES, drawn(), drawn((0, 0, 5, 5, "Red"))) is None
    assert score_map(folder, NAMES, drawn((52, 0, 58, 9, "Red")), drawn()) is None
    assert score_map(folder, NAMES, drawn((0, 0, 5, 5, "Red")), drawn((0, 0, 9, 9, "Red"))) is None
