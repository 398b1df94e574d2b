"""Calibration error and bins, worked by hand."""

import math

import numpy as np
import pytest

from terrazzo.evaluation.calibration.reliability import (
    BINS,
    Reliability,
    calibration_error,
    calibration_line,
    calibration_scores,
)

CONFIDENCES = np.array([0.5, 0.9, 0.9, 0.9, 1.0])
RIGHT = np.array([False, True, True, False, True])


def test_the_error_of_five_pixels_worked_by_hand() -> None:
    """0.5 is wrong: 1/5 * 0.5. Two of three at 0.9 are right: 3/5 * (0.9 - 2/3). 1.0 is right: 0. In all 0.24."""
    assert Reliability.of(CONFIDENCES, RIGHT).ece == pytest.approx(0.1 + 0.14)


def test_a_bin_holds_its_upper_edge_and_not_its_lower_one() -> None:
    """0.2 is 3/15, the upper edge of the third bin; 0.21 is in the fourth, 1 in the last, and rounding beyond 1 too."""
    found = Reliability.of(np.array([0.2, 0.21, 1.0, 1.0000001]), np.array([True, False, True, True]))
    assert np.flatnonzero(found.pixels).tolist() == [2, 3, 14]
    assert found.pixels[14] == 2
    assert found.right.tolist() == [0, 0, 1, 0, *[0] * 10, 2]


def test_over_and_under_confidence_in_one_bin_cancel_out() -> None:
    """The formula compares means: 0.9 wrong and 0.9 right eight times more make accuracy 0.9 at confidence 0.9."""
    right = np.array([True] * 9 + [False])
    assert Reliability.of(np.full(10, 0.9), right).ece == pytest.approx(0)


def test_parts_add_up_to_the_whole() -> None:
    whole = Reliability.of(CONFIDENCES, RIGHT)
    parts = Reliability.of(CONFIDENCES[:2], RIGHT[:2]) + Reliability.of(CONFIDENCES[2:], RIGHT[2:]) + Reliability.none()
    assert parts.ece == pytest.approx(whole.ece)
    assert parts.rows() == whole.rows()


def test_no_pixel_has_no_error() -> None:
    assert math.isnan(Reliability.none().ece)
    assert Reliability.none().rows() == [{"pixels": 0, "confidence": None, "accuracy": None}] * BINS


def test_the_entry_of_scores_json_and_its_line() -> None:
    before, after = Reliability.of(CONFIDENCES, RIGHT), Reliability.of(CONFIDENCES * 0.9, RIGHT)
    found = calibration_scores(after, before, 2.0)
    assert (found["ece"], found["ece_uncalibrated"], found["temperature"]) == (after.ece, before.ece, 2.0)
    assert found["bins_uncalibrated"][13] == {"pixels": 3, "confidence": pytest.approx(0.9), "accuracy": 2 / 3}
    between = {"calibration": found, "intervals": {"ece": [0.1, 0.35]}}
    assert calibration_line(between) == [
        f"expected calibration error {after.ece:.4f}, 95 % interval 0.1000 to 0.3500, with the temperature 2; "
        "0.2400 without it"
    ]
    plain = calibration_scores(before, before, 1.0)
    assert "bins_uncalibrated" not in plain
    assert plain["ece"] == plain["ece_uncalibrated"]
    assert calibration_line({"calibration": plain}) == [
        "expected calibration error 0.2400; the model file has no temperature"
    ]
    assert calibration_line({}) == []


def test_gaps_of_parts_add_up_and_give_the_error() -> None:
    """In the bin of 0.9, (12/15, 14/15], two of three are right: a gap of 2 - 2.7. The bin of 1/2 has 0 - 0.5."""
    found = Reliability.of(CONFIDENCES, RIGHT)
    assert found.gaps[[7, 13, 14]] == pytest.approx([-0.5, -0.7, 0])
    both = np.stack([found.gaps, np.zeros(BINS)])
    assert calibration_error(both, np.array([5, 0]))[0] == pytest.approx(0.24)
    assert math.isnan(calibration_error(both, np.array([5, 0]))[1])
