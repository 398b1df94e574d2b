"""Intervals on counts small enough to know every draw, and on ones whose spread has a formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from terrazzo.classes.confusion import class_counts
from terrazzo.evaluation.metrics import CLASS_METRICS, MEANS, Pooled
from terrazzo.evaluation.patchwise.intervals import Tallies, interval_entries, intervals_of
from terrazzo.evaluation.patchwise.units import Units

NAMES = ("Building", "Land", "Road")
K = len(NAMES)


def tallies(confusion: np.ndarray) -> Tallies:
    """Of matrices (N, K, K); every true class has the probability 1/2, and edges are all there is."""
    counts = class_counts(confusion)
    pixels = counts[:, 1].sum(axis=1).astype(float)
    return Tallies(counts, counts, pixels / 2, pixels * np.log(2))


def alone(found: Tallies) -> Units:
    """Each patch is an image."""
    pixels = found.pixels
    return Units("image", np.arange(len(pixels)), int((pixels > 0).sum()))


def test_equal_units_give_intervals_without_width() -> None:
    matrix = np.array([[4, 1, 0], [0, 5, 2], [1, 0, 6]])
    counts = class_counts(matrix)
    found = tallies(np.stack([matrix] * 7))
    intervals = intervals_of(found, alone(found))
    pooled = Pooled(counts, true_probability=0.5, cross_entropy=np.log(2))
    for name, entry in MEANS.items():
        if entry.source != "loss":
            assert intervals.of_scores[name] == pytest.approx((entry.formula(pooled),) * 2)
    for name, entry in CLASS_METRICS.items():
        assert intervals.of_classes[name] == tuple(pytest.approx((value, value)) for value in entry.formula(pooled))


def test_every_score_but_the_loss_has_an_interval() -> None:
    found = tallies(np.stack([np.diag([3, 4, 1]) + 1] * 3))
    intervals = intervals_of(found, alone(found))
    assert set(intervals.of_scores) == {*MEANS, "boundary_iou"} - {"loss"}
    assert set(intervals.of_classes) == set(CLASS_METRICS)


def test_two_units_worked_by_hand() -> None:
    """One unit all right, one all wrong: draws are both right (1/4), mixed (1/2) or both wrong (1/4).

    Both right: accuracy and mean IoU are 1; both wrong: 0. So the 2.5 and 97.5 percentiles are 0 and 1.
    """
    found = tallies(np.array([[[10, 0, 0], [0, 10, 0], [0] * 3], [[0, 10, 0], [10, 0, 0], [0] * 3]]))
    intervals = intervals_of(found, alone(found))
    assert intervals.of_scores["accuracy"] == intervals.of_scores["mean_iou"] == (0, 1)
    assert intervals.of_scores["kappa"] == (-1, 1)  # half and half by chance: (o - 1/2) / (1/2), with o 0 and 1
    assert intervals.of_classes["iou"] == ((0, 1), (0, 1), None)  # Road is nowhere


def test_the_width_of_accuracy_is_that_of_a_binomial() -> None:
    """100 units of one size, 80 right and 20 wrong: 1.96 standard errors are 1.96 x sqrt(0.8 x 0.2 / 100) = 0.0784."""
    right, wrong = np.diag([9, 0, 0]), np.array([[0, 9, 0], [0] * 3, [0] * 3])
    found = tallies(np.stack([right] * 80 + [wrong] * 20))
    low, high = intervals_of(found, alone(found)).of_scores["accuracy"]
    assert (low, high) == pytest.approx((0.7216, 0.8784), abs=0.011)


def test_patches_of_one_image_are_one_draw() -> None:
    """The same patches, ten an image: the interval is wider, since images are drawn and not patches."""
    right, wrong = np.diag([9, 0, 0]), np.array([[0, 9, 0], [0] * 3, [0] * 3])
    found = tallies(np.stack([right] * 80 + [wrong] * 20))
    low, high = intervals_of(found, Units("image", np.arange(100) // 10, 10)).of_scores["accuracy"]
    assert (low, high) == pytest.approx((0.55, 1), abs=0.051)  # tenths; 0.8 - 1.96 x sqrt(0.16 / 10) = 0.552


@settings(max_examples=20, deadline=None)
@given(arrays(np.int64, (6, K, K), elements=st.integers(1, 50)))
def test_an_interval_lies_between_the_worst_and_best_unit_and_empty_units_do_not_count(matrix: np.ndarray) -> None:
    found = tallies(matrix)
    intervals = intervals_of(found, alone(found))
    accuracy = np.trace(matrix, axis1=1, axis2=2) / matrix.sum(axis=(1, 2))
    low, high = intervals.of_scores["accuracy"]
    assert accuracy.min() - 1e-9 <= low <= high <= accuracy.max() + 1e-9
    more = tallies(np.concatenate([np.zeros((2, K, K), np.int64), matrix]))
    assert intervals_of(more, alone(more)) == intervals == intervals_of(found, alone(found))


def test_one_unit_has_no_intervals_and_a_reason() -> None:
    found = tallies(np.stack([np.diag([3, 4, 1])] * 4))
    entries = interval_entries(found, Units("image", np.zeros(4, np.int64), 1), NAMES)
    assert entries["intervals"] == entries["class_intervals"] == {}
    assert entries["interval_units"] == "1 image"
    assert entries["interval_note"] == "no intervals: 1 image, and one alone says nothing of the spread"


def test_entries_are_pairs_by_score_and_by_class() -> None:
    found = tallies(np.stack([np.diag([3, 4, 0]), np.diag([5, 1, 0])]))
    entries = interval_entries(found, alone(found), NAMES)
    assert entries["intervals"]["accuracy"] == [1, 1]
    assert entries["class_intervals"]["iou"] == {"Building": [1, 1], "Land": [1, 1], "Road": None}
    assert (entries["interval_units"], entries["interval_note"].split(":")[0]) == ("2 images", "too narrow")
