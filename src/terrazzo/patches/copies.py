"""Images of equal pixels that were found only once they were cut, made one group."""

from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np

from terrazzo.patches.splits.origins import Ground
from terrazzo.patches.writer import Written


def with_copies(written: Written, unplaced: Set[int]) -> Written:
    """The patches with images of equal pixels in one group, on the same ground and as one picture.

    Of two images one at least is among the `unplaced` numbers: coordinates say more than pixels.
    """
    first: dict[str, int] = {}
    copies = [(i, first.setdefault(one.pixel_hash, i)) for i, one in enumerate(written.sources)]
    return joined(written, [(copy, one) for copy, one in copies if copy != one and {copy, one} & unplaced])


def joined(written: Written, copies: Sequence[tuple[int, int]]) -> Written:
    """The patches with each copy, the first image of a pair, in the group and on the ground of the other.

    What lies near the copy, or belongs together with it, comes along.
    """
    if not copies:
        return written
    sources = list(written.sources)
    known = written.ground or Ground(written.image, written.image, written.corners.astype(np.float64))
    chain, scene, places = known.joined.copy(), known.scene.copy(), known.places.copy()
    for copy, one in copies:
        old, new = sources[copy].group, sources[one].group
        if old != new:
            sources = [replace(each, group=f"{new}+{old}") if each.group in (old, new) else each for each in sources]
        sources[copy] = replace(sources[copy], picture=one)
        here, there = (np.flatnonzero(written.image == number) for number in (copy, one))
        if len(here) and len(there):
            along = scene == scene[here[0]]
            origin = places[there[0]] - written.corners[there[0]]
            places[along] += origin - (places[here[0]] - written.corners[here[0]])
            scene[along] = scene[there[0]]
            chain[chain == chain[here[0]]] = chain[there[0]]
    return replace(written, sources=sources, ground=replace(known, joined=chain, scene=scene, places=places))
