"""Which classes the values in some masks are, and how that is known.

In this order: the table given by the user; a table inside the data where it agrees with the masks; a known palette.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terrazzo.errors import ClassTableError, ImageError
from terrazzo.palettes import NOISY_DISTANCE, coverage, match_palette
from terrazzo.schema import (
    IGNORE,
    MAX_CLASSES,
    ClassSchema,
    Color,
    distinct_colors,
    format_color,
    parse_class_table,
    read_class_table,
    unpack_color,
)
from terrazzo.sources.scene import Asset, Found
from terrazzo.survey import Census

AGREEMENT = 0.5
"""A table inside the data is used where more than this share of the pixels has its colours: the rest is for the label
contract to name. The table of the Dubai set agrees on 0.5 % of its pixels."""
_LEAST_SHARE = 0.001
_SHOWN = 8


@dataclass(frozen=True)
class Classes:
    """The classes of some masks, and what to tell the user about how they were found."""

    schema: ClassSchema
    notes: tuple[str, ...]


def resolve_classes(census: Census, found: Found, given: Classes | None, unknown: str) -> Classes:
    """The classes of the masks. Raises ClassTableError where they cannot be known, listing what the masks use.

    `given` are those of the user; `unknown` is the policy for other colours: under `nearest`, tables and palettes are
    compared with tolerance. Where no mask could be read, there is one class of no meaning.
    """
    colors = colors_of(census)
    noisy = unknown == "nearest"
    known = match_palette(colors, noisy) if census.is_color else None
    void = found.void_colors + (known[1].void_colors if known else ())
    if given is not None:
        return Classes(_with_void(given.schema, void), given.notes)
    if not census.pixels:
        return Classes(ClassSchema(("unknown",), distinct_colors(1)), ("classes: unknown, no mask can be read",))
    notes: list[str] = []
    if found.class_table is not None:
        schema_inside, note = _table_inside(found.class_table, census, colors, noisy)
        notes.append(note)
        if schema_inside:
            return Classes(_with_void(schema_inside, void), tuple(notes))
    if known is None:
        raise ClassTableError("; ".join([_unresolved(census, colors), *notes]))
    name, schema = known
    covered, occurring = coverage(schema, colors, noisy)
    share = covered / max(census.total, 1)
    notes.append(
        f"classes: the masks' colours match the known palette '{name}' "
        f"({occurring} of its {schema.n_classes} classes occur, {share:.2%} of the pixels)"
    )
    return Classes(_with_void(schema, void), tuple(notes))


def given_classes(table: Path) -> Classes:
    """The classes in a file of the user's. Raises ClassTableError naming the file and what is wrong in it."""
    schema = read_class_table(table)
    return Classes(schema, (f"classes: {schema.n_classes} from --classes {table}",))


def colors_of(census: Census) -> dict[Color, int]:
    """The pixels of each colour; empty for id masks."""
    return {unpack_color(value): count for value, count in census.pixels.items()} if census.is_color else {}


def draft_classes(census: Census, schema: ClassSchema | None) -> tuple[ClassSchema, int]:
    """A class table to edit, and how many of the values in the masks are not in it.

    The classes of `schema` where it is known, then every further colour in the masks (of noisy masks those that stand
    apart), most frequent first, as class_1, class_2, ...; for id masks class_0 .. class_max in distinct colours.
    """
    if not census.is_color:
        ids = [value for value in census.pixels if 0 <= value < MAX_CLASSES]
        n = max(ids, default=0) + 1
        left_out = sum(value != IGNORE for value in census.pixels) - len(ids)
        return schema or ClassSchema(tuple(f"class_{i}" for i in range(n)), distinct_colors(n)), left_out
    names, colors, void = (schema.names, schema.colors, schema.void_colors) if schema else ((), (), ())
    unnamed = {color: count for color, count in colors_of(census).items() if color not in {*colors, *void}}
    further = _standing_apart(unnamed, colors + void) if len(unnamed) > MAX_CLASSES - len(names) else list(unnamed)
    further = further[: MAX_CLASSES - len(names)]
    numbered = tuple(f"class_{i + 1}" for i in range(len(further)))
    return ClassSchema(names + numbered, colors + tuple(further)), len(unnamed) - len(further)


