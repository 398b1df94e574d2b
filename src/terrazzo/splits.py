"""Dividing patches into train, val and test: as given, by group, by image, or patch by patch; and what leaks.

A group is what must stay whole: a tile, a flight, a city. Patches of one picture on two sides make scores flattering,
so the defaults never do that; `patch` does and is there because published figures were made so. Every function is
pure: the same units and seed give the same split.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError

METHODS = ("given", "group", "image", "patch")
SIDES = ("train", "val", "test")
Side = Literal["train", "val", "test"]

_EXACT_GROUPS = 16
_SHOWN = 4
_SHUFFLES = 4000


@dataclass(frozen=True)
class SplitOptions:
    """What is asked for: the method (None: chosen by what is there), shares of val and test, the seed."""

    method: str | None = None
    val: float = 0.2
    test: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in METHODS:
            raise SplitError(f"--split {self.method}: expected {', '.join(METHODS)}")
        for flag, share in (("--val", self.val), ("--test", self.test)):
            if not 0 <= share < 1:
                raise SplitError(f"{flag} {share}: expected a share of at least 0 and below 1, as in {flag} 0.2")
        if self.val + self.test >= 1:
            raise SplitError(
                f"--val {self.val} and --test {self.test} leave nothing to train on; their sum must be below 1"
            )
        if self.seed < 0:
            raise SplitError(f"--seed {self.seed}: expected a whole number from 0 on")


@dataclass(frozen=True)
class PatchOrigins:
    """Where each of N patches comes from, and what is in it."""

    image: NDArray[np.int64]
    """(N,) number of the image."""
    group: NDArray[np.int64]
    """(N,) number of the group."""
    given: tuple[str | None, ...]
    """(N,) the side that the layout assigns, or None."""
    class_pixels: NDArray[np.int64]
    """(N, K) valid pixels by class."""
    valid_pixels: NDArray[np.int64]
    """(N,) valid pixels."""
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The side of each patch, how it was found, what leaks, and what the user should be told."""

    sides: NDArray[np.str_]
    """(N,) train, val or test."""
    method: str
    leak: dict[str, float]
    """`image`, `group`: share of validation pixels whose image or group is also in training."""
    warnings: tuple[str, ...]


def make_split(origins: PatchOrigins, options: SplitOptions) -> Split:
    """The split that the options ask for. Raises SplitError, with the remedy, where it cannot be made."""
    method = options.method or default_method(origins)
    warnings: list[str] = []
    if method == "given":
        sides = _given(origins, options, warnings)
    elif method == "group":
        sides = _by_group(origins, options, warnings)
    else:
        unit = np.arange(len(origins.image)) if method == "patch" else origins.image
        sides = _at_random(unit, options, method)
    return Split(sides, method, leak(origins, sides), tuple(warnings))


def default_method(origins: PatchOrigins) -> str:
    """`given` where the layout has splits, else `group` where there are at least three groups, else `image`."""
    if any(side is not None for side in origins.given):
        return "given"
    groups, images = len(np.unique(origins.group)), len(np.unique(origins.image))
    return "group" if 3 <= groups < images else "image"


def leak(origins: PatchOrigins, sides: NDArray[np.str_]) -> dict[str, float]:
    """Share of validation pixels (valid ones) whose image, and whose group, also has patches in training."""
    val = sides == "val"
    total = int(origins.valid_pixels[val].sum())
    shares = {}
    for name, unit in (("image", origins.image), ("group", origins.group)):
        shared = val & np.isin(unit, unit[sides == "train"])
        shares[name] = round(float(origins.valid_pixels[shared].sum()) / total, 6) if total else 0.0
    return shares


def _given(origins: PatchOrigins, options: SplitOptions, warnings: list[str]) -> NDArray[np.str_]:
    """The layout's own sides; where it has no val, the share asked for is taken from its train, by group or image."""
    if all(side is None for side in origins.given):
        raise SplitError("--split given: this layout gives none; use --split group, image or patch")
    sides = np.array([side or "train" for side in origins.given])
    if not (sides == "train").any():
        raise SplitError("--split given: no image is in the train folder; use --split image")
    if not (sides == "val").any():
        if not options.val:
            raise SplitError("--split given: no image is in a val folder, and --val is 0; use --val 0.2")
        _hold_out(origins, sides, replace(options, test=0.0), warnings)
    return sides


