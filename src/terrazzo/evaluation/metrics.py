"""Scores of a class map against the truth, all from one confusion matrix over the valid pixels (truth != 255).

A confusion matrix (K, K) counts pixels: rows truth, columns prediction. Every score but the matrix itself needs only
three numbers a class, so those are what is kept for each patch, image and group: counts (..., 3, K) = right pixels,
pixels of the class in the truth, pixels of the class in the prediction. Counts add up over patches.

What a score is where its denominator is zero:

    class absent from truth and prediction     no score (None), and it leaves the means
    in the truth, never predicted              IoU, Dice and recall are 0 by their formulas; precision is set to 0
    predicted, never in the truth              IoU, Dice and precision are 0 by their formulas; recall is set to 0
    truth and prediction one and the same class everywhere     kappa is set to 1
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError

Ids = NDArray[np.integer]
Numbers = NDArray[np.integer] | NDArray[np.floating]
PerClass = tuple[float | None, ...]


@dataclass(frozen=True)
class Scores:
    """The scores of one confusion matrix; all in [0, 1], kappa in [-1, 1]; per class in id order, None where absent.

    Means are over the classes present in truth or prediction; `absent` names the others.
    """

    pixels: int
    accuracy: float
    mean_iou: float
    mean_dice: float
    kappa: float
    iou: PerClass
    dice: PerClass
    precision: PerClass
    recall: PerClass
    absent: tuple[str, ...]

    @classmethod
    def from_confusion(cls, confusion: Ids, names: Sequence[str]) -> "Scores":
        """The scores of a confusion matrix (K, K) of the named classes. Raises InputError where it counts no pixel."""
        return cls.from_counts(class_counts(confusion), names)

    @classmethod
    def from_counts(cls, counts: Ids, names: Sequence[str]) -> "Scores":
        """The scores of counts (3, K) of the named classes (see the module). Raises InputError where there are none.

        Per class, with t right pixels, n in the truth and p predicted: IoU = t / (n + p - t), Dice = F1 = 2t / (n + p),
        precision = t / p, recall = t / n. Accuracy o = sum(t) / N; Cohen's kappa = (o - e) / (1 - e), where
        e = sum(n * p) / N**2 is the agreement expected by chance.
        """
        right, truth, predicted = np.asarray(counts, np.int64)
        pixels = int(truth.sum())
        if pixels == 0:
            raise InputError("no valid pixel to score: every truth pixel is 255 (ignore), or there is no patch at all")
        present = truth + predicted > 0
        iou = _ratio(right, truth + predicted - right)
        dice = _ratio(2 * right, truth + predicted)
        return cls(
            pixels=pixels,
            accuracy=float(right.sum() / pixels),
            mean_iou=float(iou[present].mean()),
            mean_dice=float(dice[present].mean()),
            kappa=_kappa(right, truth, predicted),
            iou=_optional(iou, present),
            dice=_optional(dice, present),
            precision=_optional(_ratio(right, predicted), present),
            recall=_optional(_ratio(right, truth), present),
            absent=tuple(name for name, there in zip(names, present, strict=True) if not there),
        )


def confusion_matrix(truth: Ids, predicted: Ids, n_classes: int) -> NDArray[np.int64]:
    """Pixel counts (K, K), rows truth, columns prediction, of two id arrays of one shape; truth 255 is left out.

    Raises InputError where the shapes differ or a valid pixel has an id that is not below `n_classes`.
    """
    matrix: NDArray[np.int64] = confusion_matrices(truth[None], predicted[None], n_classes)[0]
    return matrix


def confusion_matrices(truth: Ids, predicted: Ids, n_classes: int) -> NDArray[np.int64]:
    """One `confusion_matrix` for each first index: truth and predicted (N, ...) give (N, K, K)."""
    if truth.shape != predicted.shape:
        raise InputError(f"truth has the shape {truth.shape}, the prediction {predicted.shape}; they must be the same")
    n = len(truth)
    valid = truth != IGNORE
    rows, columns = truth[valid].astype(np.int64), predicted[valid].astype(np.int64)
    for what, ids in (("truth", rows), ("prediction", columns)):
        if ids.size and not 0 <= ids.min() <= ids.max() < n_classes:
            wrong = ids.min() if ids.min() < 0 else ids.max()
            raise InputError(f"the {what} holds the id {wrong}; with {n_classes} classes ids are 0..{n_classes - 1}")
    owner = np.repeat(np.arange(n), valid.reshape(n, -1).sum(axis=1))
    cells = (owner * n_classes + rows) * n_classes + columns
    return np.bincount(cells, minlength=n * n_classes**2).reshape(n, n_classes, n_classes)


def class_counts(confusion: Ids) -> NDArray[np.int64]:
    """Right, truth and predicted pixels of each class: confusion (..., K, K) gives counts (..., 3, K)."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    counts: NDArray[np.int64] = np.stack([right, confusion.sum(axis=-1), confusion.sum(axis=-2)], axis=-2)
    return counts


