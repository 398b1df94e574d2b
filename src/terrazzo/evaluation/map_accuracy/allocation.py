"""How many points each stratum of a sample gets: in proportion to its size, and at least so many."""

import numpy as np
from numpy.typing import NDArray

AT_LEAST = 20
"""Points a stratum."""

Counts = NDArray[np.int64]


def least_points(pixels: Counts) -> Counts:
    """(K,) the fewest points of each stratum: AT_LEAST, or all its pixels where it has fewer."""
    return np.minimum(pixels, AT_LEAST)


def allocate(pixels: Counts, n: int) -> Counts:
    """(K,) points of strata that have so many pixels (K,), `n` in all, or all pixels where there are fewer.

    Small strata get `least_points`, and the others share the rest in proportion to their pixels, rounded by largest
    remainders. That is the allocation which Olofsson et al. (2014, section 5.1.2) advise for areas and users'
    accuracies together. `n` must be at least the sum of `least_points`.
    """
    n = min(n, int(pixels.sum()))
    least = least_points(pixels)

    def shares(rate: float) -> NDArray[np.float64]:
        return np.clip(rate * pixels, least, pixels)

    low, high = 0.0, 1.0
    for _ in range(200):  # halved until the two are neighbouring numbers
        middle = (low + high) / 2
        low, high = (middle, high) if shares(middle).sum() < n else (low, middle)
    exact = shares(high)
    points: Counts = np.floor(exact + 1e-9).astype(np.int64)
    by_remainder = np.lexsort((np.arange(len(pixels)), points - exact))
    room = by_remainder[points[by_remainder] < pixels[by_remainder]]
    points[room[: n - int(points.sum())]] += 1
    return points
