"""The classes of masks, and how those that data name become those of a model."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import ClassSchema, format_color
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.id_tables import NO_VALUE
from terrazzo.system.reporting import listed

_SHOWN = 8


@dataclass(frozen=True)
class Classes:
    """The classes of masks, and notes on where they come from."""

    schema: ClassSchema
    notes: tuple[str, ...]
    label_ids: tuple[int, ...] | None = None
    """For masks of ids: the class of each value, 255 for no class, -1 for values in no table.

    None: the value itself, or the values of each scene if the layout has its own.
    """
    ignored: tuple[str, ...] = ()
    """The names of table rows that mean no class."""
    table: ClassTable | None = None
    """For masks of ids: the table, its values those of the masks."""

    def to_ignore(self, names: Collection[str]) -> tuple[str, ...]:
        """The class names without those of rows that mean no class, whatever their case: these are ignored already."""
        already = {name.casefold() for name in self.ignored}
        return tuple(name for name in names if name in self.schema.names or name.casefold() not in already)

    def values(self) -> tuple[int, ...]:
        """The lowest value of each class in masks of ids, -1 for classes that have none."""
        if self.table is not None:
            return self.table.values
        if self.label_ids is None:
            return tuple(range(self.schema.n_classes))
        found = {i: value for value, i in reversed(list(enumerate(self.label_ids)))}
        return tuple(found.get(i, NO_VALUE) for i in range(self.schema.n_classes))


def by_name(own: Classes, given: GivenTable, is_color: bool) -> Classes:
    """The data's own classes as those of a model, by name; names that the model lacks come behind its own.

    Laws: values keep the class that the data name, ids and colours of the model's classes stay. Raises ClassTableError
    where masks of colours use one class's colour of the model for another class.
    """
    more = [name for name in own.schema.names if given.id_of(name) is None]
    notes = [*own.notes, f"classes: {given.table.schema.n_classes} from {given.named}, matched by name"]
    if more:
        given = given.with_more(more)
        notes.append(note_on_more(given, more, "the labels"))
    schema = given.table.schema
    place = [number for name in own.schema.names if (number := given.id_of(name)) is not None]
    ids = range(len(place)) if own.label_ids is None else own.label_ids
    label_ids = None if is_color else tuple(place[i] if 0 <= i < len(place) else i for i in ids)
    colors = zip((*own.schema.colors, *(color for color, _ in own.schema.merged)), _numbers(own.schema), strict=True)
    meant = {color: place[number] for color, number in colors}
    for color in meant if is_color else ():
        if color in schema.colors and schema.colors.index(color) != meant[color]:
            theirs, ours = schema.names[meant[color]], schema.names[schema.colors.index(color)]
            raise ClassTableError(
                f"{given.named}: its {format_color(color)} is {ours!r}, the masks' is {theirs!r}; "
                "give masks of ids, or in the model's colours"
            )
    tints = {color: number for color, number in meant.items() if is_color and color not in schema.colors}
    void = tuple(color for color in own.schema.void_colors if color not in {*schema.colors, *tints})
    schema = replace(
        schema, merged=tuple(tints.items()), void_colors=tuple(dict.fromkeys((*schema.void_colors, *void)))
    )
    return Classes(schema, tuple(notes), label_ids, own.ignored)


def _numbers(schema: ClassSchema) -> list[int]:
    """The class of each colour of a schema, merged ones last."""
    return [*range(schema.n_classes), *(number for _, number in schema.merged)]


def note_on_more(given: GivenTable, names: Sequence[str], counted: str) -> str:
    """A line on the last classes of a table, which a model lacks; `counted` says what has them."""
    first = given.table.schema.n_classes - len(names)
    told = [f"{name!r} (id {number})" for number, name in enumerate(names, first)]
    it, name = ("it", "the name") if len(told) == 1 else ("them", "the names")
    return (
        f"classes: {listed(told, _SHOWN)} of {counted} added behind those of {given.where}, which lacks {it}; "
        f"correct {name} if one of these is meant: {listed(given.table.schema.names[:first], _SHOWN)}"
    )
