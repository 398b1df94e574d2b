"""The value that each row of a class table has in masks of one channel: its id, its grey, or its place.

An id decides before a grey, and a grey before the place of the row, which counts only where no colour says otherwise.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from terrazzo.classes.schema import IGNORE, Color
from terrazzo.classes.table_forms.registry import WAYS
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.census import Census
from terrazzo.scenes.contract.mask_values import (
    BINARY_NOTE,
    BINARY_VALUES,
    NEARLY_NOTE,
    fitting_table,
    is_binary,
    is_nearly_binary,
)

NO_VALUE = -1
"""The value of a class whose colour one channel cannot hold."""
_BLACK, _WHITE = BINARY_VALUES
_BACKGROUND = ("background", "bg", "other", "others", "none", "rest", "negative")


@dataclass(frozen=True)
class IdTable:
    """A table whose values are those in the masks."""

    table: ClassTable
    notes: tuple[str, ...] = ()
    greys: bool = False
    """Whether the values are greys, so that a grey between them has a nearest one."""


def id_table(table: ClassTable, census: Census, ignore_values: Collection[int], where: str) -> IdTable:
    """The table for these masks of one channel; masks of colours leave it as it is.

    Raises ClassTableError where ids, colours and the order of the rows do not settle which value is which class.
    """
    if census.is_color:
        return IdTable(table)
    pixels = {value: n for value, n in census.pixels.items() if value not in ignore_values}
    two = set(BINARY_VALUES) <= pixels.keys() and (
        is_binary(census, ignore_values) or is_nearly_binary(census, ignore_values)
    )
    if table.has_ids and not _by_grey_only(table, pixels, two):
        return _by_id(fitting_table(table, census, ignore_values, where), two, where)
    found = _by_grey(table, pixels) if table.has_ids else _without_ids(table, pixels, two, where)
    if found.table.has_ids:
        hit = [value for value, _ in found.table.pairs() if value in ignore_values]
        return replace(found, table=found.table.without_values(hit)) if hit else found
    return replace(found, table=fitting_table(found.table, census, ignore_values, where))


def _by_grey_only(table: ClassTable, pixels: Mapping[int, int], two: bool) -> bool:
    """Whether the greys of a table with ids are in the masks, and some are no ids; 255 of two values is no ignore."""
    ids, greys = _values(table), _greys(table)
    strange = any(value not in ids and (value != IGNORE or two) for value in pixels)
    return strange and ((two and set(BINARY_VALUES) <= greys.keys()) or _all_in(pixels, greys))


def _all_in(pixels: Mapping[int, int], greys: Mapping[int, int]) -> bool:
    return any(value in greys for value in pixels) and all(value in greys or value == IGNORE for value in pixels)


def _by_id(table: ClassTable, two: bool, where: str) -> IdTable:
    ids = _values(table)
    if two and ids == {0, 1}:
        raise ClassTableError(
            f"{where}: its ids are 0 and 1, but the masks hold {_BLACK} and {_WHITE}; "
            f"write {_WHITE} for the class that is white there, or leave {_WHITE} out with --ignore-value {_WHITE}"
        )
    return IdTable(table, greys=two and set(BINARY_VALUES) <= ids)


def _without_ids(table: ClassTable, pixels: Mapping[int, int], two: bool, where: str) -> IdTable:
    greys, rows = _greys(table), _values(table)
    both = set(BINARY_VALUES) <= greys.keys()
    if _all_in(pixels, greys) and (both or not two):
        return _by_grey(table, pixels)
    if two and len(rows) == len(BINARY_VALUES) and not both:
        return _two_rows(table, NEARLY_NOTE if len(pixels) > len(rows) else BINARY_NOTE, where)
    if two and both:
        return _by_grey(table, pixels)
    if two and rows & pixels.keys():
        raise _unsettled(where, f"it has {len(rows)} rows without ids, but the masks hold {_BLACK} and {_WHITE}")
    by_grey = sum(n for value, n in pixels.items() if value in greys)
    by_row = sum(n for value, n in pixels.items() if value in rows)
    numbers = dict(table.pairs()) | {value: IGNORE for _, value in table.ignored}
    others = [value for value in pixels if value in greys and greys[value] != numbers.get(value)]
    by_row_alone = {*pixels} - {IGNORE} <= rows
    if by_grey > by_row or (others and not by_row_alone and len(greys) == len(rows)):
        return _by_grey(table, pixels)
    _refuse_other_order(table, pixels, others, where)
    first = ", ".join(f"{value} is {_name(table, value)}" for value in sorted(rows)[:2])
    more = ", and so on" if len(rows) > 2 else ""
    return IdTable(table, (f"classes: the table has no ids: its rows count from 0, so {first}{more}",))


def _by_grey(table: ClassTable, pixels: Mapping[int, int]) -> IdTable:
    """The table with the greys of its colours as values."""
    greys, schema = _greys(table), table.schema
    void = [grey for grey, number in greys.items() if number == IGNORE]
    classes = [(grey, number) for grey, number in greys.items() if number != IGNORE]
    first = {number: grey for grey, number in reversed(classes)}
    named = [*(name for name, _ in table.ignored), *["void"] * len(void)]
    found = replace(
        table,
        values=tuple(first.get(number, NO_VALUE) for number in range(schema.n_classes)),
        ignored=tuple(zip(named, void, strict=False)),
        also=tuple((grey, number) for grey, number in classes if grey != first[number]),
        has_ids=True,
    )
    known = sorted(value for value in pixels if value in greys)
    told = ", ".join(f"{value} is {_name(found, value)}" for value in known[:8])
    return IdTable(found, (f"classes: the masks hold greys, which are colours of the table: {told}",), True)


def _two_rows(table: ClassTable, note: str, where: str) -> IdTable:
    """Two rows for masks of 0 and 255, one of them black or white at most: the other row has the other value."""
    greys = _greys(table) if table.has_colors else {}
    numbers = {number: value for value, number in table.pairs()}
    numbers |= dict(zip([IGNORE], (value for _, value in table.ignored), strict=False))
    black, white = (numbers[greys[grey]] if grey in greys else None for grey in BINARY_VALUES)
    swapped = black == 1 or white == 0
    names = (_name(table, 0), _name(table, 1))
    if black is None and white is None and _is_background(names[1]) and not _is_background(names[0]):
        raise _unsettled(where, f"its first row is {names[0]!r}, but the masks hold {_BLACK} and {_WHITE}")
    found = table.with_values({0: _WHITE, 1: _BLACK} if swapped else {1: _WHITE})
    told = note.format(*(_name(found, value) for value in BINARY_VALUES))
    return IdTable(replace(found, has_ids=True), (f"classes: {told}",), True)


def _refuse_other_order(table: ClassTable, pixels: Mapping[int, int], others: list[int], where: str) -> None:
    """Raise ClassTableError if something speaks against the order of the rows.

    That is a grey of the table in `others`, greys in another order, ids from 1, or the background as second of two.
    """
    names = [_name(table, value) for value in sorted(_values(table))]
    greys = _greys(table)
    if others:
        by_color = _name(_by_grey(table, {}).table, others[0])
        by_row = repr(names[others[0]]) if others[0] < len(names) else "no class"
        raise _unsettled(where, f"by its rows {others[0]} is {by_row}, by its colours {by_color!r}")
    numbers = dict(table.pairs()) | {value: IGNORE for _, value in table.ignored}
    if len(greys) == len(names) and [numbers[i] for i in range(len(names))] != [greys[grey] for grey in sorted(greys)]:
        raise _unsettled(where, "the order of its rows is not that of their greys")
    if max((value for value in pixels if value != IGNORE), default=0) == len(names):
        raise _unsettled(where, f"it has {len(names)} rows without ids, but the masks hold values up to {len(names)}")
    if len(names) == len(BINARY_VALUES) and _is_background(names[1]) and not _is_background(names[0]):
        raise _unsettled(where, f"its first row is {names[0]!r}, but {names[1]!r} is usually 0")


def _unsettled(where: str, why: str) -> ClassTableError:
    return ClassTableError(
        f"{where}: {why}, so it is not clear which value is which class; "
        f"write the masks' values into a column of ids ({WAYS})"
    )


def _values(table: ClassTable) -> set[int]:
    return {value for value, _ in table.pairs()} | {value for _, value in table.ignored}


def _greys(table: ClassTable) -> dict[int, int]:
    """The class of each grey among the table's own colours; `IGNORE` for rows that mean no class."""
    if not table.has_colors:
        return {}
    schema = table.schema
    found: dict[Color, int] = dict.fromkeys(schema.void_colors, IGNORE)
    found |= dict(zip(schema.colors, range(schema.n_classes), strict=True)) | dict(schema.merged)
    return {color[0]: number for color, number in found.items() if color[0] == color[1] == color[2]}


def _name(table: ClassTable, value: int) -> str:
    """What a value means, in words."""
    names = {number: table.schema.names[i] for number, i in table.pairs()}
    return names.get(value) or next((f"{name} (no class)" for name, v in table.ignored if v == value), "no class")


def _is_background(name: str) -> bool:
    return name.strip("_ ").casefold() in _BACKGROUND