def mean_iou(counts: Numbers) -> NDArray[np.float64]:
    """Mean IoU over the classes present, of counts (..., 3, K), in [0, 1]; NaN where there is no pixel."""
    right, truth, predicted = np.moveaxis(np.asarray(counts), -2, 0)
    n_present = (truth + predicted > 0).sum(axis=-1)
    total = _ratio(right, truth + predicted - right).sum(axis=-1)
    means: NDArray[np.float64] = np.divide(total, n_present, out=np.full(total.shape, np.nan), where=n_present > 0)
    return means


def soft_micro_jaccard(mean_true_probability: float) -> float:
    """J = a / (2 - a) in [0, 1], with a the mean softmax probability of the true class over all valid pixels.

    The coefficient that several published projects report as "Jaccard": over one-hot truth t and softmax p,
    sum(t*p) / (sum(t) + sum(p) - sum(t*p)), where sum(t) = sum(p) = N and sum(t*p) = a*N. It pools all classes before
    dividing, so it is blind to class balance and is not mean IoU.
    """
    if not 0 <= mean_true_probability <= 1:
        raise InputError(f"a mean probability of {mean_true_probability}; probabilities lie in [0, 1]")
    return mean_true_probability / (2 - mean_true_probability)


def bootstrap_interval(counts: Ids, seed: int = 0, n: int = 1000) -> tuple[float, float]:
    """The percentile bootstrap 95 % interval (low, high) of mean IoU over units that have counts (U, 3, K).

    Units (images, or groups of them) are drawn with replacement, as many as there are, `n` times; units without a valid
    pixel are left out. One unit says nothing about the spread: the interval is then (0, 1). It is too narrow wherever
    units resemble each other more than new places would, and with few units anyway.
    """
    counts = np.asarray(counts, np.int64)
    units = counts[counts[:, 1].sum(axis=1) > 0]
    if not len(units):
        raise InputError("no unit with a valid pixel to draw from: every truth pixel is 255 (ignore)")
    if len(units) == 1:
        return 0.0, 1.0
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), size=n)
    # float64 is exact up to 2**53 pixels, and has a fast matrix product where int64 has none.
    sums = (draws.astype(np.float64) @ units.reshape(len(units), -1)).reshape(n, *units.shape[1:])
    low, high = np.percentile(mean_iou(sums), [2.5, 97.5])
    return float(low), float(high)


def _kappa(right: Ids, truth: Ids, predicted: Ids) -> float:
    pixels = float(truth.sum())
    observed = right.sum() / pixels
    expected = float((truth / pixels) @ (predicted / pixels))
    if expected >= 1:
        return 1.0
    return float(np.clip((observed - expected) / (1 - expected), -1, 1))


def _ratio(part: Numbers, whole: Numbers) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(part.shape, np.float64), where=whole > 0)
    return ratio


def _optional(values: NDArray[np.float64], present: NDArray[np.bool_]) -> PerClass:
    return tuple(float(value) if there else None for value, there in zip(values, present, strict=True))
