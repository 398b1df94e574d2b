"""Boundary IoU: how well the edges of the classes are found, from the pixels near them alone.

Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation" (arXiv 2103.16562). Where we
differ: the width is given in pixels, and only valid pixels of another class make an edge. Ignored ground makes none.
Neither does the side of a patch, which is a cut and no edge of anything.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import mean_ious, ratio
from terrazzo.classes.schema import IGNORE

Ids = NDArray[np.uint8]
BOUNDARY, CLASS_BOUNDARY = "boundary_iou", "class_boundary_iou"
"""The names of the mean and of the table by class in scores.json."""
_Larger = Callable[[Ids, Ids], Ids]


def boundary_counts(truth: Ids, predicted: Ids, n_classes: int, width_px: int) -> NDArray[np.int64]:
    """Right, truth and predicted pixels (N, 3, K) near the edges of each class, of class maps (N, H, W).

    A pixel is near an edge if a valid pixel of another class lies within `width_px` rows and columns of it, in the same
    map. Right ones are near an edge in both maps, with one class. Law: right / (truth + predicted - right) is the
    boundary IoU of each class.
    """
    valid = truth != IGNORE
    in_truth, in_prediction = (_near_edge(ids, valid, width_px) for ids in (truth, predicted))
    right = in_truth & in_prediction & (truth == predicted)
    parts = ((truth, right), (truth, in_truth), (predicted, in_prediction))
    return np.stack([_by_class(ids, where, n_classes) for ids, where in parts], axis=1)


def boundary_entries(counts: NDArray[np.int64], names: Sequence[str], width_px: int) -> dict[str, Any]:
    """The entries of scores.json, from the counts (N, 3, K) of all patches: mean and by class, and the width.

    The mean is over the classes with an edge in truth or prediction. A class without one has None, and so has the mean
    where no class has one.
    """
    right, truth, predicted = pooled = counts.sum(axis=0)
    values, present = ratio(right, truth + predicted - right).tolist(), (truth + predicted > 0).tolist()
    by_class = {name: value if there else None for name, value, there in zip(names, values, present, strict=True)}
    mean = float(mean_ious(pooled)) if any(present) else None
    return {BOUNDARY: mean, "boundary_px": width_px, CLASS_BOUNDARY: by_class}


def boundary_line(scores: Mapping[str, Any], mark: str = "") -> list[str]:
    """One line on boundary IoU from scores.json; none where it holds no such score. The `mark` follows the score."""
    if scores.get(BOUNDARY) is None:
        return []
    low, high = scores["intervals"].get(BOUNDARY, (None, None))
    interval = "" if low is None else f", 95 % interval {low:.4f} to {high:.4f}"
    return [f"boundary IoU {scores[BOUNDARY]:.4f} within {scores['boundary_px']} px of an edge{mark}{interval}"]


def _near_edge(ids: Ids, valid: NDArray[np.bool_], width_px: int) -> NDArray[np.bool_]:
    """The valid pixels (N, H, W) with another class within reach: the highest or the lowest id there is not theirs."""
    highest = _extreme(np.where(valid, ids, np.uint8(0)), 0, width_px, np.maximum)
    lowest = _extreme(np.where(valid, ids, np.uint8(IGNORE)), IGNORE, width_px, np.minimum)
    near: NDArray[np.bool_] = valid & ((highest != ids) | (lowest != ids))
    return near


def _extreme(ids: Ids, outside: int, width_px: int, larger: _Larger) -> Ids:
    """The largest (or least) id in the square of `width_px` around each pixel; `outside` never wins.

    Windows double until they are 2 x `width_px` + 1 long, so the cost grows with the logarithm of the width.
    """
    length = 2 * width_px + 1
    for axis in (1, 2):
        sides = [(width_px, width_px) if each == axis else (0, 0) for each in range(3)]
        ids = np.moveaxis(np.pad(ids, sides, constant_values=outside), axis, 0)
        reached = 1
        while reached < length:
            step = min(reached, length - reached)
            ids = larger(ids[:-step], ids[step:])
            reached += step
        ids = np.moveaxis(ids, 0, axis)
    return ids


def _by_class(ids: Ids, where: NDArray[np.bool_], n_classes: int) -> NDArray[np.int64]:
    """How many of the chosen pixels (N, H, W) have each class, (N, K)."""
    owner = np.repeat(np.arange(len(ids)), where.reshape(len(ids), -1).sum(axis=1))
    cells = owner * n_classes + ids[where]
    return np.bincount(cells, minlength=len(ids) * n_classes).reshape(len(ids), n_classes)
