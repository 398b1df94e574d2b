"""How much a split leaks: validation pixels that share a picture or group with training."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from terrazzo.patches.splits.origins import PatchOrigins

BUFFER = "buffer_px"
"""The entry that a block split adds to its leak: the pixels between the sides."""


def leak(origins: PatchOrigins, sides: NDArray[np.str_]) -> dict[str, float]:
    """Share of valid validation pixels whose image, and whose group, also has patches in training.

    Copies and versions of a picture count as one image.
    """
    val = sides == "val"
    total = int(origins.valid_pixels[val].sum())
    shares = {}
    for name, unit in (("image", origins.pictures), ("group", origins.group)):
        shared = val & np.isin(unit, unit[sides == "train"])
        shares[name] = round(float(origins.valid_pixels[shared].sum()) / total, 6) if total else 0.0
    return shares


def is_leaky(leak_shares: Mapping[str, float]) -> bool:
    """Whether scores will be optimistic: validation shares a group with training, without a buffer between them."""
    return leak_shares.get("group", 0) > 0 and not leak_shares.get(BUFFER)


def describe_leak(leak_shares: Mapping[str, float], places_known: bool = True) -> str:
    """One line: what scores on the split are worth.

    Where nothing says which pictures show one place (`places_known` is false), the line claims no more than that.
    Without any share nothing is held out.
    """
    if not leak_shares:
        return "every patch is in train, so these patches alone give no score"
    if leak_shares["group"] > 0 and not is_leaky(leak_shares):
        return (
            f"{leak_shares['group']:.0%} of the validation pixels share a scene with training, none is nearer than "
            f"{leak_shares[BUFFER]:.0f} px to a training pixel; scores speak for this scene, not for others"
        )
    if is_leaky(leak_shares):
        return (
            f"LEAKY split: {leak_shares['group']:.0%} of the validation pixels share a group with training "
            f"({leak_shares['image']:.0%} an image); scores will be optimistic"
        )
    if not places_known:
        return "no picture is in train and val; nothing is known of places: scores may be optimistic"
    return "no validation pixel shares a group with training"
