"""Intervals on counts small enough to know every draw, and on ones whose spread has a formula."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from terrazzo.classes.confusion import class_counts
from terrazzo.evaluation.calibration.reliability import BINS
from terrazzo.evaluation.metrics import CLASS_METRICS, MEANS, Pooled
from terrazzo.evaluation.patchwise import intervals as module
from terrazzo.evaluation.patchwise.intervals import interval_entries, intervals_of
from terrazzo.evaluation.patchwise.tallies import Tallies
from terrazzo.evaluation.patchwise.units import Units

NAMES = ("Building", "Land", "Road")
K = len(NAMES)


def tallies(confusion: np.ndarray) -> Tallies:
    """Of matrices (N, K, K); edges are all there is.

    Every true class has the probability 1/2, the loss is 3 at each pixel, and each confidence is 0.9, at temperature 1.
    """
    counts = class_counts(confusion)
    pixels = counts[:, 1].sum(axis=1).astype(float)
    gaps, none = np.zeros((2, len(counts), BINS))
    gaps[:, 13] = counts[:, 0].sum(axis=1) - 0.9 * pixels
    return Tallies(counts, counts, pixels / 2, pixels * np.log(2), pixels * 3, none, gaps)


def alone(found: Tallies) -> Units:
    """Each patch is an image."""
    pixels = found.pixels
    return Units("image", np.arange(len(pixels)), int((pixels > 0).sum()))


def test_equal_units_give_intervals_without_width() -> None:
    matrix = np.array([[4, 1, 0], [0, 5, 2], [1, 0, 6]])
    counts = class_counts(matrix)
    found = tallies(np.stack([matrix] * 7))
    intervals = intervals_of(found, alone(found))
    pooled = Pooled(counts, loss=3, true_probability=0.5, cross_entropy=np.log(2))
    for name, entry in MEANS.items():
        assert intervals.of_scores[name] == pytest.approx((entry.formula(pooled),) * 2)
    assert intervals.of_scores["ece"] == (0, 0)
    assert intervals.of_scores["ece_uncalibrated"] == pytest.approx((0.9 - 15 / 19,) * 2)  # 15 of 19 are right
    for name, entry in CLASS_METRICS.items():
        assert intervals.of_classes[name] == tuple(pytest.approx((value, value)) for value in entry.formula(pooled))


def test_every_score_has_an_interval() -> None:
    found = tallies(np.stack([np.diag([3, 4, 1]) + 1] * 3))
    intervals = intervals_of(found, alone(found))
    assert set(intervals.of_scores) == {*MEANS, "boundary_iou", "ece", "ece_uncalibrated"}
    assert set(intervals.of_classes) == {*CLASS_METRICS, "class_boundary_iou"}


def test_two_units_worked_by_hand() -> None:
    """One unit all right, one all wrong: draws are both right (1/4), mixed (1/2) or both wrong (1/4).

    Both right: accuracy and mean IoU are 1; both wrong: 0. So the 2.5 and 97.5 percentiles are 0 and 1.
    """
    found = tallies(np.array([[[10, 0, 0], [0, 10, 0], [0] * 3], [[0, 10, 0], [10, 0, 0], [0] * 3]]))
    intervals = intervals_of(found, alone(found))
    assert intervals.of_scores["accuracy"] == intervals.of_scores["mean_iou"] == (0, 1)
    assert intervals.of_scores["kappa"] == (-1, 1)  # half and half by chance: (o - 1/2) / (1/2), with o 0 and 1
    assert intervals.of_classes["iou"] == ((0, 1), (0, 1), None)  # Road is nowhere
    assert intervals.of_classes["class_boundary_iou"] == ((0, 1), (0, 1), None)
    assert intervals.of_scores["ece_uncalibrated"] == pytest.approx((0.1, 0.9))  # mixed: |0.5 - 0.9|


def test_the_loss_of_two_units_worked_by_hand() -> None:
    """Ten pixels of loss 1 and thirty of loss 3: draws give 1 (1/4), 100/40 = 2.5 (1/2) or 3 (1/4)."""
    found = tallies(np.stack([np.diag([10, 0, 0]), np.diag([30, 0, 0])]))
    found = replace(found, loss_sums=np.array([10.0, 90.0]))
    assert intervals_of(found, alone(found)).of_scores["loss"] == (1, 3)


def test_the_interval_of_the_calibration_error_holds_it_where_all_draws_lie_above() -> None:
    """Gaps of +1 and -1 in each bin, in half of the units each, add up to 0; no draw but the even ones comes near."""
    found = tallies(np.stack([np.diag([10, 10, 10])] * 20))
    found = replace(found, gaps=np.where(np.arange(20) % 2, 1.0, -1.0)[:, None] * np.ones(BINS))
    found.gaps[:, :7] *= np.where(np.arange(20) < 10, 1, -1)[:, None]  # the other bins follow another half
    low, high = intervals_of(found, alone(found)).of_scores["ece"]
    assert low == 0 < high
    # Of 20 draws the share of one half has a standard deviation of 0.11: a mean gap of 0.22, twice, and 15 bins / 30.
    assert 0.05 < high < 0.35


def test_many_units_are_drawn_a_few_at_a_time_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tallies(np.random.default_rng(0).integers(0, 9, (30, K, K)))
    whole = intervals_of(found, alone(found))
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 7 * 30)  # 1000 is no multiple of 7
    assert intervals_of(found, alone(found)) == whole
    assert intervals_of(found, alone(found), seed=1) != whole


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_in_a_symmetric_world_each_interval_holds_its_score(seed: int) -> None:
    """Each unit has a mirrored one, as far above the mean as it lies below."""
    rng = np.random.default_rng(seed)
    right = rng.integers(1, 100, (10, 1))
    right = np.concatenate([right, 100 - right])
    matrices = np.zeros((20, K, K), np.int64)
    matrices[:, range(K), range(K)] = right
    matrices[:, range(K), np.roll(range(K), 1)] = 100 - right
    found = tallies(matrices)
    found = replace(found, loss_sums=found.pixels * (1 - right[:, 0] / 100), gaps=found.gaps_uncalibrated)
    scores = intervals_of(found, alone(found)).of_scores
    # Half of the pixels are right in all: IoU is 150 / (300 + 300 - 150) = 1/3 and the error 0.9 - 0.5.
    worked = {"accuracy": 0.5, "loss": 0.5, "mean_iou": 1 / 3, "boundary_iou": 1 / 3, "ece": 0.4}
    for name, value in worked.items():
        low, high = scores[name]
        assert low - 1e-9 <= value <= high + 1e-9, name


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
