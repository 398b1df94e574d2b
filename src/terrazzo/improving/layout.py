"""Where the windows of a scene lie, and which of them are the guard's: never trained on.

Windows are squares of the model's patch size, side by side. Along the scene's longer side they form strips, and about
every fifth strip is the guard's. Between a strip of the guard and one of training, at least an eighth of a window is
left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

PERIOD, PLACE = 5, 2
"""The strip at `PLACE` (from 0) of every `PERIOD` is the guard's."""
GAP = 8
"""A gap is at least 1 / this of a window."""


@dataclass(frozen=True)
class Layout:
    """The windows of one scene: their (row, col) corners. Law: no training window touches a guard window."""

    training: tuple[tuple[int, int], ...]
    guard: tuple[tuple[int, int], ...]


def least_size(side: int) -> tuple[int, int]:
    """The shorter and the longer side, in pixels, of the smallest scene with a window of either kind."""
    return side, 2 * side + side // GAP


def lay_out(size: tuple[int, int], side: int) -> Layout | None:
    """The windows of `side` pixels in a scene of (height, width); None if it is smaller than `least_size`."""
    upright = size[0] >= size[1]
    longer, shorter = (size if upright else size[::-1])[:2]
    strips = _strips(longer, side)
    if shorter < side or strips is None:
        return None
    across = _spread(shorter, side)
    corners: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for start, is_guard in strips:
        corners[is_guard] += [(start, other) if upright else (other, start) for other in across]
    return Layout(tuple(sorted(corners[False])), tuple(sorted(corners[True])))


def kinds(n: int) -> tuple[bool, ...]:
    """For each of `n` strips, from 2, whether it is the guard's. Law: there are both kinds."""
    return tuple(i % PERIOD == PLACE for i in range(n)) if n > PLACE else (False, True)


def _strips(length: int, side: int) -> list[tuple[int, bool]] | None:
    """The start of as many strips as fit, and whether each is the guard's; None if fewer than two fit.

    What is left of the length goes into the gaps.
    """
    n = length // side
    while n >= 2 and n * side + _n_gaps(kinds(n)) * (side // GAP) > length:
        n -= 1
    if n < 2:
        return None
    found = kinds(n)
    gap = (length - n * side) // _n_gaps(found)
    starts = [0]
    for one, other in pairwise(found):
        starts.append(starts[-1] + side + gap * (one != other))
    return list(zip(starts, found, strict=True))


def _n_gaps(found: Sequence[bool]) -> int:
    return sum(one != other for one, other in pairwise(found))


def _spread(length: int, side: int) -> list[int]:
    """The starts of as many windows as fit without overlap, spread evenly from one end to the other."""
    n = length // side
    return [0] if n == 1 else [i * (length - side) // (n - 1) for i in range(n)]
