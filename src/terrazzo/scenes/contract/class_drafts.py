"""A draft of the class table, from the values that masks hold."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from terrazzo.classes.matching import NOISY_DISTANCE
from terrazzo.classes.schema import IGNORE, MAX_CLASSES, ClassSchema, Color, distinct_colors
from terrazzo.classes.tables import MAX_VALUES, ClassTable
from terrazzo.scenes.contract.census import Census, colors_of
from terrazzo.scenes.contract.mask_classes import Classes
from terrazzo.scenes.contract.mask_values import BINARY_CLASSES, BINARY_VALUES, is_nearly_binary

_LEAST_SHARE = 0.001


def draft_classes(
    census: Census, classes: Classes | None, ignore_values: Collection[int] = ()
) -> tuple[ClassTable, int]:
    """A class table to edit, and how many values of the masks are not in it.

    The known classes come first, then further colours, most frequent first, as class_1, class_2, ... Of noisy masks
    only colours that stand apart are listed. For masks of ids: each value as class_VALUE, in distinct colours, and 255
    as a row that means no class. Of 0 and 255 with greys between, these two. No frequent value is left out.
    """
    if not census.is_color:
        return _draft_of_ids(census, classes, ignore_values)
    schema = classes.schema if classes else None
    names, colors, void = (schema.names, schema.colors, schema.void_colors) if schema else ((), (), ())
    unnamed = {color: count for color, count in colors_of(census).items() if color not in {*colors, *void}}
    further = _standing_apart(unnamed, colors + void) if len(unnamed) > MAX_CLASSES - len(names) else list(unnamed)
    further = further[: MAX_CLASSES - len(names)]
    numbered = tuple(f"class_{i + 1}" for i in range(len(further)))
    draft = ClassSchema(names + numbered, colors + tuple(further))
    return ClassTable(draft, tuple(range(draft.n_classes)), (), False), len(unnamed) - len(further)


def _draft_of_ids(census: Census, classes: Classes | None, ignore_values: Collection[int]) -> tuple[ClassTable, int]:
    if classes is not None:
        return _known_ids(classes, census, ignore_values), 0
    left = {value: n for value, n in census.pixels.items() if value not in ignore_values}
    ignored = tuple(("ignore", value) for value in sorted(ignore_values))
    if is_nearly_binary(census, ignore_values):
        return ClassTable(BINARY_CLASSES, BINARY_VALUES, ignored, True), len(left) - len(BINARY_VALUES)
    possible = [value for value in left if 0 <= value < MAX_VALUES and value != IGNORE]  # most frequent first
    values = sorted(possible[:MAX_CLASSES]) or [0]
    schema = ClassSchema(tuple(f"class_{value}" for value in values), distinct_colors(len(values)))
    if IGNORE in left:
        ignored = (*ignored, ("ignore", IGNORE))
    return ClassTable(schema, tuple(values), ignored, True), len({*left} - {*values, IGNORE})


def _known_ids(classes: Classes, census: Census, ignore_values: Collection[int]) -> ClassTable:
    """The known classes by their values, without those that have none; a row for each value of no class."""
    label_ids, values = classes.label_ids or (), classes.values()
    none = {value for value, i in enumerate(label_ids) if i == IGNORE and value != IGNORE}
    if classes.table is not None and is_nearly_binary(census, ignore_values):
        none = {
            *ignore_values,
            *(value for _, value in classes.table.ignored),
        }
    kept = [i for i, value in enumerate(values) if value >= 0]
    names, colors = classes.schema.names, classes.schema.colors
    also = classes.table.also if classes.table else ()
    return ClassTable(
        ClassSchema(tuple(names[i] for i in kept), tuple(colors[i] for i in kept)),
        tuple(values[i] for i in kept),
        tuple(("ignore", value) for value in sorted(none)),
        classes.label_ids is not None,
        also=tuple((value, kept.index(i)) for value, i in also),
    )


def _standing_apart(colors: Mapping[Color, int], named: Sequence[Color]) -> list[Color]:
    """The colours of noisy masks that are not noise around a more frequent or a named one, most frequent first."""
    least = _LEAST_SHARE * sum(colors.values())
    left, counts = np.array(list(colors), np.float64).reshape(-1, 3), np.array(list(colors.values()))
    for color in named:
        far = np.linalg.norm(left - color, axis=1) > NOISY_DISTANCE
        left, counts = left[far], counts[far]
    apart: list[Color] = []
    while len(left):
        far = np.linalg.norm(left - left[0], axis=1) > NOISY_DISTANCE
        # Mixtures along edges form clouds of their own, but small ones.
        if counts[~far].sum() >= least:
            apart.append((int(left[0, 0]), int(left[0, 1]), int(left[0, 2])))
        left, counts = left[far], counts[far]
    return apart
