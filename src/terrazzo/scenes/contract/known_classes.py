"""The classes of masks, and where they are known from.

Sources, in this order: the table given by the user, the classes that the layout fixes, a table inside the data if it
agrees with the masks, a known palette.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from terrazzo.classes.palettes import coverage, match_palette
from terrazzo.classes.schema import IGNORE, NO_CLASS, ClassSchema, Color, distinct_colors, format_color
from terrazzo.classes.tables import ClassTable, parse_table, read_table
from terrazzo.errors import ClassTableError, ImageError
from terrazzo.scenes.contract.census import Census, colors_of, value_text
from terrazzo.scenes.contract.mask_values import (
    BINARY_CLASSES,
    BINARY_NOTE,
    BINARY_VALUES,
    class_of_values,
    fitting_table,
    is_binary,
)
from terrazzo.scenes.scene import Asset, Found
from terrazzo.system.reporting import listed

AGREEMENT = 0.5
"""A table inside the data is used if more than this share of the pixels has its colours; the label contract reports the
rest. The table of the Dubai set agrees on 0.5 % of its pixels."""
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

    def to_ignore(self, names: Collection[str]) -> tuple[str, ...]:
        """The class names without those of rows that mean no class, whatever their case: these are ignored already."""
        already = {name.casefold() for name in self.ignored}
        return tuple(name for name in names if name in self.schema.names or name.casefold() not in already)

    def values(self) -> tuple[int, ...]:
        """The value of each class in masks of ids."""
        if self.label_ids is None:
            return tuple(range(self.schema.n_classes))
        return tuple(self.label_ids.index(i) for i in range(self.schema.n_classes))


@dataclass(frozen=True)
class GivenTable:
    """A class table given by the user."""

    table: ClassTable
    where: str


def resolve_classes(
    census: Census,
    found: Found,
    given: GivenTable | None,
    unknown: str,
    ignore_values: Collection[int] = (),
    data: str = "DATA",
) -> Classes:
    """The classes of the masks. Raises ClassTableError, listing the values of the masks, if they cannot be known.

    `given` is the user's table. `unknown` is the policy for other colours and ids; under `nearest`, tables and palettes
    are compared with tolerance. `ignore_values` are ids of no class. If no mask can be read, there is one class without
    meaning. `data` are the words that name the masks in a command, for errors.
    """
    if ignore_values and census.is_color and census.pixels:
        raise ClassTableError(
            f"--ignore-value {min(ignore_values)}: the masks hold colours, not ids; "
            "name that colour's row in the class table 'ignore'"
        )
    colors = colors_of(census)
    noisy = unknown == "nearest"
    known = match_palette(colors, noisy) if census.is_color else None
    void = found.void_colors + (known[1].void_colors if known else ())
    if given is not None:
        _check_enough(given.table.schema, found)
        note = f"classes: {given.table.schema.n_classes} from --classes {given.where}"
        classes = _of_table(given.table, census, unknown, ignore_values, given.where)
        return replace(classes, schema=_with_void(classes.schema, void), notes=(note, *classes.notes))
    if found.classes is not None:
        if found.classes.schema is None:
            raise ClassTableError(found.classes.note)
        return Classes(_with_void(found.classes.schema, found.void_colors), (found.classes.note,))
    if not census.pixels:
        return Classes(ClassSchema(("unknown",), distinct_colors(1)), ("classes: unknown, no mask can be read",))
    notes: list[str] = []
    if found.class_table is not None:
        table, about = _table_inside(found.class_table, census, colors, noisy)
        notes += about
        if table:
            classes = _of_table(table, census, unknown, ignore_values, found.class_table.where)
            return replace(classes, schema=_with_void(classes.schema, void), notes=(*notes, *classes.notes))
    if is_binary(census, ignore_values) and not set(ignore_values) & set(BINARY_VALUES):
        note = BINARY_NOTE.format(*BINARY_CLASSES.names)
        between = range(BINARY_VALUES[0] + 1, BINARY_VALUES[1])
        label_ids = (0, *(IGNORE if value in ignore_values else NO_CLASS for value in between), 1)
        return Classes(BINARY_CLASSES, (*notes, f"classes: {note}"), label_ids)
    if known is None:
        raise ClassTableError("; ".join([_unresolved(census, colors, data), *notes]))
    name, schema = known
    covered, occurring = coverage(schema, colors, noisy)
    share = covered / max(census.total, 1)
    notes.append(
        f"classes: the masks match the known palette '{name}' "
        f"({occurring} of {schema.n_classes} classes occur, {share:.2%} of the pixels)"
    )
    return Classes(_with_void(schema, void), tuple(notes))


def given_classes(table: Path | None) -> GivenTable | None:
    """The classes in the user's file, if there is one. Raises ClassTableError, naming the file and its fault."""
    return GivenTable(read_table(table), str(table)) if table else None