def value_text(census: Census, value: int) -> str:
    """A value of the masks in words: `#3C1098`, or `id 3`."""
    return format_color(unpack_color(value)) if census.is_color else f"id {value}"


def _table_inside(
    asset: Asset, census: Census, colors: Mapping[Color, int], noisy: bool
) -> tuple[ClassSchema | None, str]:
    """The table among the data's files if it agrees with the masks, and a note on it."""
    try:
        schema = parse_class_table(asset.read().decode("utf-8-sig"), asset.name)
    except (ImageError, ClassTableError, UnicodeDecodeError) as error:
        return None, f"the data's own table is not used: {error}"
    if not census.is_color:
        fitting = sum(count for value, count in census.pixels.items() if 0 <= value < schema.n_classes)
        ignored = census.pixels.get(IGNORE, 0)
        if fitting > AGREEMENT * (census.total - ignored):
            return schema, f"classes: {schema.n_classes} from the data's own {asset.name}"
        return None, f"the data's own {asset.name} is not used: its {schema.n_classes} classes are not the masks' ids"
    covered, occurring = coverage(schema, colors, noisy)
    if covered > AGREEMENT * census.total:
        return schema, f"classes: {schema.n_classes} from the data's own {asset.name}"
    missing = [format_color(color) for color in schema.colors if color not in colors]
    return None, (
        f"the data's own {asset.name} disagrees with the masks and is not used: {occurring} of its {schema.n_classes} "
        f"colours occur, on {covered / max(census.total, 1):.1%} of the pixels; not in the masks: "
        f"{', '.join(missing[:_SHOWN])}"
    )


def _standing_apart(colors: Mapping[Color, int], named: Sequence[Color]) -> list[Color]:
    """The colours of noisy masks that are no noise about a more frequent or a named one, most frequent first."""
    least = _LEAST_SHARE * sum(colors.values())
    left, counts = np.array(list(colors), np.float64).reshape(-1, 3), np.array(list(colors.values()))
    for color in named:
        far = np.linalg.norm(left - color, axis=1) > NOISY_DISTANCE
        left, counts = left[far], counts[far]
    apart: list[Color] = []
    while len(left):
        far = np.linalg.norm(left - left[0], axis=1) > NOISY_DISTANCE
        # Mixtures along edges form clouds of their own, but thin ones.
        if counts[~far].sum() >= least:
            apart.append((int(left[0, 0]), int(left[0, 1]), int(left[0, 2])))
        left, counts = left[far], counts[far]
    return apart


def _with_void(schema: ClassSchema, void: tuple[Color, ...]) -> ClassSchema:
    """The schema with further void colours, where they are no class of its own."""
    further = dict.fromkeys(color for color in schema.void_colors + void if color not in schema.colors)
    return ClassSchema(schema.names, schema.colors, tuple(further))


def _unresolved(census: Census, colors: Mapping[Color, int]) -> str:
    """One line on masks of unknown meaning: their values with shares, and what to do."""
    most = list(census.pixels.items())[:_SHOWN]
    shares = ", ".join(f"{value_text(census, value)} {count / census.total:.1%}" for value, count in most)
    more = f" and {len(census.pixels) - _SHOWN} more" if len(census.pixels) > _SHOWN else ""
    what = "colours" if census.is_color else "ids"
    if census.is_color and (tolerant := match_palette(colors, noisy=True)):
        hint = f"with --unknown nearest they match the known palette '{tolerant[0]}'; or write"
    else:
        hint = "write"
    reason = "match no known palette" if census.is_color else "need a table of classes"
    return (
        f"the masks' {len(census.pixels)} {what} {reason}: {shares}{more}; {hint} a table with "
        "`terrazzo inspect DATA --write-classes classes.csv`, edit it, and give it as --classes classes.csv"
    )
