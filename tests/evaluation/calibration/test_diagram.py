"""Where the bars of a reliability diagram stand, worked by hand."""

import numpy as np
import pytest

from terrazzo.evaluation.calibration.diagram import FRAME, diagrams_of
from terrazzo.evaluation.calibration.reliability import Reliability, calibration_scores


def test_bars_and_gaps_worked_by_hand() -> None:
    """Four pixels at 0.75 with two right, twelve at 1.0, all right: the twelfth bin and the last.

    The frame is 180 high and 200 wide, so 0.5 stands 90 below its top, 0.75 stands 45 below, and a bin is 13.33 wide.
    """
    confidences = np.array([0.75] * 4 + [1.0] * 12)
    right = np.array([True, True, False, False] + [True] * 12)
    one = Reliability.of(confidences, right)
    (diagram,) = diagrams_of(calibration_scores(one, one, 1.0))
    first, last = diagram.bars
    assert diagram.ece == pytest.approx(4 / 16 * 0.25)
    assert (first.x, first.width) == (pytest.approx(FRAME.left + 11 * 200 / 15, abs=0.01), pytest.approx(13.33))
    assert (first.y, first.gap_y, first.gap_height) == (FRAME.top + 90, FRAME.top + 45, 45)
    assert (last.y, last.gap_height) == (FRAME.top, 0)
    assert (first.too_sure, last.too_sure) == (True, False)
    assert (first.share_y, last.share_y) == (FRAME.shares_bottom - 10, FRAME.shares_bottom - 30)
    assert first.tooltip == "confidence 0.750, accuracy 0.500, 25.0 % of the pixels"


def test_a_temperature_gives_two_diagrams_and_older_scores_none() -> None:
    one = Reliability.of(np.array([0.5]), np.array([True]))
    titles = [each.title for each in diagrams_of(calibration_scores(one, one, 1.5))]
    assert titles == ["before: temperature 1", "after: temperature 1.5"]
    assert diagrams_of(None) == []
