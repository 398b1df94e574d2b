"""The difference between two computations of the same network."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4
"""The largest difference of a probability that an export may have."""

Compute = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Images (B, C, H, W) in 0..1 to probabilities (B, K, H, W)."""


def greatest_difference(network: Compute, written: Compute, shapes: Iterable[tuple[int, ...]]) -> float:
    """The largest difference of a probability, on new noise of these shapes (B, C, H, W); NaN if one gives NaN."""
    rng = np.random.default_rng()
    differences = []
    for shape in shapes:
        image = rng.random(shape, np.float32)
        differences.append(np.abs(network(image) - written(image)).max())
    return float(np.max(differences))
