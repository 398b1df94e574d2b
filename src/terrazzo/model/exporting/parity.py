"""The difference between two computations of the same network."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4
"""The largest difference of a probability that an export may have."""

Compute = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Images (B, C, H, W) in the units of the export to probabilities (B, K, H, W)."""
Levels = tuple[NDArray[np.float32], NDArray[np.float32]]
"""The lowest and the highest value of the noise in each band, (C, 1, 1)."""


def greatest_difference(
    network: Compute, written: Compute, shapes: Iterable[tuple[int, ...]], levels: Levels | None = None
) -> float:
    """The largest difference of a probability, on new noise of these shapes (B, C, H, W); NaN if one gives NaN.

    The noise is in 0..1, or between the levels.
    """
    rng = np.random.default_rng()
    differences = []
    for shape in shapes:
        image = noise(rng, shape, levels)
        differences.append(np.abs(network(image) - written(image)).max())
    return float(np.max(differences))


def noise(rng: np.random.Generator, shape: tuple[int, ...], levels: Levels | None) -> NDArray[np.float32]:
    """An image (B, C, H, W) of even noise, in 0..1 or between the levels."""
    image = rng.random(shape, np.float32)
    if levels is None:
        return image
    low, high = levels
    return low + image * (high - low)
