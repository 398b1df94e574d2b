"""Dividing patches into train, val and test: as given, by group, image or spatial block, or patch by patch.

A group must stay whole: a tile, a flight, a city. Patches of one picture on two sides make scores optimistic, so the
defaults never do that. `patch` does, because published figures were made that way.

`block` divides a scene into squares of patches and leaves a buffer around validation and test blocks. Law: no
validation or test pixel is nearer than the buffer to a training pixel (`by_block.too_near`), across rasters too. Where
neighbouring rasters have no common grid, no buffer is claimed. Equal units and seed give an equal split.

`none held out` divides nothing. Law: every patch is in train.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError
from terrazzo.patches.options import NONE_HELD_OUT, SplitOptions
from terrazzo.patches.splits.at_random import deal, n_held
from terrazzo.patches.splits.by_block import by_block
from terrazzo.patches.splits.by_group import by_group
from terrazzo.patches.splits.leak import BUFFER, leak
from terrazzo.patches.splits.one_sided import drawn_one_sided, one_sided
from terrazzo.patches.splits.origins import SIDES, PatchOrigins
from terrazzo.system.reporting import how_many, listed


@dataclass(frozen=True)
class Split:
    """The side of each patch, the method, what leaks, and warnings."""

    sides: NDArray[np.str_]
    """(N,) train, val or test; none in the buffer between blocks."""
    method: str
    leak: dict[str, float]
    """`image`, `group`: share of validation pixels whose image or group is also in training. A block split adds
    `buffer_px`, the least distance of validation and training pixels, unless it is not known. Empty: none held out."""
    warnings: tuple[str, ...]


def make_split(origins: PatchOrigins, options: SplitOptions, part: bool = False) -> Split:
    """The split that the options ask for. Raises SplitError with a remedy where it cannot be made.

    Of a `part` of all patches it is not said which classes are on one side only, as others may have them.
    """
    method = options.method or default_method(origins)
    if method == NONE_HELD_OUT:
        return Split(np.full(len(origins.image), "train", dtype="<U5"), method, {}, ())
    for flag, value in (("--block-size", options.block_size), ("--buffer", options.buffer)):
        if value is not None and method != "block":
            raise SplitError(f"{flag} {value}: is for --split block, and these patches are split by {method}")
    warnings: list[str] = []
    if method == "given":
        sides = _given(origins, options, warnings)
        warnings += [] if part else one_sided(origins, sides, "; --split image draws another split")
    elif method == "group":
        sides = by_group(origins, options, warnings)
    elif method == "block":
        sides = by_block(origins, options, warnings)
    else:
        unit = np.arange(len(origins.image)) if method == "patch" else origins.on_ground.joined
        apart = origins.ground is None or method == "patch"
        noun = method if apart else "separate place"
        sides = _at_random(unit, options, method, noun)
        warnings += [] if part else drawn_one_sided(origins, unit, sides, options, noun)
    unlike = origins.on_ground.unlike if method == "block" else ()
    between = {BUFFER: float(options.buffer_px(origins.patch_size))} if method == "block" and not unlike else {}
    warnings += [f"--split block: {line}" for line in unlike]
    return Split(sides, method, leak(origins, sides) | between, tuple(warnings))


def default_method(origins: PatchOrigins) -> str:
    """`given` where the layout has splits, else `group` where there are at least three groups, else `image`."""
    if any(side is not None for side in origins.given):
        return "given"
    groups, images = len(np.unique(origins.group)), len(np.unique(origins.pictures))
    return "group" if 3 <= groups < images else "image"


def _given(origins: PatchOrigins, options: SplitOptions, warnings: list[str]) -> NDArray[np.str_]:
    """The layout's own sides; a missing val is taken from its train, by group or image."""
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
    """Turn a part of `train` into `val` in place: whole groups if train has three or more, else whole images."""
    rows = np.flatnonzero(sides == "train")
    train = origins.rows(rows)
    if default_method(train) == "group":
        sides[rows] = by_group(train, options, warnings)
        chosen = [origins.group_names[group] for group in np.unique(origins.group[sides == "val"])]
        what = listed(chosen)
    else:
        sides[rows] = _at_random(train.on_ground.joined, options, "image", "image")
        what = f"{len(np.unique(origins.image[sides == 'val']))} images drawn at random"
    warnings.append(
        f"the layout's own split has no val: {what} of its train are held out as val ({(sides == 'val').sum()} patches)"
    )


def _at_random(unit: NDArray[np.int64], options: SplitOptions, method: str, noun: str) -> NDArray[np.str_]:
    """Units (images, touching ones as one, or patches) dealt out at random; shares are rounded, to one at least."""
    units = np.unique(unit)
    n_val, n_test = (n_held(share, len(units)) for share in (options.val, options.test))
    if n_val + n_test >= len(units):
        remedy = (
            "use --split block (parts of one picture with a buffer between), or --split patch (optimistic scores)"
            if method == "image"
            else ""
        )
        raise SplitError(
            f"--split {method}: {how_many(len(units), noun)} cannot be divided into train"
            f"{', val and test' if n_test else ' and val'}; {remedy or 'add images, or use a smaller --patch-size'}"
        )
    return deal(unit, options.val, options.test, options.seed)


def counts(sides: NDArray[np.str_]) -> dict[str, int]:
    """Patches by side."""
    return {side: int((sides == side).sum()) for side in SIDES}
