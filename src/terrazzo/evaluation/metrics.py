"""The metrics: each is one entry of one registry.

An entry is a function under `@metric`. Training, the epoch's log, metrics.csv, curves, scores.json, the report and the
comparison with published figures read the registry, so a new metric is one function here.

A score whose denominator is zero:

    class absent from truth and prediction     no score (None), and the means leave it out
    in the truth, never predicted              IoU, Dice and recall are 0 by their formulas; precision is set to 0
    predicted, never in the truth              IoU, Dice and precision are 0 by their formulas; recall is set to 0
    truth and prediction one and the same class everywhere     kappa is set to 1
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import ratio
from terrazzo.errors import InputError

PerClass = tuple[float | None, ...]
Source = Literal["counts", "loss", "probabilities"]


@dataclass(frozen=True)
class Pooled:
    """The valid pixels of some patches, pooled: what every metric is computed from."""

    counts: NDArray[np.int64]
    """(3, K): right, truth and predicted pixels of each class."""
    loss: float = np.nan
    true_probability: float = np.nan
    """Mean softmax probability of the true class, in [0, 1]."""
    cross_entropy: float = np.nan
    """Mean of -log of the true class's probability."""

    @property
    def pixels(self) -> int:
        """How many valid pixels there are."""
        return int(self.counts[1].sum())

    @property
    def present(self) -> NDArray[np.bool_]:
        """(K,) whether the class is in truth or prediction."""
        present: NDArray[np.bool_] = self.counts[1] + self.counts[2] > 0
        return present


@dataclass(frozen=True)
class Metric:
    """One entry of the registry. Its name is the key in scores.json and, after `val_`, in metrics.csv."""

    name: str
    about: str
    """What it says: the first paragraph of the formula's docstring."""
    formula: Callable[[Pooled], Any]
    """A number, or one per class (K,)."""
    title: str
    source: Source = "counts"
    """What it is computed from. Metrics of counts exist for each group, too."""
    aka: str = ""
    per_class: bool = False
    higher_is_better: bool = True
    each_epoch: bool = False
    """Validation computes it after each epoch."""
    shown: bool = True
    """Summary and report show it; scores.json holds all."""


METRICS: dict[str, Metric] = {}
"""All metrics by name, in the order of scores.json."""

Formula = TypeVar("Formula", bound=Callable[[Pooled], Any])


def metric(title: str, source: Source = "counts", **options: Any) -> Callable[[Formula], Formula]:
    """A decorator that enters a formula into the registry, under the function's name."""

    def register(formula: Formula) -> Formula:
        about = " ".join((formula.__doc__ or "").split("\n\n")[0].split())
        METRICS[formula.__name__] = Metric(formula.__name__, about, formula, title, source, **options)
        return formula

    return register


@metric("accuracy", each_epoch=True)
def accuracy(pooled: Pooled) -> float:
    """Share of the valid pixels that are right; large classes dominate it."""
    return float(pooled.counts[0].sum() / pooled.pixels)


@metric("mean IoU", each_epoch=True)
def mean_iou(pooled: Pooled) -> float:
    """Mean of the IoU of the classes present in truth or prediction."""
    return float(iou(pooled)[pooled.present].mean())


@metric("mean Dice", aka="F1", each_epoch=True)
def mean_dice(pooled: Pooled) -> float:
    """Like mean IoU, but higher: 2 IoU / (1 + IoU) for each class."""
    return float(dice(pooled)[pooled.present].mean())


@metric("kappa")
def kappa(pooled: Pooled) -> float:
    """Agreement beyond chance, -1 to 1; a constant answer scores 0.

    Cohen's kappa = (o - e) / (1 - e), with the accuracy o and e = sum(n * p) / N**2, the agreement expected by chance;
    n and p are the pixels of each class in truth and prediction, N is their sum.
    """
    right, truth, predicted = pooled.counts
    pixels = float(truth.sum())
    observed = right.sum() / pixels
    expected = float((truth / pixels) @ (predicted / pixels))
    if expected >= 1:
        return 1.0
    return float(np.clip((observed - expected) / (1 - expected), -1, 1))


@metric("loss", "loss", higher_is_better=False, each_epoch=True)
def loss(pooled: Pooled) -> float:
    """What training minimizes; lower is better, and only equal losses compare."""
    return pooled.loss


