"""The classes of masks, and where they are known from.

Sources, in this order:

- the palette or table that the user gives
- the classes that the layout fixes
- a table inside the data if it agrees with the masks
- a known palette that is sure
"""

import posixpath
from dataclasses import replace

from terrazzo.classes.given import GivenTable
from terrazzo.classes.matching import PaletteMatch, coverage, match_palette
from terrazzo.classes.palettes import PALETTES
from terrazzo.classes.schema import IGNORE, IGNORE_COLOR, ClassSchema, Color, distinct_colors, format_color
from terrazzo.classes.table_forms.registry import WAYS
from terrazzo.classes.tables import MAX_VALUES, ClassTable, parse_table, table_text
from terrazzo.errors import ClassTableError, ImageError
from terrazzo.scenes.contract.census import Census, colors_of
from terrazzo.scenes.contract.id_tables import IdTable, id_table
from terrazzo.scenes.contract.mask_classes import Classes, by_name
from terrazzo.scenes.contract.mask_values import (
    BINARY_CLASSES,
    BINARY_NOTE,
    BINARY_VALUES,
    NEARLY_NOTE,
    class_of_values,
    grey_edges,
    is_binary,
    is_nearly_binary,
    unnamed_greys,
)
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.unresolved import unresolved
from terrazzo.scenes.pairing.folders import class_tables
from terrazzo.scenes.scene import Asset, Found
from terrazzo.system.reporting import how_many, listed

AGREEMENT = 0.5
"""A table inside the data is used if more than this share of the pixels has its colours; the label contract reports the
rest. The table of the Dubai set agrees on 0.5 % of its pixels."""
_SHOWN = 8
_COMPARED = 20
"""Tables of one name that are compared with one another at most."""


def resolve_classes(
    census: Census, found: Found, given: GivenTable | None, options: LabelOptions, data: str = "DATA"
) -> Classes:
    """The classes of the masks. Raises ClassTableError, listing the values of the masks, if they cannot be known.

    `given` is the user's table. Under the policy `nearest` for unknown colours, tables and palettes are compared with
    tolerance. If no mask can be read, there is one class without meaning. `data` are the words that name the masks in
    a command, for errors.
    """
    if options.ignore_value and census.is_color and census.pixels:
        raise ClassTableError(
            f"--ignore-value {min(options.ignore_value)}: the masks hold colours, not ids; "
            "name that colour's row in the class table 'ignore'"
        )
    if options.palette is not None:
        return _asked_palette(options.palette, census, found)
    if given is not None and given.takes_more:
        return _of_model(given, census, found, options)
    if given is not None:
        _check_enough(given.table.schema, found)
        note = f"classes: {given.table.schema.n_classes} from {given.named}"
        classes = _of_table(given.table, census, options, given.where)
        void = found.void_colors + _void_of(classes.schema)
        return replace(classes, schema=_with_void(classes.schema, void), notes=(note, *classes.notes))
    if found.classes is not None:
        if found.classes.schema is None:
            raise ClassTableError(found.classes.note)
        return Classes(_with_void(found.classes.schema, found.void_colors), (found.classes.note,))
    if not census.pixels:
        return Classes(ClassSchema(("unknown",), distinct_colors(1)), ("classes: unknown, no mask can be read",))
    notes: list[str] = []
    if found.class_table is not None:
        inside, notes = _table_inside(found.class_table, census, options)
        if inside is not None:
            void = found.void_colors + _void_of(inside.schema)
            return replace(inside, schema=_with_void(inside.schema, void), notes=(*notes, *inside.notes))
    if not census.is_color:
        return _of_two_values(census, options, notes, data)
    match = match_palette(colors_of(census), options.unknown == "nearest")
    if match.name is None or match.schema is None:
        raise ClassTableError("; ".join([unresolved(census, match, data), *notes]))
    notes.append(
        f"classes: the masks match the known palette '{match.name}' ({_occurring(match.schema, census, options)})"
    )
    return Classes(_with_void(match.schema, found.void_colors), tuple(notes))


