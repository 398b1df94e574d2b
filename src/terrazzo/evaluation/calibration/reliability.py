"""Confidence against accuracy: the expected calibration error, and the bins of a reliability diagram.

Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599). The confidence of a valid pixel is the
probability of its most probable class. Pixels fall into 15 bins of equal width; bin m of 15 is ((m - 1) / 15, m / 15].
With n pixels in all and n_m in bin m:

    ECE = sum over m of n_m / n * |share of right pixels in bin m - mean confidence in bin m|
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
ECE, ECE_UNCALIBRATED = "ece", "ece_uncalibrated"
"""The names of the calibration errors in scores.json: that of the model, and that at temperature 1."""


@dataclass(frozen=True)
class Reliability:
    """The valid pixels by confidence, one number a bin (15,). Counts of parts add up to those of the whole."""

    pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    """The sum of the confidences."""
    right: NDArray[np.int64]
    """How many are right."""

    @classmethod
    def none(cls) -> "Reliability":
        """That of no pixel."""
        return cls(np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS, np.int64))

    @classmethod
    def of(cls, confidences: NDArray[np.floating], right: NDArray[np.bool_]) -> "Reliability":
        """That of pixels with these confidences in [0, 1], (n,), and whether each is right (n,)."""
        wide = confidences.astype(np.float64)
        place = np.clip(np.ceil(wide * BINS).astype(np.int64) - 1, 0, BINS - 1)
        return cls(
            np.bincount(place, minlength=BINS),
            np.bincount(place, weights=wide, minlength=BINS).astype(np.float64),
            np.bincount(place[right], minlength=BINS),
        )

    def __add__(self, other: "Reliability") -> "Reliability":
        """That of the pixels of both."""
        return Reliability(self.pixels + other.pixels, self.confidence + other.confidence, self.right + other.right)

    @property
    def gaps(self) -> NDArray[np.float64]:
        """(15,) right pixels less the sum of the confidences. Gaps of parts add up to those of the whole."""
        return self.right - self.confidence

    @property
    def ece(self) -> float:
        """The expected calibration error, in [0, 1]; NaN without a pixel."""
        return float(calibration_error(self.gaps, self.pixels.sum()))

    def rows(self) -> list[dict[str, Any]]:
        """A row for each bin: `pixels`, mean `confidence` and `accuracy`; None in a bin without a pixel."""
        return [
            {
                "pixels": int(count),
                "confidence": float(total / count) if count else None,
                "accuracy": float(hits / count) if count else None,
            }
            for count, total, hits in zip(self.pixels, self.confidence, self.right, strict=True)
        ]


def calibration_error(gaps: NDArray[np.float64], pixels: NDArray[np.floating | np.integer]) -> NDArray[np.float64]:
    """The expected calibration errors (...), from gaps (..., 15) and numbers of pixels (...); NaN where there is none.

    n_m / n * |right_m / n_m - confidence_m / n_m|, with n_m cancelled out: an empty bin adds 0.
    """
    errors: NDArray[np.float64] = np.abs(gaps).sum(axis=-1) / np.where(pixels > 0, pixels, np.nan)
    return errors


def calibration_scores(after: Reliability, before: Reliability, temperature: float) -> dict[str, Any]:
    """The entry `calibration` of scores.json. `before` is the same pixels' at temperature 1."""
    found = {ECE: after.ece, ECE_UNCALIBRATED: before.ece, "temperature": temperature, "bins": after.rows()}
    return found if temperature == 1 else {**found, "bins_uncalibrated": before.rows()}


def calibration_line(scores: Mapping[str, Any]) -> list[str]:
    """One line on the calibration error, from scores.json; none where it holds none."""
    found = scores.get("calibration")
    if not found:
        return []
    low, high = scores.get("intervals", {}).get(ECE, (None, None))
    interval = "" if low is None else f", 95 % interval {low:.4f} to {high:.4f}"
    error = f"expected calibration error {found[ECE]:.4f}{interval}"
    if found["temperature"] == 1:
        return [f"{error}; the model file has no temperature"]
    return [f"{error}, with the temperature {found['temperature']:.3g}; {found[ECE_UNCALIBRATED]:.4f} without it"]
