"""Confidence against accuracy: the expected calibration error, and the bins of a reliability diagram.

Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599). The confidence of a valid pixel is the
probability of its most probable class. Pixels fall into 15 bins of equal width; bin m of 15 is ((m - 1) / 15, m / 15].
With n pixels in all and n_m in bin m:

    ECE = sum over m of n_m / n * |share of right pixels in bin m - mean confidence in bin m|
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


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
    def ece(self) -> float:
        """The expected calibration error, in [0, 1]; NaN without a pixel."""
        total = int(self.pixels.sum())
        # n_m / n * |right_m / n_m - confidence_m / n_m|, with n_m cancelled out: an empty bin adds 0.
        return float(np.abs(self.right - self.confidence).sum() / total) if total else float("nan")

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


def calibration_scores(after: Reliability, before: Reliability, temperature: float) -> dict[str, Any]:
    """The entry `calibration` of scores.json. `before` is the same pixels' at temperature 1."""
    found = {"ece": after.ece, "ece_uncalibrated": before.ece, "temperature": temperature, "bins": after.rows()}
    return found if temperature == 1 else {**found, "bins_uncalibrated": before.rows()}


def calibration_line(found: dict[str, Any]) -> str:
    """One line on the calibration error, from the entry `calibration` of scores.json."""
    if found["temperature"] == 1:
        return f"expected calibration error {found['ece']:.4f}; the model file has no temperature"
    return (
        f"expected calibration error {found['ece']:.4f} with the temperature {found['temperature']:.3g}, "
        f"{found['ece_uncalibrated']:.4f} without"
    )
