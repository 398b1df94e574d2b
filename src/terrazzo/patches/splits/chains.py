"""Things that belong together through pairs, directly or in a chain."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def chains(n: int, pairs: Iterable[tuple[int, int]] | NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of n things the least number (n,) in its chain of pairs; its own where it is in no pair.

    Law: two numbers are equal if and only if a path of pairs leads from one thing to the other.
    """
    table = pairs if isinstance(pairs, np.ndarray) else np.array([*pairs], np.int64)
    one, other = table.reshape(-1, 2).T
    least = np.arange(n)
    # Each round hooks the higher of two roots to the lower one, then lets all point at their root.
    while (apart := least[one] != least[other]).any():
        one, other = one[apart], other[apart]
        low, high = np.minimum(least[one], least[other]), np.maximum(least[one], least[other])
        np.minimum.at(least, high, low)
        while not np.array_equal(above := least[least], least):
            least = above
    return least
