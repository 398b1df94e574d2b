"""Which boxes are labelled first: the rule of `terrazzo suggest`.

A label teaches the model about everything that looks like it. So the boxes are chosen that stand for as much as
possible of what needs a label. The need of a box has three figures:

- uncertainty: the mean over its pixels of 1 less the lead of the likeliest class over the second;
- novelty: the feature distance of its surroundings from the training data;
- rare classes: the mean over its pixels of -log2 of the share that their predicted class has in all scenes.

Each is scaled from 0, the least of all boxes, to 1, the most; where all are equal they are 0. The need is `BASE` +
their mean, times the share of the box's pixels that are valid. Without a measure of novelty the mean is of the other
two.

Two boxes are alike by 1 - d / m, at least 0: d is the distance of their features, m the root mean square distance of
two boxes. A box is covered as far as it is like the chosen box that it is most like. Boxes are chosen one after the
other. Each adds the most to the sum of need times cover over all boxes; where several add the same, it is the one with
the most need.
(Facility location, a submodular gain: Wei, Iyer and Bilmes 2015, "Submodularity in data subset selection and active
learning".) With few labels, boxes that are typical of others teach more than the most uncertain ones (Hacohen, Dekel
and Weinshall 2022, "Active learning on a budget").

The reason of a box is the largest of its figures, or `different`: how little the boxes chosen before it are like it.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REASONS = ("uncertain", "unfamiliar", "rare class", "different")
"""What weighed most, in the order of the figures."""
BASE = 0.1
"""The need of a box whose figures are the least of all."""
SAMPLE = 1024
"""The boxes to be covered are this many at most, spread evenly."""

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

    `features` (n, D) are compared in units of their spread. Of boxes that add the same and need the same, the first is
    taken.
    """
    figures = np.zeros((len(REASONS), len(boxes)))
    known = [(0, boxes.uncertainty), *([] if novelty is None else [(1, novelty)]), (2, boxes.rarity)]
    for figure, values in known:
        figures[figure] = scaled(values)
    need = boxes.valid * (BASE + figures.sum(axis=0) / len(known))
    some = np.linspace(0, len(boxes) - 1, min(SAMPLE, len(boxes))).round().astype(np.int64)
    alike = likeness(features, some)
    chosen: list[tuple[int, str]] = []
    for number, cover in _greedy(alike, need[some], need, min(n_wanted, len(boxes))):
        figures[3, number] = 0 if cover is None else 1 - cover
        chosen.append((number, REASONS[int(figures[:, number].argmax())]))
    return chosen


def likeness(features: Values, some: NDArray[np.int64]) -> NDArray[np.float32]:
    """How much all boxes are like some of them (n, s): 1 - d / m, at least 0; 1 if all look the same.

    `features` (n, D) are taken in units of their spread, so m is the root of twice the number of those that vary.
    """
    spread = features.std(axis=0)
    varying = features[:, spread > 0] / spread[spread > 0]
    squared = (varying**2).sum(axis=1)
    pairs = squared[:, None] + squared[some] - 2 * varying @ varying[some].T
    apart = np.sqrt(np.maximum(pairs, 0, out=pairs), out=pairs)
    usual = np.sqrt(2.0 * max(1, varying.shape[1]))
    return np.asarray(np.maximum(0, 1 - apart / usual), np.float32)


def _greedy(
    alike: NDArray[np.float32], weights: Values, need: Values, n_wanted: int
) -> Iterator[tuple[int, float | None]]:
    """The boxes that add most, one after the other, each with how far it was covered before; None for the first.

    What a box adds only shrinks as others are chosen, so only those at the head of the queue are counted anew (Minoux
    1978, "Accelerated greedy algorithms").
    """
    covered = np.zeros(alike.shape[1])

    def entry(number: int) -> tuple[float, float, int]:
        adds = float((weights * np.maximum(0, alike[number] - covered)).sum())
        return -round(adds, 6), -float(need[number]), number

    queue = [entry(number) for number in range(len(alike))]
    heapq.heapify(queue)
    n_chosen = 0
    while n_chosen < n_wanted:
        best = entry(heapq.heappop(queue)[2])
        if queue and best > queue[0]:
            heapq.heappush(queue, best)
            continue
        number = best[2]
        yield number, float(covered[alike[number].argmax()]) if n_chosen else None
        n_chosen += 1
        covered = np.maximum(covered, alike[number])


def scaled(values: Values) -> Values:
    """Values (n,) from 0, the least, to 1, the most; 0 if all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))
