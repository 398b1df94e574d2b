"""Which boxes are labelled first: the rule of `terrazzo suggest`.

Boxes are chosen one after the other, by four figures from 0 to 1:

- uncertainty: the mean over its pixels of 1 less the lead of the likeliest class over the second;
- novelty: the feature distance of its surroundings from the training data;
- rare classes: the mean over its pixels of -log2 of the share that their predicted class has in all scenes;
- diversity: how far it lies from the nearest box chosen so far, half in features and half on the ground.

The first three are scaled from 0, the least among the boxes that are left, to 1, the most; where all are equal they are
0. The score of a box is (`BASE` + their mean) x (1 + diversity), times the share of its pixels that are valid. Without
a measure of novelty the mean is of the other two. The reason of a box is the largest of its figures.

Diversity is 0 for the first box. In features it reaches 1 at the median distance of two candidates. On the ground it
reaches 1 at the distance of boxes that are spread evenly, and between scenes.

Diversity multiplies, and is not one more term of the mean: added, it let a single bad quarter take most of the boxes,
side by side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REASONS = ("uncertain", "unfamiliar", "rare class", "different")
"""What weighed most, in the order of the figures."""
BASE = 0.1
"""What lets diversity decide where the other figures are all equal."""
SAMPLE = 512
"""The median distance is that of this many candidates at most."""
_TIE = 1e-10  # below the last decimal of a score

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Boxes to choose from (n), in the order of scenes, rows and columns."""

    scene: NDArray[np.int64]
    place: NDArray[np.int64]
    """Row and column (n, 2) of their upper left pixel."""
    side: int
    valid: Values
    """The share of their pixels that are valid, above 0."""
    uncertainty: Values
    """From 0 to 1."""
    rarity: Values
    """In bits."""
    shares: Values
    """The share of their valid pixels that each class has (n, K)."""

    def __len__(self) -> int:
        return len(self.scene)

    def taken(self, chosen: NDArray[np.int64]) -> "Candidates":
        """Some of the boxes, by number."""
        figures = (self.valid[chosen], self.uncertainty[chosen], self.rarity[chosen], self.shares[chosen])
        return Candidates(self.scene[chosen], self.place[chosen], self.side, *figures)


def information(classes: NDArray[np.int32]) -> Values:
    """The rarity (n,) in bits of boxes with pixels by class (n, K): the mean of -log2 of their classes' shares.

    A class's share is that in all boxes together. Each box has at least one pixel.
    """
    totals = classes.sum(axis=0, dtype=np.int64)
    bits = -np.log2(np.maximum(totals, 1) / totals.sum())
    return np.asarray((classes * bits).sum(axis=1) / classes.sum(axis=1), np.float64)


def shortlist(boxes: Candidates, most: int) -> NDArray[np.int64]:
    """The numbers of at most `most` boxes, in order: half are the most uncertain and rarest, half spread evenly."""
    n = len(boxes)
    if n <= most:
        return np.arange(n)
    worth = boxes.valid * (scaled(boxes.uncertainty) + scaled(boxes.rarity))
    order = np.argsort(-worth, kind="stable")
    best, others = order[: most // 2], np.sort(order[most // 2 :])
    spread = np.linspace(0, len(others) - 1, most - len(best)).round().astype(np.int64)
    return np.sort(np.concatenate([best, others[spread]]))


def choose(boxes: Candidates, features: Values, novelty: Values | None, n_wanted: int) -> list[tuple[int, str]]:
    """The numbers of the boxes to label, the best first, each with its reason; as many as wanted, or all.

    `features` (n, D) are compared in units of their spread. Of equal scores, the box with the most valid pixels is
    taken, then the first.
    """
    figures = np.zeros((len(REASONS), len(boxes)))
    known = [(0, boxes.uncertainty), *([] if novelty is None else [(1, novelty)]), (2, boxes.rarity)]
    spread = features.std(axis=0)
    features = features / np.where(spread > 0, spread, 1.0)
    near = _Nearness(boxes, features, n_wanted)
    left = np.ones(len(boxes), bool)
    chosen: list[tuple[int, str]] = []
    while len(chosen) < min(n_wanted, len(boxes)):
        for figure, values in known:
            figures[figure, left] = scaled(values[left])
        worth = (BASE + figures[:3].sum(axis=0) / len(known)) * (1 + figures[3])
        score = np.round(boxes.valid * worth, 9) + _TIE * boxes.valid
        number = int(np.where(left, score, -1.0).argmax())
        chosen.append((number, REASONS[int(figures[:, number].argmax())]))
        left[number] = False
        figures[3] = near.after(number)
    return chosen


def scaled(values: Values) -> Values:
    """Values (n,) from 0, the least, to 1, the most; 0 if all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


class _Nearness:
    """How far candidates are from the nearest box chosen so far."""

    def __init__(self, boxes: Candidates, features: Values, n_wanted: int) -> None:
        self._boxes, self._features = boxes, features
        some = features[np.linspace(0, len(boxes) - 1, min(SAMPLE, len(boxes))).round().astype(np.int64)]
        squared = (some**2).sum(axis=1)
        pairs = squared[:, None] + squared[None] - 2 * some @ some.T
        apart = pairs[np.triu_indices(len(some), 1)]
        self._usual = float(np.sqrt(max(0.0, np.median(apart)))) if len(apart) else 0.0
        self._spacing = boxes.side * max(1.0, np.sqrt(len(boxes) / n_wanted))
        self._least = np.ones(len(boxes))

    def after(self, number: int) -> Values:
        """The diversity (n,) of all candidates once this one is chosen too."""
        boxes = self._boxes
        apart = np.linalg.norm(self._features - self._features[number], axis=1)
        unlike = np.minimum(1, apart / self._usual) if self._usual > 0 else np.zeros(len(boxes))
        ground = np.linalg.norm(boxes.place - boxes.place[number], axis=1) / self._spacing
        away = np.where(boxes.scene == boxes.scene[number], np.minimum(1, ground), 1.0)
        self._least = np.minimum(self._least, (unlike + away) / 2)
        return self._least
