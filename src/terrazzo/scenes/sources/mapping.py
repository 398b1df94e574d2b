"""The classes of several sources on one schema.

A name in `from` is that of a class exactly or, if a source has none, but for capitals, which a note says. A class that
another entry names exactly is not taken so. What is named nowhere is ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from terrazzo.classes.schema import IGNORE, ClassSchema, Color, distinct_colors
from terrazzo.errors import ClassTableError
from terrazzo.scenes.sources.taxonomy import Taxonomy
from terrazzo.system.reporting import listed

_SHOWN = 12  # classes of the sources in an error


@dataclass(frozen=True)
class SourceClasses:
    """The classes of a source, with their pixels in its labels by id."""

    source: str
    schema: ClassSchema
    pixels: tuple[int, ...]

    def found(self, name: str) -> tuple[int, bool] | None:
        """The id of the class of that name, and whether it is so exactly; None where there is none, or are several."""
        if name in self.schema.names:
            return self.schema.names.index(name), True
        fits = [i for i, other in enumerate(self.schema.names) if other.casefold() == name.casefold()]
        return (fits[0], False) if len(fits) == 1 else None


@dataclass(frozen=True)
class ClassMapping:
    """The schema, and for each source the id that each of its classes becomes; 255 is ignore."""

    schema: ClassSchema
    sources: tuple[SourceClasses, ...]
    ids: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]
    """Names that were found only but for capitals."""

    def lines(self) -> list[str]:
        """A line a class with what it takes, and one with what is ignored: `Building <- dubai/Building (12 px)`."""
        told = [f"{name} <- {', '.join(self._taken(i))}" for i, name in enumerate(self.schema.names)]
        ignored = self._taken(IGNORE)
        return [*told, *([f"ignored <- {', '.join(ignored)}"] if ignored else [])]

    def entries(self, number: int) -> list[dict[str, object]]:
        """The classes of a source as JSON values: its name there, the class that it becomes (None: ignored), pixels."""
        own, ids = self.sources[number], self.ids[number]
        names = [None if i == IGNORE else self.schema.names[i] for i in ids]
        return [
            {"from": name, "class": into, "pixels": pixels}
            for name, into, pixels in zip(own.schema.names, names, own.pixels, strict=True)
        ]

    def _taken(self, wanted: int) -> list[str]:
        return [
            f"{own.source}/{own.schema.names[i]} ({own.pixels[i]:,} px)"
            for own, ids in zip(self.sources, self.ids, strict=True)
            for i, into in enumerate(ids)
            if into == wanted
        ]


def mapped(taxonomy: Taxonomy, sources: Sequence[SourceClasses]) -> ClassMapping:
    """The classes of the sources on the schema of the taxonomy. Raises ClassTableError, naming file and entry.

    Refused are a name that no source has, a class that two entries name, a source without a class, and a class
    without a pixel.
    """
    ids = [[IGNORE] * own.schema.n_classes for own in sources]
    first: list[Color | None] = []
    notes: list[str] = []
    exactly = {
        hit[:2]: entry for entry in taxonomy.classes for name in entry.takes for hit in _hits(sources, name) if hit[2]
    }
    for number, entry in enumerate(taxonomy.classes):
        taken: list[tuple[int, int]] = []
        for name in entry.takes:
            hits = [hit for hit in _hits(sources, name) if hit[2] or exactly.get(hit[:2], entry) is entry]
            if not hits:
                known = [f"{own.source}/{one}" for own in sources for one in own.schema.names]
                raise taxonomy.error(
                    f"class {entry.name}: from {name}: no source has it; there are {listed(known, _SHOWN)}"
                )
            taken += [hit[:2] for hit in hits]
            nearly = [
                f"{sources[source].source}/{sources[source].schema.names[i]}" for source, i, exact in hits if not exact
            ]
            notes += [f"{name} of class {entry.name} is taken for {listed(nearly)}"] if nearly else []
        for source, i in taken:
            if ids[source][i] not in (IGNORE, number):
                own, other = sources[source], taxonomy.classes[ids[source][i]]
                raise taxonomy.error(
                    f"class {entry.name}: takes {own.source}/{own.schema.names[i]}, which class {other.name} takes "
                    "too; name it once, as SOURCE/NAME"
                )
            ids[source][i] = number
        first.append(sources[taken[0][0]].schema.colors[taken[0][1]])
    _refuse_empty(taxonomy, sources, ids)
    try:
        schema = ClassSchema(tuple(entry.name for entry in taxonomy.classes), _colors(taxonomy, first))
    except ClassTableError as error:
        raise taxonomy.error(str(error)) from error
    return ClassMapping(schema, tuple(sources), tuple(map(tuple, ids)), tuple(dict.fromkeys(notes)))


def _hits(sources: Sequence[SourceClasses], name: str) -> list[tuple[int, int, bool]]:
    """For every class that a name in `from` may mean: the numbers of its source and of itself, and whether exactly."""
    found = [(number, *hit) for number, own in enumerate(sources) if (hit := own.found(name))]
    there, slash, rest = name.partition("/")
    if slash:
        named = [number for number, own in enumerate(sources) if own.source == there]
        named = named or [i for i, own in enumerate(sources) if own.source.casefold() == there.casefold()]
        found += [(number, *hit) for number in named if (hit := sources[number].found(rest))]
    return found


def _refuse_empty(taxonomy: Taxonomy, sources: Sequence[SourceClasses], ids: Sequence[Sequence[int]]) -> None:
    """Raise ClassTableError at a source of which no class is taken, and at a class without a pixel."""
    for own, into in zip(sources, ids, strict=True):
        if all(i == IGNORE for i in into):
            raise taxonomy.error(
                f"source {own.source}: no class takes any of {listed(own.schema.names, _SHOWN)}; name one in from, "
                "or leave the source out"
            )
    for number, entry in enumerate(taxonomy.classes):
        pixels = sum(
            count
            for own, into in zip(sources, ids, strict=True)
            for i, count in zip(into, own.pixels, strict=True)
            if i == number
        )
        if not pixels:
            raise taxonomy.error(
                f"class {entry.name}: has no pixel in any source ({', '.join(entry.takes)}); name other classes in "
                "from, or leave the class out"
            )


def _colors(taxonomy: Taxonomy, first: Sequence[Color | None]) -> tuple[Color, ...]:
    """The colour of each class: as given, else of the first class that it takes, else the next that is free."""
    given = [entry.color for entry in taxonomy.classes]
    used = {color for color in given if color is not None}
    free = (color for color in distinct_colors(len(given) * 2 + 1))
    colors: list[Color] = []
    for own, taken in zip(given, first, strict=True):
        color = own
        if color is None:
            color = taken if taken is not None and taken not in used else next(one for one in free if one not in used)
            used.add(color)
        colors.append(color)
    return tuple(colors)
