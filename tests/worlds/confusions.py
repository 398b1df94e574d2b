"""Maps with a known truth as counts of pixels, and samples drawn from them without any picture."""

import numpy as np
from numpy.typing import NDArray

from terrazzo.evaluation.map_accuracy.allocation import allocate
from terrazzo.evaluation.map_accuracy.estimators import Estimates, Sample, Strata, estimate

OLOFSSON_COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
OLOFSSON_PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
"""Olofsson et al. 2014, table 8: deforestation, forest gain, stable forest, stable non-forest; pixels of 30 m."""


def sample_of(counts: NDArray[np.int64]) -> Sample:
    """A point for each one that a matrix (K, K) counts; rows are the strata and the map's classes."""
    mapped, reference = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), len(counts))
    return Sample(mapped, mapped, reference)


def drawn(joint: NDArray[np.int64], n: int, rng: np.random.Generator) -> Estimates:
    """The estimates by `n` points of a map whose pixels (K, K) are known by class of the map and of the truth."""
    pixels = joint.sum(axis=1)
    each = allocate(pixels, n)
    counts = np.array(
        [rng.multivariate_hypergeometric(row, points) for row, points in zip(joint, each, strict=True)], np.int64
    )
    return estimate(sample_of(counts), Strata(pixels.astype(float), pixels), len(joint))


def confused(shares: NDArray[np.float64], recall: NDArray[np.float64], pixels: int = 1_000_000) -> NDArray[np.int64]:
    """Pixels by class of the map (rows) and truth: errors fall on the other classes in proportion to their shares."""
    others = np.tile(shares[:, None], (1, len(shares)))
    np.fill_diagonal(others, 0)
    joint = shares * (1 - recall) * others / others.sum(axis=0)
    joint[np.diag_indices_from(joint)] = shares * recall
    return np.rint(joint * pixels).astype(np.int64)


def coverage(joint: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.float64]:
    """The share of draws of 300 points in which the interval of each class's area holds its true area (K,)."""
    rng = np.random.default_rng(seed)
    true = joint.sum(axis=0) / joint.sum()
    shares = [drawn(joint, 300, rng).share for _ in range(draws)]
    return np.mean([(each.low <= true) & (true <= each.high) for each in shares], axis=0)
