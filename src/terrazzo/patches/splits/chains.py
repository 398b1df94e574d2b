"""Things that belong together through pairs, directly or in a chain."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def chains(n: int, pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """For each of n things the least number (n,) in its chain of pairs; its own where it is in no pair.

    Law: two numbers are equal if and only if a path of pairs leads from one thing to the other.
    """
    above = list(range(n))

    def least(one: int) -> int:
        while above[one] != one:
            above[one] = one = above[above[one]]
        return one

    for one, other in pairs:
        low, high = sorted((least(one), least(other)))
        above[high] = low
    return np.array([least(one) for one in range(n)], np.int64)
