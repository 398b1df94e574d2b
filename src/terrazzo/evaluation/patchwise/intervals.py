"""95 % intervals of every score, by drawing groups, images or blocks with replacement.

The percentile bootstrap (Efron 1979): the parts of a split are drawn as often as there are parts, a thousand times, and
every score is computed anew from each draw. An interval holds the middle 95 % of a score's values.

The loss has none: it is computed by batches, which hold patches of several parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import mean_ious
from terrazzo.evaluation.metrics import CLASS_METRICS, MEANS, Pooled
from terrazzo.evaluation.patchwise.units import Units

DRAWS = 1000
"""Draws of as many parts as there are."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Tallies:
    """What each of N patches adds to the scores."""

    counts: NDArray[np.int64]
    """(N, 3, K): right, truth and predicted pixels."""
    boundary: NDArray[np.int64]
    """(N, 3, K): the same, near the edges of the classes."""
    true_sums: NDArray[np.float64]
    """(N,): the probabilities of the true class, summed over valid pixels."""
    entropy_sums: NDArray[np.float64]
    """(N,): -log of these, summed."""

    @property
    def pixels(self) -> NDArray[np.int64]:
        """(N,) valid pixels."""
        pixels: NDArray[np.int64] = self.counts[:, 1].sum(axis=1)
        return pixels


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
    counts, boundary, true_sums, entropy_sums = _draws(tallies, units, seed)
    pixels = counts[:, 1].sum(axis=1)
    pooled = [
        Pooled(drawn, np.nan, float(min(1.0, true / n)), float(max(0.0, entropy / n)))
        for drawn, true, entropy, n in zip(counts, true_sums, entropy_sums, pixels, strict=True)
    ]
    means = {
        name: np.array([entry.formula(each) for each in pooled])
        for name, entry in MEANS.items()
        if entry.source != "loss"
    }
    means["boundary_iou"] = mean_ious(boundary)
    by_class = {
        name: np.array([np.where(each.present, entry.formula(each), np.nan) for each in pooled])
        for name, entry in CLASS_METRICS.items()
    }
    scores = {name: _middle(values) for name, values in means.items()}
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


def _draws(tallies: Tallies, units: Units, seed: int) -> tuple[NDArray[np.float64], ...]:
    """The four tallies summed over the patches of each draw: (D, 3, K) twice, (D,) twice.

    Units without a valid pixel are left out.
    """
    shape, n = tallies.counts.shape[1:], len(tallies.counts)
    parts = (tallies.counts, tallies.boundary, tallies.true_sums, tallies.entropy_sums)
    # float64 is exact up to 2**53 pixels, and has a fast matrix product where int64 has none.
    table = np.concatenate([part.reshape(n, -1).astype(np.float64) for part in parts], axis=1)
    kept = np.unique(units.of[tallies.pixels > 0])
    here = np.isin(units.of, kept)
    sums = np.zeros((len(kept), table.shape[1]))
    np.add.at(sums, np.searchsorted(kept, units.of[here]), table[here])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(kept), np.full(len(kept), 1 / len(kept)), size=DRAWS).astype(np.float64) @ sums
    size = shape[0] * shape[1]
    counts, boundary = drawn[:, :size], drawn[:, size : 2 * size]
    return counts.reshape(-1, *shape), boundary.reshape(-1, *shape), drawn[:, -2], drawn[:, -1]


def _middle(values: NDArray[np.float64]) -> Interval | None:
    """The 2.5 and the 97.5 percentile of the draws that have a value; None where none has."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
