"""Overlapping windows over an image, and their class probabilities blended into one map.

Each axis of the image is covered by windows of one length, evenly spread, so that neighbours share at least the
overlap. The weights within a window are a raised cosine (Hann) along each axis. They are positive, and greatest in the
middle, where a network sees most of the surroundings. They are scaled beforehand, axis by axis, to sum to 1 over all
windows that hold a pixel. So blending is a plain weighted sum, without a division at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axis:
    """The windows along one axis of an image: their starts and weights.

    Laws: every pixel lies in a window. No window starts before 0 or ends after the image, unless the image is shorter
    than one window; then there is one. `starts` ascends.
    """

    length: int
    """Pixels of the image along the axis."""
    window: int
    """Pixels of a window along the axis."""
    starts: tuple[int, ...]
    """The first pixel of each window."""

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """Weights (windows, window) in (0, 1]. Law: over the windows that hold a pixel they sum to 1."""
        hann = np.sin(np.pi * (np.arange(self.window) + 0.5) / self.window) ** 2
        total = np.zeros(self.starts[-1] + self.window)
        for start in self.starts:
            total[start : start + self.window] += hann
        return np.stack([hann / total[start : start + self.window] for start in self.starts]).astype(np.float32)

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """For each window the pixels (from, to) that are finished with it.

        Law: they tile the axis from 0 to `length` without gap.
        """
        return tuple(pairwise((*self.starts, self.length)))

    @property
    def longest_overlap(self) -> int:
        """The most pixels that a window leaves unfinished."""
        return max((self.window - (stop - start) for start, stop in self.spans[:-1]), default=0)


def cover(length: int, window: int, overlap: int) -> Axis:
    """The fewest windows that cover `length` pixels with neighbours sharing at least `overlap`, evenly spread.

    Needs `length >= 1` and `0 <= overlap < window`. Spreading the windows, rather than shifting only the last one back,
    keeps all overlaps small, and with them what stays open between two rows of windows.
    """
    count = 1 + max(0, -(-(length - window) // (window - overlap)))
    room = max(0, length - window)
    starts = tuple(i * room // (count - 1) for i in range(count)) if count > 1 else (0,)
    return Axis(length, window, starts)


@dataclass(frozen=True)
class Block:
    """A finished rectangle of the map: its first row and column, and its probs (K, h, w)."""

    row: int
    col: int
    probs: NDArray[np.float32]

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns in the image."""
        height, width = self.probs.shape[1:]
        return slice(self.row, self.row + height), slice(self.col, self.col + width)

    @property
    def ids(self) -> NDArray[np.uint8]:
        """The most probable class of each pixel (h, w); the lowest id of equals."""
        ids: NDArray[np.uint8] = self.probs.argmax(axis=0).astype(np.uint8)
        return ids


class Blender:
    """Adds up the probabilities of windows and returns each part of the map once no later window holds it.

    Between two windows it keeps what is open to the right, between two rows of windows what is open below. That is
    K x overlap x width values, whatever the height of the image. Each pixel's terms are added in a fixed order, so the
    map does not depend on how windows are batched.
    """

    def __init__(self, rows: Axis, cols: Axis, n_classes: int) -> None:
        self._rows, self._cols = rows, cols
        self._places = self.places()
        self._below = np.zeros((n_classes, rows.longest_overlap, cols.length), np.float32)
        self._right = np.zeros((n_classes, rows.window, 0), np.float32)

    def places(self) -> Iterator[tuple[int, int]]:
        """The windows as (number along the rows, number along the columns), in the order of `add`."""
        return ((i, j) for i in range(len(self._rows.starts)) for j in range(len(self._cols.starts)))

    def add(self, probs: NDArray[np.float32]) -> Block:
        """The rectangle that the next window's probs (K, window, window) finish; windows come row-major."""
        i, j = next(self._places)
        (top, bottom), (left, right) = self._rows.spans[i], self._cols.spans[j]
        weighted = probs * np.outer(self._rows.weights[i], self._cols.weights[j])
        shared = self._right.shape[2]
        weighted[:, :, :shared] += self._right
        last = j == len(self._cols.starts) - 1
        self._right = weighted[:, :, weighted.shape[2] if last else right - left :]

        block = weighted[:, :, : right - left]
        if i > 0:
            shared = self._rows.window - (top - self._rows.starts[i - 1])
            block[:, :shared] += self._below[:, :shared, left:right]
        if i < len(self._rows.starts) - 1:
            still_open = block[:, bottom - top :]
            self._below[:, : still_open.shape[1], left:right] = still_open
        return Block(top, left, block[:, : bottom - top])
