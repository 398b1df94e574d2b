"""Pixel counts of class maps against the truth: confusion matrices, and counts per class.

A confusion matrix (K, K) counts valid pixels (truth is not 255): rows are the truth, columns the prediction. Metrics
need only three numbers per class: counts (..., 3, K) = right pixels, pixels of the class in the truth, pixels of the
class in the prediction. Counts add up over patches.
"""

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError

Ids = NDArray[np.integer]
Numbers = NDArray[np.integer] | NDArray[np.floating]


def confusion_matrices(truth: Ids, predicted: Ids, n_classes: int) -> NDArray[np.int64]:
    """Pixel counts (N, K, K), rows truth, columns prediction, of each of two arrays of ids (N, ...).

    Truth 255 is left out. Raises InputError where the shapes differ or a valid pixel has an id not below `n_classes`.
    """
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


def mean_ious(counts: Numbers) -> NDArray[np.float64]:
    """The mean IoU (...) of each of many counts (..., 3, K), in [0, 1]; NaN where there is no pixel."""
    right, truth, predicted = np.moveaxis(np.asarray(counts), -2, 0)
    n_present = (truth + predicted > 0).sum(axis=-1)
    total = ratio(right, truth + predicted - right).sum(axis=-1)
    means: NDArray[np.float64] = np.divide(total, n_present, out=np.full(total.shape, np.nan), where=n_present > 0)
    return means


def ratio(part: Numbers, whole: Numbers) -> NDArray[np.float64]:
    """Part / whole, 0 where the whole is 0."""
    shares: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(part.shape, np.float64), where=whole > 0)
    return shares