@metric("jaccard_soft_micro", "probabilities")
def jaccard_soft_micro(pooled: Pooled) -> float:
    """Not mean IoU: a / (2 - a), with a = mean probability of the true class. It is blind to class balance.

    Several projects report it as "Jaccard": over one-hot truth t and softmax p, sum(t*p) / (sum(t) + sum(p) -
    sum(t*p)), where sum(t) = sum(p) = N and sum(t*p) = a*N. All classes are pooled before the division.
    """
    a = pooled.true_probability
    if not 0 <= a <= 1:
        raise InputError(f"a mean probability of {a}; probabilities lie in [0, 1]")
    return a / (2 - a)


@metric("true_class_probability", "probabilities", shown=False)
def true_class_probability(pooled: Pooled) -> float:
    """Mean softmax probability of the true class, which some projects report as accuracy."""
    return pooled.true_probability


@metric("cross_entropy", "probabilities", higher_is_better=False, shown=False)
def cross_entropy(pooled: Pooled) -> float:
    """Mean of -log of the true class's probability."""
    return pooled.cross_entropy


@metric("ce_plus_soft_dice", "probabilities", higher_is_better=False, shown=False)
def ce_plus_soft_dice(pooled: Pooled) -> float:
    """Cross-entropy plus the Dice loss of all classes pooled, 1 - a; some projects train and report it."""
    return pooled.cross_entropy + 1 - pooled.true_probability


@metric("IoU", per_class=True)
def iou(pooled: Pooled) -> NDArray[np.float64]:
    """Right pixels over the pixels of the class in truth or prediction.

    t / (n + p - t), with t right pixels, n in the truth and p predicted.
    """
    right, truth, predicted = pooled.counts
    return ratio(right, truth + predicted - right)


@metric("Dice", aka="F1", per_class=True)
def dice(pooled: Pooled) -> NDArray[np.float64]:
    """Twice the right pixels over the sum of the pixels in truth and prediction."""
    right, truth, predicted = pooled.counts
    return ratio(2 * right, truth + predicted)


@metric("precision", per_class=True)
def precision(pooled: Pooled) -> NDArray[np.float64]:
    """The share of the predicted pixels that are right."""
    return ratio(pooled.counts[0], pooled.counts[2])


@metric("recall", per_class=True)
def recall(pooled: Pooled) -> NDArray[np.float64]:
    """The share of the pixels in the truth that were found."""
    return ratio(pooled.counts[0], pooled.counts[1])


MEANS = {name: entry for name, entry in METRICS.items() if not entry.per_class}
"""The metrics of all pixels together."""
CLASS_METRICS = {name: entry for name, entry in METRICS.items() if entry.per_class}
"""The metrics of single classes."""
EPOCH_METRICS = sorted((entry for entry in METRICS.values() if entry.each_epoch), key=lambda it: it.source != "loss")
"""The metrics of validation in training, in the order of metrics.csv: the loss, then the scores."""
BEST_BY = METRICS["mean_iou"]
"""What the best epoch is best by."""


@dataclass(frozen=True)
class Scores:
    """The metrics of some pixels; `scores["mean_iou"]` is one of them.

    Ratios are in [0, 1], kappa in [-1, 1]. Means are over the classes present in truth or prediction.
    """

    pixels: int
    values: Mapping[str, float]
    """By metric, those of the sources asked for."""
    by_class: Mapping[str, PerClass]
    """By metric, in the order of class ids; None where the class is absent."""
    absent: tuple[str, ...]
    """The names of the classes in neither truth nor prediction."""

    def __getitem__(self, name: str) -> float:
        """One metric by name."""
        return self.values[name]

    @classmethod
    def of(cls, pooled: Pooled, names: Sequence[str], *sources: Source) -> "Scores":
        """The scores of pixels of the named classes. Raises InputError where there is no pixel."""
        if pooled.pixels == 0:
            raise InputError("no valid pixel to score: every truth pixel is 255 (ignore), or there is no patch at all")
        present = pooled.present
        return cls(
            pooled.pixels,
            {name: entry.formula(pooled) for name, entry in MEANS.items() if entry.source in sources},
            {name: _optional(entry.formula(pooled), present) for name, entry in CLASS_METRICS.items()},
            tuple(name for name, there in zip(names, present, strict=True) if not there),
        )


def _optional(values: NDArray[np.float64], present: NDArray[np.bool_]) -> PerClass:
    return tuple(float(value) if there else None for value, there in zip(values, present, strict=True))
