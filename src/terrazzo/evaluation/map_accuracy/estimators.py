"""Accuracy and areas estimated from a stratified random sample, with their standard errors.

The good practice of Olofsson et al. (2014, doi 10.1016/j.rse.2014.02.015): their equations (1) to (11) are special
cases of the estimators here. These are the ratio estimators of Stehman (2014, doi 10.1080/01431161.2014.930207), which
also hold where the strata are not the classes of the map. That is so for a map that was made again after its sample
was drawn. Where the strata are the classes, both give the same numbers.

Sampled pixels count as drawn with replacement, as there; a stratum of which every pixel is in the sample adds no
error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.96
"""Half the width of a 95 % interval in standard errors, as the paper takes it."""

Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """Points (n,) with their stratum, the class on the map and the class on the ground."""

    stratum: Ids
    mapped: Ids
    reference: Ids


@dataclass(frozen=True)
class Strata:
    """The strata (H,) of a population; every one needs a point in the sample."""

    sizes: Numbers
    """Areas, or pixels."""
    pixels: Ids


@dataclass(frozen=True)
class Estimate:
    """Estimated values, and their standard errors; NaN where nothing is known."""

    value: Numbers
    error: Numbers

    @property
    def low(self) -> Numbers:
        """The lower end of the 95 % interval of a share, at least 0."""
        return np.maximum(self.value - Z * self.error, 0.0)

    @property
    def high(self) -> Numbers:
        """The upper end, at most 1."""
        return np.minimum(self.value + Z * self.error, 1.0)


@dataclass(frozen=True)
class Estimates:
    """What the sample says of K classes."""

    counts: Ids
    """(K, K) points: rows are the map's classes, columns those of the reference."""
    proportions: Numbers
    """(K, K) estimated shares of the area, equation (4)."""
    accuracy: Estimate
    """() the share of the area that is right, equations (1) and (5)."""
    user: Estimate
    """(K,) of the area mapped as the class, the share that is the class, (2) and (6)."""
    producer: Estimate
    """(K,) of the area of the class, the share that is mapped as it, (3) and (7)."""
    share: Estimate
    """(K,) the class's share of the whole area, (8) to (11)."""


def estimate(sample: Sample, strata: Strata, n_classes: int) -> Estimates:
    """The estimates of all classes. A class that no point tells of has NaN."""
    sums = _Stratified(sample.stratum, strata)
    mapped, reference = sample.mapped, sample.reference
    cells = mapped * n_classes + reference
    shape, n_cells = (n_classes, n_classes), n_classes**2
    right, every = (mapped == reference).astype(np.float64), np.ones(len(cells))
    by_class = [(mapped == k, reference == k) for k in range(n_classes)]
    shares: Numbers = np.bincount(cells, weights=sums.weights, minlength=n_cells).astype(np.float64)
    return Estimates(
        np.bincount(cells, minlength=n_cells).reshape(shape),
        shares.reshape(shape),
        _together([sums.ratio(right, every)], ()),
        _together([sums.ratio(right * on_map, on_map) for on_map, _ in by_class], (n_classes,)),
        _together([sums.ratio(right * there, there) for _, there in by_class], (n_classes,)),
        _together([sums.ratio(there, every) for _, there in by_class], (n_classes,)),
    )


class _Stratified:
    """Sums over a population of 1, estimated from points in strata."""

    def __init__(self, stratum: Ids, strata: Strata) -> None:
        self._stratum = stratum
        self._n = np.bincount(stratum, minlength=len(strata.sizes)).astype(np.float64)
        self._shares = strata.sizes / strata.sizes.sum()
        self._is_whole = self._n >= strata.pixels
        self.weights = (self._shares / np.maximum(self._n, 1))[stratum]
        """(n,) the share of the population that each point stands for."""

    def ratio(self, top: NDArray[np.generic], bottom: NDArray[np.generic]) -> tuple[float, float]:
        """The ratio of two sums over the population, and its standard error; NaN where the lower one is 0."""
        above, below = top.astype(np.float64), bottom.astype(np.float64)
        total = float((self.weights * below).sum())
        if total == 0:
            return np.nan, np.nan
        value = float((self.weights * above).sum()) / total
        residuals = above - value * below
        n = np.maximum(self._n, 1)
        means = np.bincount(self._stratum, weights=residuals, minlength=len(n)) / n
        squares = np.bincount(self._stratum, weights=(residuals - means[self._stratum]) ** 2, minlength=len(n))
        spread = squares / n / np.maximum(n - 1, 1)
        variance = (self._shares**2 * np.where(self._is_whole, 0.0, spread)).sum() / total**2
        return value, float(np.sqrt(variance))


def _together(pairs: list[tuple[float, float]], shape: tuple[int, ...]) -> Estimate:
    values, errors = np.array(pairs, np.float64).T
    return Estimate(values.reshape(shape), errors.reshape(shape))
