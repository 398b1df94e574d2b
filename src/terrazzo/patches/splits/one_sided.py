"""Classes that have pixels on one side of a split only: they cannot be learnt, or are not scored."""

import numpy as np
from numpy.typing import NDArray

from terrazzo.patches.options import SplitOptions
from terrazzo.patches.splits.at_random import deal
from terrazzo.patches.splits.origins import SIDES, PatchOrigins
from terrazzo.system.reporting import how_many, listed

_SEEDS = 64
"""Seeds that are tried for a split with every class on every side."""
_CALLED = {"train": "training", "val": "validation", "test": "test"}


def one_sided(origins: PatchOrigins, sides: NDArray[np.str_], remedy: str = "") -> list[str]:
    """A warning for each side that lacks classes which other sides have; none for classes that never occur."""
    there = {side: _present(origins.class_pixels[sides == side]) for side in SIDES if (sides == side).any()}
    anywhere = np.any([*there.values()], axis=0)
    told = []
    for side, present in there.items():
        names = [origins.class_names[number] for number in np.flatnonzero(anywhere & ~present)]
        if names:
            class_has = ("class", "has") if len(names) == 1 else ("classes", "have")
            it, its = ("it", "its") if len(names) == 1 else ("them", "their")
            lack = f"{class_has[0]} {listed(names)} {class_has[1]} no {_CALLED[side]} pixel"
            unlearnt = f"no model can learn {it} from these patches, and {its} IoU of 0 enters the mean"
            unscored = f"the {_CALLED[side]} scores say nothing about {it}"
            told.append(f"{lack}: {unlearnt if side == 'train' else unscored}{remedy}")
    return told


def drawn_one_sided(
    origins: PatchOrigins, unit: NDArray[np.int64], sides: NDArray[np.str_], options: SplitOptions, noun: str
) -> list[str]:
    """The warnings of a split that was drawn by units (N,), with a --seed that leaves no class out where one is found.

    `noun` is what a unit is called. The remedy is looked for among 64 seeds; nothing is drawn again.
    """
    told = one_sided(origins, sides)
    if not told:
        return told
    units, place = np.unique(unit, return_inverse=True)
    pixels = np.zeros((len(units), origins.class_pixels.shape[1]), np.int64)
    np.add.at(pixels, place.reshape(-1), origins.class_pixels)
    held = int(options.val > 0) + int(options.test > 0)
    rare = [
        f"{origins.class_names[number]} occurs in {how_many(int(count), noun)}"
        for number, count in enumerate((pixels > 0).sum(axis=0))
        if 0 < count <= held
    ]
    if rare:
        return [*told, f"no other --seed can change that: {listed(rare)} of the {len(units)} that are dealt out"]
    for seed in (seed for seed in range(_SEEDS) if seed != options.seed):
        dealt = deal(np.arange(len(units)), options.val, options.test, seed)
        if all(_present(pixels[dealt == side])[pixels.any(axis=0)].all() for side in np.unique(dealt)):
            return [*told, f"--seed {seed} has every class on every side"]
    return [*told, f"no --seed below {_SEEDS} has every class on every side"]


def _present(class_pixels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which classes (K,) have a pixel in these patches (n, K)."""
    return np.asarray(class_pixels.sum(axis=0) > 0)
