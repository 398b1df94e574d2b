"""A map of class probabilities resampled to another size, piece by piece."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from terrazzo.model.windows.blend import Block


def enlarge(parts: Iterable[Block], small: tuple[int, int], size: tuple[int, int], side: int = 512) -> Iterator[Block]:
    """The map made of `parts`, of size `small`, resampled bilinearly to `size`, in blocks of at most `side` pixels.

    Sizes are (height, width). Parts come row-major in rows of equal height, as from `tiling.blocks`; so do the blocks.
    Pixel centres lie at whole numbers plus a half in both grids, as in torch's `align_corners=False`. Memory: one row
    of parts.
    """
    above, below, share_below = _neighbours(size[0], small[0])
    left, right, share_right = _neighbours(size[1], small[1])
    first = row = 0  # the first row of the small map that is kept; the next row of the large one
    kept: NDArray[np.float32] | None = None
    for strip in _strips(parts, small[1]):
        kept = strip if kept is None else np.concatenate((kept, strip), axis=1)
        ready = int(np.searchsorted(below, first + kept.shape[1]))
        for top in range(row, ready, side):
            down = slice(top, min(top + side, ready))
            mixed = _mix(kept[:, above[down] - first], kept[:, below[down] - first], share_below[down, None])
            for col in range(0, size[1], side):
                across = slice(col, col + side)
                yield Block(top, col, _mix(mixed[:, :, left[across]], mixed[:, :, right[across]], share_right[across]))
        row = ready
        if row < size[0]:
            done = int(above[row]) - first
            kept, first = kept[:, done:], first + done


def _strips(parts: Iterable[Block], width: int) -> Iterator[NDArray[np.float32]]:
    """The parts of each row, joined: (K, h, width)."""
    beside: list[NDArray[np.float32]] = []
    for part in parts:
        beside.append(part.probs)
        if part.col + part.probs.shape[2] == width:
            yield np.concatenate(beside, axis=2) if len(beside) > 1 else part.probs
            beside = []


def _neighbours(length: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of `length` samples of a row of `size` values: the two values around it, and the second's share."""
    at = np.clip((np.arange(length) + 0.5) * size / length - 0.5, 0, size - 1)
    first = at.astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (at - first).astype(np.float32)


def _mix(first: NDArray[np.float32], second: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    return first + (second - first) * share
