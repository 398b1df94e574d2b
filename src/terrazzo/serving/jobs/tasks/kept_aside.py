"""Which corrections a model is trained on, and which are kept aside to score it.

Law: of each five polygons, in their order, the last one is kept aside whose class has another to train on. So no class
of the corrections is left without a polygon to learn from, and fewer than five polygons are all trained on.
"""

from collections import Counter
from collections.abc import Sequence

EVERY = 5


def kept_aside(classes: Sequence[str]) -> tuple[int, ...]:
    """The places of the polygons that are kept aside, ascending; `classes` are those of all polygons."""
    left = Counter(classes)
    kept = []
    for first in range(0, len(classes) - EVERY + 1, EVERY):
        spare = (place for place in reversed(range(first, first + EVERY)) if left[classes[place]] > 1)
        place = next(spare, None)
        if place is not None:
            kept.append(place)
            left[classes[place]] -= 1
    return tuple(kept)