def _hold_out(origins: PatchOrigins, sides: NDArray[np.str_], options: SplitOptions, warnings: list[str]) -> None:
    """Turn a part of `train` into `val`, in place: whole groups where train has three or more, else whole images."""
    rows = np.flatnonzero(sides == "train")
    given = tuple(None for _ in rows)
    train = replace(
        origins,
        image=origins.image[rows],
        group=origins.group[rows],
        given=given,
        class_pixels=origins.class_pixels[rows],
        valid_pixels=origins.valid_pixels[rows],
    )
    if default_method(train) == "group":
        sides[rows] = _by_group(train, options, warnings)
        chosen = [origins.group_names[group] for group in np.unique(origins.group[sides == "val"])]
        what = ", ".join(chosen[:_SHOWN]) + (f" and {len(chosen) - _SHOWN} more" if len(chosen) > _SHOWN else "")
    else:
        sides[rows] = _at_random(train.image, options, "image")
        what = f"{len(np.unique(origins.image[sides == 'val']))} images drawn at random"
    warnings.append(
        f"the layout's own split has no val: {what} of its train are held out as val ({(sides == 'val').sum()} patches)"
    )


def _at_random(unit: NDArray[np.int64], options: SplitOptions, method: str) -> NDArray[np.str_]:
    """Units (images or patches) dealt out at random; each share is rounded to the nearest unit, at least one."""
    units = np.unique(unit)
    n_test = _count(options.test, len(units))
    n_val = _count(options.val, len(units))
    if n_val + n_test >= len(units):
        remedy = (
            "use --split patch (its scores flatter: it puts one picture on both sides)" if method == "image" else ""
        )
        raise SplitError(
            f"--split {method}: {len(units)} {method}{'' if len(units) == 1 else 's'} cannot be divided into train"
            f"{', val and test' if n_test else ' and val'}; {remedy or 'add images, or use a smaller --patch-size'}"
        )
    order = np.random.default_rng(options.seed).permutation(units)
    sides = np.full(len(unit), "train", dtype="<U5")
    sides[np.isin(unit, order[:n_val])] = "val"
    sides[np.isin(unit, order[n_val : n_val + n_test])] = "test"
    return sides


def _by_group(origins: PatchOrigins, options: SplitOptions, warnings: list[str]) -> NDArray[np.str_]:
    """Whole groups for test, then for val, each the nearest to its share that leaves every class on both sides."""
    n_groups = len(np.unique(origins.group))
    sides_wanted = [(side, share) for side, share in (("test", options.test), ("val", options.val)) if share > 0]
    if n_groups <= len(sides_wanted):
        raise SplitError(
            f"--split group: {n_groups} group{'' if n_groups == 1 else 's'} cannot be divided into train and "
            f"{' and '.join(side for side, _ in sides_wanted)}; use --split image or --split patch"
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
    """Groups whose patches come nearest to `wanted`, leaving at least `keep` groups; and classes on one side only."""
    groups = np.unique(origins.group[free])
    sizes = np.array([(free & (origins.group == group)).sum() for group in groups])
    has = np.array([origins.class_pixels[free & (origins.group == group)].sum(axis=0) > 0 for group in groups])
    candidates = _candidates(sizes, wanted, len(groups) - keep, np.random.default_rng(seed))
    distance = np.abs(candidates @ sizes - wanted)
    present = has.any(axis=0)
    complete = ((candidates @ has > 0) & (~candidates @ has > 0) | ~present).all(axis=1)
    pool = np.flatnonzero(complete) if complete.any() else np.arange(len(candidates))
    best = pool[np.argmin(distance[pool])]
    chosen = candidates[best]
    one_sided = present & ~((chosen @ has > 0) & (~chosen @ has > 0))
    return groups[chosen], tuple(name for name, alone in zip(origins.class_names, one_sided, strict=True) if alone)


def _candidates(sizes: NDArray[np.int64], wanted: float, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Sets of 1..`most` groups (rows of booleans) in seeded order: all of them for few groups, else greedy draws."""
    n = len(sizes)
    if n <= _EXACT_GROUPS:
        numbers = rng.permutation(np.arange(1, 1 << n))
        sets = (numbers[:, None] >> np.arange(n) & 1).astype(bool)
        small: NDArray[np.bool_] = sets[sets.sum(axis=1) <= most]
        return small
    rows = np.zeros((_SHUFFLES, n), bool)
    for row in rows:
        total = 0
        for group in rng.permutation(n):
            if abs(total + sizes[group] - wanted) < abs(total - wanted) and row.sum() < most:
                row[group] = True
                total += int(sizes[group])
        if not row.any():
            row[int(np.argmin(sizes))] = True
    return rows


def _count(share: float, units: int) -> int:
    return max(1, round(share * units)) if share > 0 else 0


def describe_leak(leak_shares: dict[str, float]) -> str:
    """One line on what a split's scores are worth."""
    if leak_shares["group"] > 0:
        return (
            f"LEAKY split: {leak_shares['group']:.0%} of the validation pixels share a group with training "
            f"({leak_shares['image']:.0%} an image); scores will flatter"
        )
    return "no validation pixel shares a group with training"


def counts(sides: NDArray[np.str_]) -> dict[str, int]:
    """Patches by side."""
    return {side: int((sides == side).sum()) for side in SIDES}
