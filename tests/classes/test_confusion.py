"""Pixel counts of class maps, worked by hand."""

import numpy as np
import pytest

from terrazzo.classes.confusion import class_counts, confusion_matrices, mean_ious
from terrazzo.errors import InputError

TRUTH = np.array([[[0, 0, 1], [2, 255, 1]]], np.uint8)
PREDICTED = np.array([[[0, 1, 1], [2, 0, 1]]], np.uint8)


def test_rows_are_the_truth_and_ignored_pixels_count_nowhere() -> None:
    assert confusion_matrices(TRUTH, PREDICTED, 3).tolist() == [[[1, 1, 0], [0, 2, 0], [0, 0, 1]]]


def test_mean_iou_by_hand() -> None:
    """Class 0: 1 right of 2 seen or true; class 1: 2 of 3; class 2: 1 of 1."""
    counts = class_counts(confusion_matrices(TRUTH, PREDICTED, 3))
    assert counts.tolist() == [[[1, 2, 1], [2, 2, 1], [1, 3, 1]]]
    assert mean_ious(counts).tolist() == pytest.approx([(1 / 2 + 2 / 3 + 1) / 3])


def test_an_id_beyond_the_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"the prediction holds the id 2; with 2 classes ids are 0\.\.1"):
        confusion_matrices(np.zeros((1, 2), np.uint8), np.array([[0, 2]], np.uint8), 2)
