"""95 % intervals of every score, by drawing groups, images or blocks with replacement.

The percentile bootstrap (Efron 1979): the parts of a split are drawn as often as there are parts, a thousand times, and
every score is computed anew from each draw. An interval holds the middle 95 % of a score's values.

The calibration error adds up absolute gaps, which fewer different pixels make larger. Draws lie above the error itself
for that reason, so its interval starts at the error where all but 2.5 % of the draws are larger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import mean_ious, ratio
from terrazzo.evaluation.calibration.reliability import ECE, ECE_UNCALIBRATED, calibration_error
from terrazzo.evaluation.metrics import CLASS_METRICS, MEANS, Pooled
from terrazzo.evaluation.patchwise.boundaries import BOUNDARY, CLASS_BOUNDARY
from terrazzo.evaluation.patchwise.tallies import Tallies
from terrazzo.evaluation.patchwise.units import Units

DRAWS = 1000
"""Draws of as many parts as there are."""
_MOST_AT_ONCE = 1 << 22
"""Draws times parts that are held in memory."""

Interval = tuple[float, float]
_Table = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Intervals:
    """The 95 % intervals (low, high) of the scores."""

    of_scores: Mapping[str, Interval]
    """By the score's name."""
    of_classes: Mapping[str, tuple[Interval | None, ...]]
    """By the score's name, in the order of class ids; None for a class without a score."""


def intervals_of(tallies: Tallies, units: Units, seed: int = 0) -> Intervals:
    """The intervals over the units; none where fewer than two units have valid pixels.

    A draw without a class, in truth and prediction, says nothing of that class: the other draws decide. Laws: equal
    units give intervals without width, and the same call the same intervals.
    """
    if units.n < 2:
        return Intervals({}, {})
    parts = tallies.by_part(units.of)
    found = [_scores(draws) for draws in _draws(parts, seed)]
    means, by_class = (
        {name: np.concatenate([each[kind][name] for each in found]) for name in found[0][kind]} for kind in (0, 1)
    )
    scores = {name: _middle(values) for name, values in means.items()}
    errors = _calibration_errors(parts.drawn(np.ones((1, units.n))))
    for name, (error,) in errors.items():
        if (interval := scores[name]) is not None:
            scores[name] = (min(interval[0], float(error)), interval[1])
    return Intervals(
        {name: interval for name, interval in scores.items() if interval is not None},
        {name: tuple(_middle(values) for values in table.T) for name, table in by_class.items()},
    )


def interval_entries(tallies: Tallies, units: Units, names: tuple[str, ...]) -> dict[str, Any]:
    """The entries of scores.json: intervals by score and by class, what was drawn, and what they are worth."""
    found = intervals_of(tallies, units)
    return {
        "intervals": {name: list(interval) for name, interval in found.of_scores.items()},
        "class_intervals": {
            name: {one: interval and list(interval) for one, interval in zip(names, row, strict=True)}
            for name, row in found.of_classes.items()
        },
        "interval_units": units.words,
        "interval_note": units.note if units.n > 1 else f"no intervals: {units.words}, and {units.note}",
    }


def _draws(parts: Tallies, seed: int) -> Iterator[Tallies]:
    """The tallies of a thousand draws, a few at a time where there are many parts."""
    rng, n = np.random.default_rng(seed), len(parts.pixels)
    at_once = max(1, _MOST_AT_ONCE // n)
    for start in range(0, DRAWS, at_once):
        size = min(at_once, DRAWS - start)
        yield parts.drawn(rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64))


def _scores(draws: Tallies) -> tuple[_Table, _Table]:
    """The scores of each of D draws: one a draw (D,), and by class (D, K), NaN for a class that is not there."""
    sums = zip(draws.true_sums, draws.entropy_sums, draws.loss_sums, strict=True)
    pooled = [
        Pooled(counts, float(loss / n), float(min(1.0, true / n)), float(max(0.0, entropy / n)))
        for counts, n, (true, entropy, loss) in zip(draws.counts, draws.pixels, sums, strict=True)
    ]
    means = {name: np.array([entry.formula(each) for each in pooled]) for name, entry in MEANS.items()}
    by_class = {
        name: np.array([np.where(each.present, entry.formula(each), np.nan) for each in pooled])
        for name, entry in CLASS_METRICS.items()
    }
    right, truth, predicted = np.moveaxis(draws.boundary, 1, 0)
    edges = np.where(truth + predicted > 0, ratio(right, truth + predicted - right), np.nan)
    return (
        {**means, BOUNDARY: mean_ious(draws.boundary), **_calibration_errors(draws)},
        {**by_class, CLASS_BOUNDARY: edges},
    )


def _calibration_errors(draws: Tallies) -> _Table:
    """The calibration errors (D,) of each draw, by their names in `calibration`."""
    return {
        ECE: calibration_error(draws.gaps, draws.pixels),
        ECE_UNCALIBRATED: calibration_error(draws.gaps_uncalibrated, draws.pixels),
    }


def _middle(values: NDArray[np.float64]) -> Interval | None:
    """The 2.5 and the 97.5 percentile of the draws that have a value; None where none has."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
