"""The mean IoU of a predictor on patches."""

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import class_counts, confusion_matrices, mean_ious
from terrazzo.model.predictor import Classify
from terrazzo.patches.folder import Patches
from terrazzo.system.reporting import Progress

BATCH = 4
"""Patches at a time."""


def mean_iou(classify: Classify, patches: Patches, rows: NDArray[np.int64], what: str, progress: Progress) -> float:
    """The mean IoU in [0, 1] over the valid pixels of the patches of these numbers; NaN if there are none.

    It is the `mean_iou` of `evaluate`. `what` names the work for `progress`.
    """
    n_classes = patches.schema.n_classes
    confusion = np.zeros((n_classes, n_classes), np.int64)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        probs = classify(patches.pixels(batch).transpose(0, 3, 1, 2))
        confusion += confusion_matrices(patches.masks[batch], probs.argmax(axis=1), n_classes).sum(axis=0)
        progress(what, start + len(batch), len(rows))
    return float(mean_ious(class_counts(confusion)))
