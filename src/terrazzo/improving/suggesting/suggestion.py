"""What `suggest` found, in lines."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from terrazzo.system.reporting import how_many

FIELDS = ("rank", "reason", "uncertainty", "novelty", "checked")
"""The fields of a box in suggest.gpkg and boxes.csv."""


@dataclass(frozen=True)
class Box:
    """A box to label."""

    rank: int
    """1 is the best."""
    reason: str
    """What weighed most: uncertain, unfamiliar, rare class or different (`ranking`)."""
    uncertainty: float
    """From 0 to 1: the mean of 1 less the lead of the likeliest class over the second."""
    novelty: float | None
    """The feature distance of its surroundings from the training data; None if the model has no measure."""
    scene: str
    """The name of its scene."""
    row: int
    """Row and column of its upper left pixel."""
    col: int
    valid: float
    """The share of its pixels that are valid."""

    @property
    def values(self) -> tuple[int, str, float, float | None, bool]:
        """The values of `FIELDS`; nobody has checked it yet."""
        novelty = None if self.novelty is None else round(self.novelty, 4)
        return self.rank, self.reason, round(self.uncertainty, 4), novelty, False


@dataclass(frozen=True)
class Suggestion:
    """The boxes to label, the best first, and where they were written."""

    path: Path
    """suggest.gpkg, or a folder of crops of photos."""
    boxes: tuple[Box, ...]
    side: int
    """The pixels along a side of a box."""
    n_pixels: int
    """Pixels of all scenes."""

    def lines(self) -> Iterator[str]:
        """The report: how many boxes, what part of the scenes they are, and why they were chosen."""
        share = len(self.boxes) * self.side**2 / self.n_pixels
        yield f"{how_many(len(self.boxes), 'box')} of {self.side} px, {share:.1%} of the pixels"
        reasons = Counter(box.reason for box in self.boxes).most_common()
        yield "chosen as " + ", ".join(f"{reason} ({count})" for reason, count in reasons)
