"""The classes of two maps, matched by their names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, Color
from terrazzo.improving.comparing.class_map import ClassMap
from terrazzo.system.reporting import listed

Numbers = NDArray[np.int16]
NODATA, UNKNOWN = -1, -2
"""What a lookup gives for nodata, and for an id without a class."""


@dataclass(frozen=True)
class Matched:
    """The classes of both maps: those of the first in its order, then those of the second alone in its order.

    Law: a name has one number, whatever its id in either map.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    first: Numbers
    """The number of each id of the first map (256,)."""
    second: Numbers
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many classes there are."""
        return len(self.names)


def match(first: ClassMap, second: ClassMap) -> Matched:
    """The classes of two maps by name, each in the colour of the first map that has it, and notes on differences."""
    new = [(name, color) for name, color in zip(second.names, second.colors, strict=True) if name not in first.names]
    names = (*first.names, *(name for name, _ in new))
    numbers = {name: i for i, name in enumerate(names)}
    lookups = [_lookup([numbers[name] for name in each.names]) for each in (first, second)]
    colors = (*first.colors, *(color for _, color in new))
    return Matched(names, colors, lookups[0], lookups[1], tuple(_notes(first, second)))


def _lookup(numbers: list[int]) -> Numbers:
    lookup = np.full(IGNORE + 1, UNKNOWN, np.int16)
    lookup[: len(numbers)] = numbers
    lookup[IGNORE] = NODATA
    return lookup


def _notes(first: ClassMap, second: ClassMap) -> list[str]:
    """One line on class lists that differ; none if they are equal."""
    if first.names == second.names:
        return []
    alone = [
        f"only {one.path} has {listed([repr(name) for name in lacking])}"
        for one, other in ((first, second), (second, first))
        if (lacking := [name for name in one.names if name not in other.names])
    ]
    if len(alone) == 2 and not set(first.names) & set(second.names):
        return [f"warning: {first.path} and {second.path} have no class in common; name the same classes in both"]
    return [f"classes are matched by name: {', '.join(alone) or 'the two maps number them in different orders'}"]
