"""Units (images, touching ones as one, or patches) dealt out at random; shares are rounded, to one unit at least."""

import numpy as np
from numpy.typing import NDArray


def deal(unit: NDArray[np.int64], val: float, test: float, seed: int) -> NDArray[np.str_]:
    """The side (N,) of each patch, by the number (N,) of its unit; all patches of a unit are on one side."""
    units = np.unique(unit)
    n_val, n_test = n_held(val, len(units)), n_held(test, len(units))
    order = np.random.default_rng(seed).permutation(units)
    sides = np.full(len(unit), "train", dtype="<U5")
    sides[np.isin(unit, order[:n_val])] = "val"
    sides[np.isin(unit, order[n_val : n_val + n_test])] = "test"
    return sides


def n_held(share: float, units: int) -> int:
    """The units for a side of that share: the nearest number, one at least, none for a share of 0."""
    return max(1, round(share * units)) if share > 0 else 0
