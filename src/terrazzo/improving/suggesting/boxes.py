"""The boxes of a scene, and what its map shows in each of them.

Boxes are squares side by side, from the scene's upper left corner. What is left at its right and lower edge is less
than a box wide and belongs to none. Law: boxes never overlap, and every box lies inside the scene.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.maps.pieces.sums import CLASSES, PERCENT, PROBABILITIES, Part


@dataclass(frozen=True)
class BoxGrid:
    """The boxes of `side` pixels in a scene of `size` (height, width)."""

    size: tuple[int, int]
    side: int

    @property
    def rows(self) -> int:
        """How many boxes lie along a column of the scene."""
        return self.size[0] // self.side

    @property
    def cols(self) -> int:
        """How many boxes lie along a row of the scene."""
        return self.size[1] // self.side

    @property
    def n_boxes(self) -> int:
        """How many boxes fit."""
        return self.rows * self.cols


@dataclass
class Tally:
    """Valid pixels, uncertainty and classes of each box, added up from the parts of a map.

    All sums are of whole numbers. Law: they do not depend on how the map is cut into parts.
    """

    grid: BoxGrid
    n_classes: int
    valid: NDArray[np.int64] = field(init=False)
    """Valid pixels (rows, cols)."""
    percent: NDArray[np.int64] = field(init=False)
    """The sum of the valid pixels' uncertainty in percent (rows, cols)."""
    classes: NDArray[np.int32] = field(init=False)
    """Pixels of each class (rows, cols, K)."""

    def __post_init__(self) -> None:
        shape = (self.grid.rows, self.grid.cols)
        self.valid, self.percent = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.classes = np.zeros((*shape, self.n_classes), np.int32)

    def add(self, part: Part) -> None:
        """Add a part of the map, with its classes and probabilities."""
        side, ids = self.grid.side, part.layers[CLASSES][0]
        width = min(ids.shape[1], self.grid.cols * side - part.col)
        if width <= 0:
            return
        ids, shares = ids[:, :width], part.layers[PROBABILITIES][:, :, :width]
        first = part.col // side
        cuts = [0, *range((first + 1) * side - part.col, width, side)]
        across = slice(first, first + len(cuts))
        for band in range(part.row // side, min(self.grid.rows, -(-(part.row + len(ids)) // side))):
            rows = slice(max(0, band * side - part.row), (band + 1) * side - part.row)
            valid = ids[rows] != IGNORE
            unsure = np.where(valid, unsure_percent(shares[:, rows]), 0)
            self.valid[band, across] += np.add.reduceat(valid.sum(axis=0), cuts)
            self.percent[band, across] += np.add.reduceat(unsure.sum(axis=0, dtype=np.int64), cuts)
            for number in range(self.n_classes):
                found = (ids[rows] == number).sum(axis=0)
                self.classes[band, across, number] += np.add.reduceat(found, cuts)


def unsure_percent(shares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The uncertainty of pixels in percent (h, w): 100 less the lead of the likeliest class over the second.

    `shares` are the classes' probabilities in percent (K, h, w). Margin sampling: Scheffer et al. 2001.
    """
    first = np.zeros(shares.shape[1:], np.uint8)
    second = np.zeros_like(first)
    for share in shares:
        second = np.maximum(second, np.minimum(first, share))
        first = np.maximum(first, share)
    unsure: NDArray[np.uint8] = PERCENT - (first - second)
    return unsure
