"""The classes of a model and of patches, matched by name.

Law: the model's classes keep their ids and colours, whatever ids the patches have. New classes follow them, in the
order of the patches. A name is the same in other capitals, if there is no exact match.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, ClassSchema, Color, distinct_colors
from terrazzo.patches.folder import Patches
from terrazzo.system.reporting import listed

_CANDIDATES = 64
"""Colours among which that of a new class is chosen."""


@dataclass(frozen=True)
class Matched:
    """A class table for both, and how the patches' ids become its ids."""

    schema: ClassSchema
    """The model's classes, then the new ones."""
    ids: tuple[int, ...]
    """The id of each of the patches' classes; IGNORE of one that is left out."""
    missing: tuple[str, ...]
    """The model's classes of which the patches have no labelled pixel."""
    new: tuple[str, ...]
    """The patches' classes that the model lacks."""
    left_out: tuple[str, ...]
    """The patches' classes that are in neither table."""

    @property
    def renumbered(self) -> int:
        """How many of the patches' classes get another id."""
        return sum(old != new != IGNORE for old, new in enumerate(self.ids))


def match(known: ClassSchema, patches: Patches, grows: bool = True) -> Matched:
    """The patches' classes by the names of a class table, which gets the new ones if it `grows`.

    A new class without a labelled pixel is left out: nothing could be learnt of it.
    """
    own, pixels = patches.schema, [int(entry["pixels"]) for entry in patches.description["classes"]]
    places = [_place(known.names, name) for name in own.names]
    new = [i for i, place in enumerate(places) if place is None and grows and pixels[i]]
    schema = _grown(known, own, new) if new else known
    ids = [place if place is not None else IGNORE for place in places]
    for at, i in enumerate(new, start=known.n_classes):
        ids[i] = at
    there = {place for place, count in zip(places, pixels, strict=True) if count}
    return Matched(
        schema,
        tuple(ids),
        tuple(name for i, name in enumerate(known.names) if i not in there),
        tuple(own.names[i] for i in new),
        tuple(name for name, i in zip(own.names, ids, strict=True) if i == IGNORE),
    )


def lines(matched: Matched, whose: str) -> list[str]:
    """What the user should know of the match: ids, classes that were not found, new ones."""
    found = []
    if matched.renumbered:
        found.append(f"{whose}: classes are matched by name; {matched.renumbered} have another id than in the model")
    if matched.missing:
        found.append(f"{whose}: no pixel of {listed(matched.missing, 8)}; the model keeps them under their ids")
    for name in matched.new:
        found.append(
            f"{whose}: {name} is new: id {matched.schema.names.index(name)}; its part of the network starts from small "
            "random weights"
        )
    if matched.left_out:
        found.append(
            f"{whose}: {listed(matched.left_out, 8)}: no class of the model and without a labelled pixel, so left out"
        )
    return found


def relabelled(patches: Patches, matched: Matched) -> Patches:
    """The patches with the ids and the class table of the match; masks are translated as they are read."""
    if matched.ids == tuple(range(len(matched.ids))):
        return replace(patches, schema=matched.schema)
    table = np.full(256, IGNORE, np.uint8)
    table[: len(matched.ids)] = matched.ids
    given = {name: getattr(patches, name) for name in Patches.__dataclass_fields__}
    return _Relabelled(**{**given, "schema": matched.schema}, table=table)


@dataclass(frozen=True)
class _Relabelled(Patches):
    """Patches whose masks are read through a table of ids (256,)."""

    table: NDArray[np.uint8]

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """(N, S, S) uint8 class ids; indexing reads and translates."""
        return cast(NDArray[np.uint8], _Translated(super().masks, self.table))


@dataclass(frozen=True)
class _Translated:
    stored: NDArray[np.uint8]
    table: NDArray[np.uint8]

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        """The masks of these rows, translated."""
        return cast(NDArray[np.uint8], self.table[self.stored[rows]])

    def __len__(self) -> int:
        return len(self.stored)


def _place(names: Sequence[str], name: str) -> int | None:
    """Where a name is among others: exactly, or the one that differs by capitals alone."""
    if name in names:
        return names.index(name)
    alike = [i for i, other in enumerate(names) if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _grown(known: ClassSchema, own: ClassSchema, new: Sequence[int]) -> ClassSchema:
    """The table with new classes behind; a colour that is taken gives way to another."""
    colors: list[Color] = list(known.colors)
    for i in new:
        colors.append(own.colors[i] if own.colors[i] not in colors else _spare(colors))
    names = (*known.names, *(own.names[i] for i in new))
    voids = tuple(color for color in known.void_colors if color not in colors)
    return ClassSchema(names, tuple(colors), voids, tuple(pair for pair in known.merged if pair[0] not in colors))


def _spare(taken: Sequence[Color]) -> Color:
    """A colour that is as far as can be from those that are taken."""
    candidates = distinct_colors(_CANDIDATES)
    distances = np.linalg.norm(np.array(candidates)[:, None] - np.array(taken)[None], axis=2)
    return candidates[int(distances.min(axis=1).argmax())]