def _asked_palette(name: str, census: Census, found: Found) -> Classes:
    """The classes of the palette that the user asks for."""
    if found.classes is not None:
        raise ClassTableError(
            f"--palette {name}: the layout {found.layout} has classes of its own; leave it out, or choose --layout flat"
        )
    if not census.is_color:
        raise ClassTableError(
            f"--palette {name}: the masks hold ids, not colours; give a table of their values (id,name) with --classes"
        )
    schema = PALETTES[name]
    covered, n_classes = coverage(schema, colors_of(census))
    about = f"{n_classes} of {schema.n_classes} classes occur, {covered / max(census.total, 1):.2%} of the pixels"
    return Classes(_with_void(schema, found.void_colors), (f"classes: those of --palette {name} ({about})",))


def _of_two_values(census: Census, options: LabelOptions, notes: list[str], data: str) -> Classes:
    """The classes of masks of ids without a table: background and foreground where they hold 0 and 255."""
    ignored = options.ignore_value
    nearly = is_nearly_binary(census, ignored) and options.unknown != "error"
    if not (is_binary(census, ignored) or nearly) or set(ignored) & set(BINARY_VALUES):
        raise ClassTableError("; ".join([unresolved(census, PaletteMatch(None, (), 0), data), *notes]))
    table = ClassTable(BINARY_CLASSES, BINARY_VALUES, (), True, True)
    classes = _of_id_table(IdTable(table, greys=True), census, options)
    what = NEARLY_NOTE if nearly else BINARY_NOTE
    return replace(classes, notes=(*notes, f"classes: {what.format(*BINARY_CLASSES.names)}", *classes.notes))


def _of_model(given: GivenTable, census: Census, found: Found, options: LabelOptions) -> Classes:
    """A model's classes for these masks: by the names of a table inside the data, else by the model's ids or colours.

    An id that no table names is the model's own.
    """
    notes: list[str] = []
    if found.class_table is not None:
        inside, notes = _table_inside(found.class_table, census, options)
        if inside is not None:
            named = replace(inside, notes=(*notes, *inside.notes))
            return by_name(named, given, census.is_color)
    table = given.table
    label_ids = class_of_values(table, census, options.unknown, options.ignore_value)
    note = f"classes: {table.schema.n_classes} from {given.named}"
    void = (*found.void_colors, IGNORE_COLOR)
    return Classes(_with_void(table.schema, void), (note, *notes), label_ids, (), table)


def _of_table(table: ClassTable, census: Census, options: LabelOptions, where: str) -> Classes:
    """The classes of a table for these masks, with notes on how it was read and on the values that mean no class."""
    if census.is_color:
        if not table.has_colors and census.pixels:
            raise ClassTableError(
                f"{where}: it has no colours, but the masks hold {len(census.pixels)} colours; "
                f"add a column of colours ({WAYS})"
            )
        far = [value for value, _ in table.pairs() if value >= MAX_VALUES] if table.has_ids else []
        dropped = f"classes: the ids of {where} are no values of masks and are dropped, e.g. {far[0]}" if far else None
        notes = [*([dropped] if dropped else []), *table.notes()]
        notes += [f"classes: {name!r} (by its colour) means no class" for name, _ in table.ignored]
        return Classes(table.schema, tuple(notes), None, tuple(name for name, _ in table.ignored))
    return _of_id_table(id_table(table, census, options.ignore_value, where), census, options, where)


def _of_id_table(read: IdTable, census: Census, options: LabelOptions, where: str = "") -> Classes:
    """The classes of a table whose values are those of the masks. Raises ClassTableError at greys along edges."""
    table, ignored = read.table, options.ignore_value
    between = unnamed_greys(table, census, ignored) if read.greys else {}
    greys = read.greys and (options.unknown == "nearest" or is_nearly_binary(census, ignored))
    if between and greys and options.unknown == "error" and options.bad == "error":
        raise ClassTableError(f"{where}: {grey_edges(census, ignored)}")
    notes = [*read.notes, *table.notes()]
    notes += [f"classes: {name!r} (the value {value}) means no class" for name, value in table.ignored]
    if between and options.unknown == "nearest":
        ends = listed([str(value) for value in sorted(value for value, _ in table.pairs() if value >= 0)], _SHOWN)
        notes.append(
            f"nearest: {how_many(sum(between.values()), 'pixel')} ({sum(between.values()) / census.total:.2%}) "
            f"of {how_many(len(between), 'grey')} taken for the nearest of the table's values {ends}"
        )
    label_ids = class_of_values(table, census, options.unknown, ignored, read.greys)
    return Classes(table.schema, tuple(notes), label_ids, tuple(name for name, _ in table.ignored), table)


