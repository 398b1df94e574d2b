"""Pixels of a map drawn at random within its classes, in bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.evaluation.map_accuracy.survey import Survey
from terrazzo.scenes.class_map import ClassMap
from terrazzo.system.reporting import Progress

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """Pixels (n,) in random order, so that neither their order nor their numbers tell their classes."""

    rows: Places
    cols: Places
    classes: Places
    """The index of each one's class in the survey."""


def draw(found: ClassMap, counted: Survey, points: Sequence[int], seed: int, progress: Progress) -> Drawn:
    """So many pixels of each class, drawn uniformly and without replacement within it.

    Each pixel of a class of N has the probability n / N, whatever the strips in which the map is read: the ranks of
    the drawn pixels among those of their class are drawn first, and then looked up from the top.
    """
    rng = np.random.default_rng(seed)
    ranks = [
        np.sort(rng.choice(int(size), int(n), replace=False, shuffle=False))
        for size, n in zip(counted.pixels, points, strict=True)
    ]
    seen = np.zeros(len(ranks), np.int64)
    rows: list[Places] = []
    cols: list[Places] = []
    classes: list[Places] = []
    raster = found.raster
    for top, ids in found.strips():
        flat = ids.ravel()
        here = np.bincount(flat, minlength=256)[list(counted.ids)]
        for k, (value, wanted) in enumerate(zip(counted.ids, ranks, strict=True)):
            first, last = np.searchsorted(wanted, (seen[k], seen[k] + here[k]))
            if first < last:
                at = np.flatnonzero(flat == value)[wanted[first:last] - seen[k]]
                rows.append(top + at // raster.width)
                cols.append(at % raster.width)
                classes.append(np.full(last - first, k))
        seen += here
        progress("drawing from pixels", (top + len(ids)) * raster.width, raster.height * raster.width)
    order = rng.permutation(sum(map(len, rows)))
    return Drawn(np.concatenate(rows)[order], np.concatenate(cols)[order], np.concatenate(classes)[order])
