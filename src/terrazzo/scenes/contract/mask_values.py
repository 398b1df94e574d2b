"""The class of each value in masks of ids: offsets, gaps, values of no class, and masks of 0 and 255."""

from collections.abc import Collection

from terrazzo.classes.schema import IGNORE, NO_CLASS, ClassSchema
from terrazzo.classes.tables import MAX_VALUES, ClassTable
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.census import Census

BINARY_VALUES = (0, 255)
BINARY_CLASSES = ClassSchema(("background", "foreground"), ((0, 0, 0), (255, 255, 255)))
BINARY_NOTE = "the masks hold 0 and 255 alone, in one channel: 0 is {}, 255 is {}, not ignore"


_NEAR = 31
"""How far JPEG of quality 50 takes most pixels of flat areas and thin lines from 0 and 255."""
NEARLY_NOTE = "most pixels of the masks are 0 or 255, in one channel: 0 is {}, 255 is {}, not ignore"


def is_binary(census: Census, ignore_values: Collection[int] = ()) -> bool:
    """Whether the masks have one channel and hold 0 and 255 and nothing else, apart from ignored values."""
    left = set(census.pixels) - (set(ignore_values) - set(BINARY_VALUES))
    return not census.is_color and left == set(BINARY_VALUES)


def is_nearly_binary(census: Census, ignore_values: Collection[int] = ()) -> bool:
    """Whether the masks have one channel of 0 and 255 with greys along the edges, as JPEG and smoothing leave.

    0 and 255 both occur, and most pixels are at most `_NEAR` away from them. Each of the two sides has more pixels than
    any grey farther off. Two greys occur at least, and one is above the middle, which ids seldom are.
    """
    pixels = {value: n for value, n in census.pixels.items() if value not in ignore_values}
    between = [value for value in pixels if value not in BINARY_VALUES]
    if census.is_color or len(pixels) != len(between) + len(BINARY_VALUES) or len(between) < len(BINARY_VALUES):
        return False
    if min(between) < 0 or not 128 <= max(between) < IGNORE:
        return False
    sides = [sum(n for value, n in pixels.items() if abs(value - end) <= _NEAR) for end in BINARY_VALUES]
    far = [n for value, n in pixels.items() if all(abs(value - end) > _NEAR for end in BINARY_VALUES)]
    return max(far, default=0) < min(sides) and 2 * sum(sides) > sum(pixels.values())


def fitting_table(table: ClassTable, census: Census, ignore_values: Collection[int], where: str) -> ClassTable:
    """The table for these masks: that of masks of ids without ignored values.

    Raises ClassTableError at an id that no mask can hold, or if a table without ids leaves open which rows are ignored.
    """
    if census.is_color:
        return table
    hit = [(table.schema.names[number], value) for value, number in table.pairs() if value in ignore_values]
    if hit and not table.has_ids:
        name, value = hit[0]
        raise ClassTableError(
            f"{where}: has no column of ids, so {name!r} would be the value {value} that --ignore-value leaves out; "
            f"give the table a column of ids (id,name), or use --ignore-class {name!r}"
        )
    impossible = [(table.schema.names[number], v) for v, number in table.pairs() if not 0 <= v < MAX_VALUES]
    if impossible:
        name, value = impossible[0]
        raise ClassTableError(
            f"{where}: the id {value} of {name!r} cannot occur in a mask of ids; "
            "write the values of the masks into the id column (id,name)"
        )
    return table.without_values(ignore_values) if hit else table


def class_of_values(
    table: ClassTable, census: Census, unknown: str, ignore_values: Collection[int], greys: bool = False
) -> tuple[int, ...] | None:
    """The class of each value from 0 on: 255 for values of no class, -1 for those that are not in the table.

    Under the policy `ignore`, values that only the masks hold become 255. Under `nearest`, a grey that the table does
    not have counts as the nearest one, the darker of two, if the values are `greys`. None if each value is its own
    class.
    """
    if census.is_color:
        return None
    occurring = [value for value in census.pixels if 0 <= value < MAX_VALUES]
    none = {value for _, value in table.ignored} | set(ignore_values)
    classes = {value: number for value, number in table.pairs() if value >= 0}
    if unknown == "ignore":
        none |= set(occurring) - set(classes)
    elif not none and not greys and not table.also and table.values == tuple(range(len(table.values))):
        return None
    known = dict.fromkeys([IGNORE, *none], IGNORE) | classes
    if unknown == "nearest" and greys:
        given = sorted({*(value for _, value in table.ignored), *classes})
        known = {grey: known[min(given, key=lambda value: abs(value - grey))] for grey in range(IGNORE + 1)} | known
        none |= set(range(IGNORE + 1))
    return tuple(known.get(value, NO_CLASS) for value in range(max([*classes, *none]) + 1))


def grey_edges(census: Census, ignore_values: Collection[int] = ()) -> str:
    """In a line: how many greys lie between 0 and 255, and what to do about them."""
    greys = {value: n for value, n in census.pixels.items() if value not in {*BINARY_VALUES, *ignore_values}}
    ends = sum(census.pixels.get(value, 0) for value in BINARY_VALUES) / max(census.total, 1)
    return (
        f"the masks hold 0 and 255 on {ends:.1%} of the pixels and {len(greys)} greys between, as JPEG and smoothed "
        "edges leave: --unknown nearest takes each grey for the nearer of 0 and 255, --unknown ignore leaves them out"
    )


def unnamed_greys(table: ClassTable, census: Census, ignore_values: Collection[int]) -> dict[int, int]:
    """The pixels of each grey that is in no row and not ignored."""
    known = {*ignore_values, *(value for value, _ in table.pairs()), *(value for _, value in table.ignored)}
    return {value: n for value, n in census.pixels.items() if value not in known and 0 <= value <= IGNORE}


def spans(values: Collection[int]) -> str:
    """Whole numbers as ranges: `0..4, 7`."""
    runs: list[list[int]] = []
    for value in sorted(set(values)):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)
