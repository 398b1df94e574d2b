"""Boundary IoU on maps small enough to count by hand."""

import numpy as np
import pytest

from terrazzo.classes.confusion import mean_ious
from terrazzo.evaluation.patchwise.boundaries import boundary_counts

TRUTH = np.array([[[0, 0, 0, 0, 1, 1, 1, 1]] * 3], np.uint8)
"""Three rows, and an edge between the columns 3 and 4."""
SHIFTED = np.array([[[0, 0, 0, 1, 1, 1, 1, 1]] * 3], np.uint8)
"""The edge one column to the left."""


def test_an_edge_that_is_one_pixel_off_worked_by_hand() -> None:
    """Width 1: truth columns 3 | 4, predicted 2 | 3, so none is right.

    Width 2: truth 2, 3 | 4, 5, predicted 1, 2 | 3, 4. There column 2 is right of class 0 and column 4 of
    class 1, so each has the IoU 1 / (2 + 2 - 1).
    """
    assert boundary_counts(TRUTH, SHIFTED, 2, 1).tolist() == [[[0, 0], [3, 3], [3, 3]]]
    two = boundary_counts(TRUTH, SHIFTED, 2, 2)
    assert two.tolist() == [[[3, 3], [6, 6], [6, 6]]]
    assert mean_ious(two) == pytest.approx([1 / 3])


def test_the_same_map_scores_one_and_a_wide_boundary_is_the_whole_map() -> None:
    """With a width of the whole map every pixel is near the edge, and boundary IoU is IoU: 3/4 and 4/5."""
    assert mean_ious(boundary_counts(TRUTH, TRUTH, 2, 1)) == [1]
    assert mean_ious(boundary_counts(TRUTH, SHIFTED, 2, 8)) == pytest.approx([(3 / 4 + 4 / 5) / 2])


def test_neither_ignored_ground_nor_the_side_of_a_patch_makes_an_edge() -> None:
    flat = np.zeros((1, 3, 8), np.uint8)
    assert not boundary_counts(flat, flat, 2, 2).any()
    between = TRUTH.copy()
    between[..., 3:5] = 255  # the edge is not known; the nearest pixels of two classes are 3 columns apart
    assert not boundary_counts(between, between, 2, 2).any()
    # Of the valid columns 2 and 5 each has the other within 3. The prediction has no edge where the truth is ignored.
    assert boundary_counts(between, TRUTH, 2, 3).tolist() == [[[3, 3], [3, 3], [3, 3]]]


def test_edges_reach_over_corners_and_classes_keep_apart() -> None:
    """One pixel of class 2 in a field of class 1: its eight neighbours are near an edge, by rows and by columns."""
    field = np.ones((2, 5, 7), np.uint8)
    field[0, 2, 3] = 2
    counts = boundary_counts(field, field, 4, 1)
    assert counts[0].tolist() == [[0, 8, 1, 0]] * 3
    assert not counts[1].any()  # the other patch is plain


@pytest.mark.parametrize("width_px", [1, 2, 3, 5, 7])
def test_it_is_what_looking_at_every_neighbour_gives(width_px: int) -> None:
    rng = np.random.default_rng(width_px)
    coarse = rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, 2, 5, 7))
    truth, predicted = coarse.repeat(4, axis=2).repeat(5, axis=3)
    predicted = np.where(predicted == 255, np.uint8(1), predicted)

    def near(ids: np.ndarray) -> np.ndarray:
        found = np.zeros(ids.shape, bool)
        for n, row, col in np.ndindex(ids.shape):
            square = np.s_[n, max(0, row - width_px) : row + width_px + 1, max(0, col - width_px) : col + width_px + 1]
            others = ids[square][truth[square] != 255]
            found[n, row, col] = truth[n, row, col] != 255 and (others != ids[n, row, col]).any()
        return found

    in_truth, in_prediction = near(truth), near(predicted)
    right = in_truth & in_prediction & (truth == predicted)
    counts = boundary_counts(truth, predicted, 3, width_px)
    for number, (ids, where) in enumerate(((truth, right), (truth, in_truth), (predicted, in_prediction))):
        for class_id in range(3):
            assert (counts[:, number, class_id] == (where & (ids == class_id)).sum(axis=(1, 2))).all()