def _table_inside(first: Asset, census: Census, options: LabelOptions) -> tuple[Classes | None, list[str]]:
    """The classes of the first table among the data's files that agrees with the masks, and notes on those before."""
    notes: list[str] = []
    for asset in class_tables(first.tree):
        classes, about = _of_asset(asset, census, options)
        if classes is not None:
            return classes, notes
        notes += about
    return None, notes


def _of_asset(asset: Asset, census: Census, options: LabelOptions) -> tuple[Classes | None, list[str]]:
    """The classes of one table among the data's files, or None and why it is not used."""
    colors = colors_of(census)
    try:
        table = parse_table(table_text(asset.read(), asset.name), asset.name)
        twin = _other_text(asset)
        if twin is not None:
            return None, [f"the data's own {asset.name} is not used: {twin} differs; give the right one as --classes"]
    except (ImageError, ClassTableError) as error:
        return None, [f"the data's own table is not used: {error}"]
    schema = table.schema
    used = f"classes: {schema.n_classes} from the data's own {asset.name}"
    if not census.is_color:
        read, why = _read_inside(table, census, options, asset)
        if read is None:
            return None, [f"the data's own {asset.name} is not used: {why}"]
        classes = _of_id_table(read, census, options, asset.where)
        return replace(classes, notes=(used, *classes.notes)), []
    covered, occurring = coverage(schema, colors, options.unknown == "nearest")
    if table.has_colors and covered > AGREEMENT * census.total:
        classes = _of_table(table, census, options, asset.where)
        return replace(classes, notes=(used, *classes.notes)), []
    if not table.has_colors:
        return None, [f"the data's own {asset.name} is not used: it has no colours, and the masks hold colours"]
    missing = [format_color(color) for color in schema.colors if color not in colors]
    return None, [
        f"the data's own {asset.name} is not used: {occurring} of its {schema.n_classes} colours occur, "
        f"on {covered / max(census.total, 1):.1%} of the pixels",
        f"the data's own {asset.name}: not in the masks: {listed(missing, _SHOWN)}",
    ]


def _other_text(asset: Asset) -> str | None:
    """A table of the same name and depth, as in the folders of a split, that says something else."""
    place = (asset.name.count("/"), posixpath.basename(asset.name))
    twins = [name for name in asset.tree.files() if (name.count("/"), posixpath.basename(name)) == place]
    return next((name for name in twins[:_COMPARED] if asset.tree.read(name) != asset.read()), None)


def _read_inside(table: ClassTable, census: Census, options: LabelOptions, asset: Asset) -> tuple[IdTable | None, str]:
    """The data's own table for masks of ids, or None and why it does not fit them."""
    try:
        read = id_table(table, census, options.ignore_value, asset.name)
    except ClassTableError as error:
        return None, str(error).removeprefix(f"{asset.name}: ")
    values, none = {value for value, _ in read.table.pairs()}, {value for _, value in read.table.ignored}
    fitting = sum(count for value, count in census.pixels.items() if value in values)
    ignored = sum(census.pixels.get(value, 0) for value in ({IGNORE} | none) - values)
    if fitting > AGREEMENT * (census.total - ignored):
        return read, ""
    return None, f"its {table.schema.n_classes} classes are not the masks' ids"


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
    own = {*schema.colors, *(color for color, _ in schema.merged)}
    further = dict.fromkeys(color for color in schema.void_colors + void if color not in own)
    return replace(schema, void_colors=tuple(further))


def _void_of(schema: ClassSchema) -> tuple[Color, ...]:
    """The void colours of the known palettes whose colours a table has, all of them: fewer may be chance."""
    own = {*schema.colors}
    return tuple(color for known in PALETTES.values() if own.issuperset(known.colors) for color in known.void_colors)


def _occurring(schema: ClassSchema, census: Census, options: LabelOptions) -> str:
    covered, n_classes = coverage(schema, colors_of(census), options.unknown == "nearest")
    return f"{n_classes} of {schema.n_classes} classes occur, {covered / max(census.total, 1):.2%} of the pixels"
