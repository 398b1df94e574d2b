"""The classes of two maps, matched by their names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, IGNORE_COLOR, Color
from terrazzo.errors import InputError
from terrazzo.scenes.class_map import ClassMap
from terrazzo.scenes.map_file import CLASSES_TIF
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
    """The classes of two maps by name, each in the colour of the first map that has it, and notes on differences.

    Raises InputError where a map names no classes.
    """
    colors = _colors(second) | _colors(first)
    numbers = {name: i for i, name in enumerate(dict.fromkeys([*first.names.values(), *second.names.values()]))}
    lookups = [_lookup(each, numbers) for each in (first, second)]
    own = tuple(colors[name] for name in numbers)
    return Matched(tuple(numbers), own, lookups[0], lookups[1], tuple(_notes(first, second)))


def _colors(found: ClassMap) -> dict[str, Color]:
    """The colours of the map's classes by name; grey where the file shows none."""
    if not found.names:
        raise InputError(f"{found.path}: names no classes; expected the {CLASSES_TIF} of a map that predict wrote")
    table = found.raster.palette
    shown = () if table is None else tuple((int(red), int(green), int(blue)) for red, green, blue in table)
    return {name: shown[i] if i < len(shown) else IGNORE_COLOR for i, name in found.names.items()}


def _lookup(found: ClassMap, numbers: Mapping[str, int]) -> Numbers:
    lookup = np.full(IGNORE + 1, UNKNOWN, np.int16)
    for i, name in found.names.items():
        lookup[i] = numbers[name]
    lookup[[IGNORE, found.nodata]] = NODATA
    return lookup


def _notes(first: ClassMap, second: ClassMap) -> list[str]:
    """One line on class lists that differ; none if they are equal."""
    if first.names == second.names:
        return []
    ours, theirs = ((each.path, tuple(each.names.values())) for each in (first, second))
    alone = [
        f"only {path} has {listed([repr(name) for name in lacking])}"
        for (path, names), (_, others) in ((ours, theirs), (theirs, ours))
        if (lacking := [name for name in names if name not in others])
    ]
    if len(alone) == 2 and not set(ours[1]) & set(theirs[1]):
        return [f"warning: {first.path} and {second.path} have no class in common; name the same classes in both"]
    return [f"classes are matched by name: {', '.join(alone) or 'the two maps number them in different orders'}"]