def _of_table(table: ClassTable, census: Census, unknown: str, ignore_values: Collection[int], where: str) -> Classes:
    """The classes of a table for these masks, with notes on the values that mean no class."""
    fitted = fitting_table(table, census, ignore_values, where)
    written = "by its colour" if census.is_color else "the value {}"
    notes = [f"classes: {name!r} ({written.format(value)}) means no class" for name, value in fitted.ignored]
    if fitted.values != table.values and not fitted.has_ids:
        names = dict(zip(fitted.values, fitted.schema.names, strict=True))
        names |= {value: f"{name} (no class)" for name, value in fitted.ignored}
        notes.append(f"classes: {BINARY_NOTE.format(*(names[value] for value in BINARY_VALUES))}")
    label_ids = class_of_values(fitted, census, unknown, ignore_values)
    return Classes(fitted.schema, tuple(notes), label_ids, tuple(name for name, _ in fitted.ignored))


def _table_inside(
    asset: Asset, census: Census, colors: Mapping[Color, int], noisy: bool
) -> tuple[ClassTable | None, list[str]]:
    """The table among the data's files if it agrees with the masks, with notes."""
    try:
        table = parse_table(asset.read().decode("utf-8-sig"), asset.name)
    except (ImageError, ClassTableError, UnicodeDecodeError) as error:
        return None, [f"the data's own table is not used: {error}"]
    schema = table.schema
    used = f"classes: {schema.n_classes} from the data's own {asset.name}"
    if not census.is_color:
        two_rows = is_binary(census) and len(table.values) == 2
        fitting = sum(count for value, count in census.pixels.items() if value in table.values)
        ignored = sum(
            census.pixels.get(value, 0) for value in {IGNORE, *(v for _, v in table.ignored)} - set(table.values)
        )
        if two_rows or fitting > AGREEMENT * (census.total - ignored):
            return table, [used]
        return None, [f"the data's own {asset.name} is not used: its {schema.n_classes} classes are not the masks' ids"]
    covered, occurring = coverage(schema, colors, noisy)
    if covered > AGREEMENT * census.total:
        return table, [used]
    missing = [format_color(color) for color in schema.colors if color not in colors]
    return None, [
        f"the data's own {asset.name} is not used: {occurring} of its {schema.n_classes} colours occur, "
        f"on {covered / max(census.total, 1):.1%} of the pixels",
        f"the data's own {asset.name}: not in the masks: {listed(missing, _SHOWN)}",
    ]


def _check_enough(schema: ClassSchema, found: Found) -> None:
    """Raise ClassTableError if the layout's ids stand for more classes than the table has."""
    needed = 1 + max((i for scene in found.scenes for i in scene.label_ids or () if i != IGNORE), default=-1)
    if schema.n_classes < needed:
        raise ClassTableError(
            f"--classes: has {schema.n_classes} classes, the masks of the layout {found.layout} need {needed}; "
            "give them all, and leave classes out with --ignore-class"
        )


def _with_void(schema: ClassSchema, void: tuple[Color, ...]) -> ClassSchema:
    """The schema with further void colours, except those of its classes."""
    further = dict.fromkeys(color for color in schema.void_colors + void if color not in schema.colors)
    return ClassSchema(schema.names, schema.colors, tuple(further))


def _unresolved(census: Census, colors: Mapping[Color, int], data: str) -> str:
    """One line on masks of unknown classes: their values with shares, and what to do."""
    shares = [f"{value_text(census, value)} {count / census.total:.1%}" for value, count in census.pixels.items()]
    what = "colours" if census.is_color else "ids"
    if census.is_color and (tolerant := match_palette(colors, noisy=True)):
        hint = f"with --unknown nearest they match the known palette '{tolerant[0]}'; or write"
    else:
        hint = "write"
    reason = "match no known palette" if census.is_color else "need a table of classes"
    return (
        f"the masks' {len(census.pixels)} {what} {reason}: {listed(shares, _SHOWN)}; {hint} a table with "
        f"`terrazzo inspect {data} --write-classes classes.csv`, edit it, and give it as --classes classes.csv"
    )
