"""Accuracy and areas estimated from a stratified random sample, with their standard errors.

The good practice of Olofsson et al. (2014, doi 10.1016/j.rse.2014.02.015): their equations (1) to (11) are special
cases of the estimators here. These are the ratio estimators of Stehman (2014, doi 10.1080/01431161.2014.930207), which
also hold where the strata are not the classes of the map. That is so for a map that was made again after its sample
was drawn. Where the strata are the classes, both give the same numbers.

Sampled pixels count as drawn with replacement, as there; a stratum of which every pixel is in the sample adds no
error.

Two things are added to the paper, as the areas of rare classes otherwise lie outside their intervals too often.
Where no point shows a kind of error, its formulas take that error as absent for sure. So an area's interval also
reaches to what 0 of n points still allow: UNSEEN times the share of the map that a point stands for. And where fewer
than FEW points are of a class on the ground, 1.96 standard errors are too short to one side. Its interval is then
made of two of Wilson's, joined as in Zou and Donner (2008, doi 10.1002/sim.3095). One is of the share of its mapped
area that is right, the other of the share of the rest that is the class. Their sample sizes are the effective ones, as
in Korn and Graubard (1998).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.96
"""Half the width of a 95 % interval in standard errors, as the paper takes it."""
UNSEEN = 3.0
"""The rule of three: 0 of n points allow a share of at most 3 / n, at 95 % (Hanley and Lippman-Hand 1983)."""
FEW = 40
"""Up to this size Wilson's interval is advised (Brown, Cai and DasGupta 2001, doi 10.1214/ss/1009213286)."""

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
    reach: tuple[Numbers, Numbers]
    """How far the 95 % interval reaches below and above the value."""

    @property
    def low(self) -> Numbers:
        """The lower end of the 95 % interval of a share, at least 0."""
        return np.maximum(self.value - self.reach[0], 0.0)

    @property
    def high(self) -> Numbers:
        """The upper end, at most 1."""
        return np.minimum(self.value + self.reach[1], 1.0)


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
        _together([sums.share(on_map, there) for on_map, there in by_class], (n_classes,)),
    )


_Row = tuple[float, float, float, float]
"""A value, its standard error, and how far its interval reaches below and above."""


class _Stratified:
    """Sums over a population of 1, estimated from points in strata."""

    def __init__(self, stratum: Ids, strata: Strata) -> None:
        self._stratum = stratum
        n = np.bincount(stratum, minlength=len(strata.sizes))
        self._n = np.maximum(n, 1).astype(np.float64)
        self._shares = strata.sizes / strata.sizes.sum()
        self._is_whole = n >= strata.pixels
        self._each = np.where(self._is_whole, 0.0, self._shares / self._n)
        self.weights = (self._shares / self._n)[stratum]
        """(n,) the share of the population that each point stands for."""

    def ratio(self, top: NDArray[np.generic], bottom: NDArray[np.generic]) -> _Row:
        """The ratio of two sums over the population; NaN where the lower one is 0."""
        above, below = top.astype(np.float64), bottom.astype(np.float64)
        total = float((self.weights * below).sum())
        if total == 0:
            return np.nan, np.nan, np.nan, np.nan
        value = float((self.weights * above).sum()) / total
        error = self._error(above - value * below) / total
        return value, error, Z * error, Z * error

    def share(self, on_map: NDArray[np.bool_], there: NDArray[np.bool_]) -> _Row:
        """The share of the population that is `there`, which is made of what is `on_map` and of what is not."""
        value, error, _, _ = self.ratio(there, np.ones(len(there)))
        if there.sum() < FEW:
            (down, up), (further_down, further_up) = (self._wilson(there, where) for where in (on_map, ~on_map))
            return value, error, float(np.hypot(down, further_down)), float(np.hypot(up, further_up))
        taken, added = (
            self._unseen(wrong, where) for wrong, where in ((on_map & ~there, on_map), (there & ~on_map, ~on_map))
        )
        return value, error, float(np.hypot(Z * error, taken)), float(np.hypot(Z * error, added))

    def _wilson(self, there: NDArray[np.bool_], where: NDArray[np.bool_]) -> tuple[float, float]:
        """How far Wilson's interval of the share of the population that is `there` and `where` reaches down and up."""
        share, error, _, _ = self.ratio(there & where, where)
        if not error > 0:
            return self._unseen(~there & where, where), self._unseen(there & where, where)
        squared = Z**2 * error**2 / (share * (1 - share))  # Z**2 over the effective number of points
        centre = (share + squared / 2) / (1 + squared)
        half = np.sqrt(squared * (share * (1 - share) + squared / 4)) / (1 + squared)
        weight = float(self.weights[where].sum())
        return weight * (share - centre + half), weight * (centre + half - share)

    def _unseen(self, wrong: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
        """UNSEEN points of the strata in which an error may lie, where no point shows it."""
        if wrong.any() or not where.any():
            return 0.0
        return UNSEEN * float(self._each[self._stratum[where]].max())

    def _error(self, residuals: Numbers) -> float:
        """The standard error of a sum over the population."""
        means = np.bincount(self._stratum, weights=residuals, minlength=len(self._n)) / self._n
        squares = np.bincount(self._stratum, weights=(residuals - means[self._stratum]) ** 2, minlength=len(self._n))
        spread = squares / self._n / np.maximum(self._n - 1, 1)
        return float(np.sqrt((self._shares**2 * np.where(self._is_whole, 0.0, spread)).sum()))


def _together(rows: list[_Row], shape: tuple[int, ...]) -> Estimate:
    value, error, down, up = (column.reshape(shape) for column in np.array(rows, np.float64).T)
    return Estimate(value, error, (down, up))
