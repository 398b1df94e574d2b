"""Whole groups (tiles, flights, cities) dealt out to train, val and test, every class on both sides if possible."""

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError
from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.origins import PatchOrigins

_EXACT_GROUPS = 16
_SHUFFLES = 4000


def by_group(origins: PatchOrigins, options: SplitOptions, warnings: list[str]) -> NDArray[np.str_]:
    """Whole groups for test, then for val: nearest to the share among the choices with every class on both sides."""
    n_groups = len(np.unique(origins.group))
    sides_wanted = [(side, share) for side, share in (("test", options.test), ("val", options.val)) if share > 0]
    if n_groups <= len(sides_wanted):
        remedy = "--split image or --split patch" if origins.ground is None else "--split block"
        raise SplitError(
            f"--split group: {n_groups} group{'' if n_groups == 1 else 's'} cannot be divided into train and "
            f"{' and '.join(side for side, _ in sides_wanted)}; use {remedy}"
        )
    sides = np.full(len(origins.group), "train", dtype="<U5")
    for position, (side, share) in enumerate(sides_wanted):
        free = sides == "train"
        later = len(sides_wanted) - position - 1
        chosen, missing = _choose_groups(origins, free, share * len(sides), options.seed, keep=1 + later)
        sides[free & np.isin(origins.group, chosen)] = side
        if missing:
            warnings.append(
                f"--split group: no choice of whole groups leaves every class both in {side} and in train; "
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} on one side only"
            )
    return sides


def _choose_groups(
    origins: PatchOrigins, free: NDArray[np.bool_], wanted: float, seed: int, keep: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The groups nearest to `wanted` patches that leave at least `keep` groups; and classes on one side only."""
    groups = np.unique(origins.group[free])
    sizes = np.array([(free & (origins.group == group)).sum() for group in groups])
    has = np.array([origins.class_pixels[free & (origins.group == group)].sum(axis=0) > 0 for group in groups])
    sets = candidates(sizes, wanted, len(groups) - keep, np.random.default_rng(seed))
    chosen = sets[nearest(sets, sizes, has, wanted)[0]]
    one_sided = has.any(axis=0) & ~((chosen @ has > 0) & (~chosen @ has > 0))
    return groups[chosen], tuple(name for name, alone in zip(origins.class_names, one_sided, strict=True) if alone)


def nearest(
    sets: NDArray[np.bool_], sizes: NDArray[np.int64], has: NDArray[np.bool_], wanted: float
) -> NDArray[np.int64]:
    """The numbers of the sets nearest to the share, among those with every class on both sides if there are any."""
    complete = ((sets @ has > 0) & (~sets @ has > 0) | ~has.any(axis=0)).all(axis=1)
    pool = np.flatnonzero(complete | ~complete.any())
    distance = np.abs(sets[pool] @ sizes - wanted)
    return np.asarray(pool[distance <= distance.min()])


def candidates(
    sizes: NDArray[np.int64], wanted: float, most: int, rng: np.random.Generator, draws: int = _SHUFFLES
) -> NDArray[np.bool_]:
    """Sets of 1..`most` groups (rows of booleans) in seeded order: all sets of few groups, greedy draws of many."""
    n = len(sizes)
    if n <= _EXACT_GROUPS:
        numbers = rng.permutation(np.arange(1, 1 << n))
        sets = (numbers[:, None] >> np.arange(n) & 1).astype(bool)
        small: NDArray[np.bool_] = sets[sets.sum(axis=1) <= most]
        return small
    rows = np.zeros((draws, n), bool)
    for row in rows:
        total = 0
        for group in rng.permutation(n):
            if abs(total + sizes[group] - wanted) < abs(total - wanted) and row.sum() < most:
                row[group] = True
                total += int(sizes[group])
        if not row.any():
            row[int(np.argmin(sizes))] = True
    return rows
