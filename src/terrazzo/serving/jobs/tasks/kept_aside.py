"""Which corrections a model is trained on, and which are kept aside to score it.

Law: of each five polygons, in their order, the last one is kept aside whose class has another to train on. So no class
of the corrections is left without a polygon to learn from, and fewer than five polygons are all trained on.

Law: a polygon that an earlier improvement has used keeps its part. One kept aside is never trained on later, and one
that was trained on never scores a model that descends from that training. Only new polygons are chosen from, and none
of a five that has one aside already.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads shapely, which a worker that only claims needs not
    from terrazzo.serving.results.corrections import Corrections

EVERY = 5


def kept_aside(classes: Sequence[str], used: Sequence[bool | None] = ()) -> tuple[int, ...]:
    """The places of the polygons that are kept aside, ascending.

    `classes` are those of all polygons. `used` says which were kept aside (True) or trained on (False) before, and
    which are new (None); all are if it is empty.
    """
    before = list(used) or [None] * len(classes)
    kept = {place for place, aside in enumerate(before) if aside}
    left = Counter(name for name, aside in zip(classes, before, strict=True) if not aside)
    for first in range(0, len(classes) - EVERY + 1, EVERY):
        five = range(first, first + EVERY)
        if kept.isdisjoint(five):
            new = (place for place in reversed(five) if before[place] is None)
            place = next((place for place in new if left[classes[place]] > 1), None)
            if place is not None:
                kept.add(place)
                left[classes[place]] -= 1
    return tuple(sorted(kept))


def with_uses(corrections: "Corrections") -> "Corrections":
    """The corrections as an improvement uses them: each polygon is trained on or kept aside."""
    polygons = corrections.polygons
    aside = kept_aside([each.name for each in polygons], [each.kept_aside for each in polygons])
    used = tuple(replace(each, kept_aside=place in aside) for place, each in enumerate(polygons))
    return replace(corrections, polygons=used)
