"""Rasters without a place that have equal pixels, made one group once they are cut."""

from collections.abc import Set
from dataclasses import replace

import numpy as np

from terrazzo.patches.splits.origins import Ground
from terrazzo.patches.writer import Written


def with_copies(written: Written, unplaced: Set[int]) -> Written:
    """The patches with images of equal pixels in one group, on the same ground and as one picture.

    Of two images one at least is among the `unplaced` numbers: coordinates say more than pixels.
    """
    sources, first = list(written.sources), dict[str, int]()
    copies = [(i, first.setdefault(one.pixel_hash, i)) for i, one in enumerate(sources)]
    copies = [(copy, one) for copy, one in copies if copy != one and {copy, one} & unplaced]
    if not copies:
        return written
    known = written.ground or Ground(written.image, written.image, written.corners.astype(np.float64))
    joined, scene, places = known.joined.copy(), known.scene.copy(), known.places.copy()
    for copy, one in copies:
        old, new = sources[copy].group, sources[one].group
        if old != new:
            sources = [replace(each, group=f"{new}+{old}") if each.group in (old, new) else each for each in sources]
        sources[copy] = replace(sources[copy], picture=one)
        here, there = (np.flatnonzero(written.image == number) for number in (copy, one))
        if len(here) and len(there):
            joined[here], scene[here] = joined[there[0]], scene[there[0]]
            places[here] = written.corners[here] + places[there[0]] - written.corners[there[0]]
    return replace(written, sources=sources, ground=replace(known, joined=joined, scene=scene, places=places))
