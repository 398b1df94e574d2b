"""The class of each value in masks of ids: offsets, gaps, values of no class, and masks of 0 and 255."""

from collections.abc import Collection

from terrazzo.classes.schema import IGNORE, NO_CLASS, ClassSchema
from terrazzo.classes.tables import ClassTable
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.census import Census

BINARY_VALUES = (0, 255)
BINARY_CLASSES = ClassSchema(("background", "foreground"), ((0, 0, 0), (255, 255, 255)))
BINARY_NOTE = "the masks hold 0 and 255 alone, in one channel: 0 is {}, 255 is {}, not ignore"
MAX_VALUES = 1 << 16
"""Masks hold values below this."""


def is_binary(census: Census, ignore_values: Collection[int] = ()) -> bool:
    """Whether the masks have one channel and hold 0 and 255 and nothing else, apart from ignored values."""
    left = set(census.pixels) - (set(ignore_values) - set(BINARY_VALUES))
    return not census.is_color and left == set(BINARY_VALUES)


def fitting_table(table: ClassTable, census: Census, ignore_values: Collection[int], where: str) -> ClassTable:
    """The table for these masks: without ignored values, and with two classes as 0 and 255 where the masks hold these.

    Raises ClassTableError at an id that no mask can hold, or if a table without ids leaves open which rows are ignored.
    """
    if census.is_color:
        return table
    hit = [
        (name, value) for name, value in zip(table.schema.names, table.values, strict=True) if value in ignore_values
    ]
    if hit and not table.has_ids:
        name, value = hit[0]
        raise ClassTableError(
            f"{where}: has no column of ids, so {name!r} would be the value {value} that --ignore-value leaves out; "
            f"give the table an id column, or use --ignore-class {name!r}"
        )
    negative = [(name, value) for name, value in zip(table.schema.names, table.values, strict=True) if value < 0]
    if negative:
        name, value = negative[0]
        raise ClassTableError(
            f"{where}: the id {value} of {name!r} cannot occur in a mask of ids; "
            "write the values of the masks into the id column"
        )
    if is_binary(census, ignore_values) and not table.has_ids and len(table.values) + len(table.ignored) == 2:
        table = table.with_values({1: IGNORE})
    return table.without_values(ignore_values) if hit else table


def class_of_values(
    table: ClassTable, census: Census, unknown: str, ignore_values: Collection[int]
) -> tuple[int, ...] | None:
    """The class of each value from 0 on: 255 for values of no class, -1 for those that are not in the table.

    Under the policy `ignore`, values that only the masks hold become 255. None if each value is its own class.
    """
    if census.is_color:
        return None
    occurring = [value for value in census.pixels if 0 <= value < MAX_VALUES]
    none = {value for _, value in table.ignored} | set(ignore_values)
    classes = {value: number for number, value in enumerate(table.values)}
    if unknown == "ignore":
        none |= set(occurring) - set(classes)
    elif not none and table.values == tuple(range(len(table.values))):
        return None
    known = dict.fromkeys([IGNORE, *none], IGNORE) | classes
    return tuple(known.get(value, NO_CLASS) for value in range(max([*classes, *none]) + 1))


def spans(values: Collection[int]) -> str:
    """Whole numbers as ranges: `0..4, 7`."""
    runs: list[list[int]] = []
    for value in sorted(set(values)):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)
