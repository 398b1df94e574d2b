"""The classes of polygons, from the name that each has: the value of a layer's field, or an annotation's label."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from terrazzo.classes.colors import usual_colors
from terrazzo.classes.given import GivenTable
from terrazzo.classes.schema import IGNORE, MAX_CLASSES, ClassSchema
from terrazzo.classes.tables import means_no_class
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.mask_classes import note_on_more
from terrazzo.scenes.trees import natural_key
from terrazzo.system.reporting import how_many, listed

_SHOWN = 8


@dataclass(frozen=True)
class Naming:
    """Where polygons have their class names, and what the user says of them."""

    where: str
    """The option or file for errors: `--class-field landuse`."""
    source: str
    """For notes: `the field landuse`."""
    given: GivenTable | None = None
    unknown: str = "error"
    ignored: tuple[str, ...] = ()
    background: str | None = None
    """The class of pixels outside every polygon."""
    order: tuple[str, ...] = ()
    """All names in an order of their own; empty: natural order."""


@dataclass(frozen=True)
class NamedValues:
    """The classes, the id of each value of a field (255: none), and notes."""

    schema: ClassSchema
    ids: Mapping[str, int]
    notes: tuple[str, ...]


def classes_of_values(values: Sequence[str | None], naming: Naming) -> NamedValues:
    """The classes of the polygons' names: those of the given table, else one for each name in natural order.

    Values such as `ignore` or `nodata` are no class (`tables.means_no_class`), nor is an empty one. A background is
    the first class, unless a polygon or the table has its name. Raises ClassTableError at values that are not in the
    table, unless `unknown` is ignore, and at too many values.
    """
    counts = Counter(value for value in values if value is not None)
    n_empty = len(values) - counts.total()
    given, source, background = naming.given, naming.source, naming.background
    notes = [f"ignored: {how_many(n_empty, 'polygon')} without a value in {source}"] if n_empty else []
    if given is not None:
        notes.insert(0, f"classes: {given.table.schema.n_classes} from {given.named}")
        more = _lacking(counts, given) if given.takes_more and naming.unknown != "ignore" else []
        if more:
            _refuse_many(given.table.schema.n_classes + len(more), naming, len(counts))
            given = given.with_more(more)
            notes.insert(1, note_on_more(given, more, how_many(sum(counts[name] for name in more), "polygon")))
        schema, ids = given.table.schema, _ids_in_table(counts, naming, given)
        if background is not None and background not in schema.names:
            remedy = f"it has {listed(schema.names, _SHOWN)}" if given.takes_more else "add it there"
            raise ClassTableError(f"--background {background}: is not in {given.named}; {remedy}")
    else:
        names = list(naming.order or sorted(counts, key=natural_key))
        names = [value for value in names if not means_no_class(value)]
        found = f"classes: the {len(names)} values of {source}"
        if background is not None and background not in names:
            names.insert(0, background)
            found += f", and {background!r} outside every polygon (--background)"
        schema = _schema(names, naming, len(counts))
        ids = dict.fromkeys(counts, IGNORE) | {name: number for number, name in enumerate(names)}
        notes.insert(0, found)
    for value in sorted(set(counts) - {value for value, i in ids.items() if i != IGNORE}, key=natural_key):
        notes.append(f"ignored: {how_many(counts[value], 'polygon')} of {value!r}, which is no class")
    if background is not None:
        ids = ids | {background: schema.names.index(background)}
    already = {value.casefold() for value, i in ids.items() if i == IGNORE} - {name.casefold() for name in schema.names}
    left = schema.without([name for name in naming.ignored if name.casefold() not in already])
    closed = [left.names.index(name) if name in left.names else IGNORE for name in schema.names]
    closing = {value: closed[i] if i != IGNORE else IGNORE for value, i in ids.items()}
    return NamedValues(left, closing, tuple(notes))


def _schema(names: Sequence[str], naming: Naming, n_values: int) -> ClassSchema:
    if not names:
        raise ClassTableError(f"{naming.where}: no polygon has a value that names a class; choose another field")
    _refuse_many(len(names), naming, n_values)
    return ClassSchema(tuple(names), usual_colors(names))


def _refuse_many(n_classes: int, naming: Naming, n_values: int) -> None:
    if n_classes > MAX_CLASSES:
        raise ClassTableError(
            f"{naming.where}: holds {n_values} different values, at most {MAX_CLASSES} classes are possible; "
            "choose the field that holds classes"
        )


def _lacking(values: Iterable[str], given: GivenTable) -> list[str]:
    """The values that name a class which the table lacks, in natural order."""
    known = _known(given)
    lacking = (value for value in values if value not in known and value.casefold() not in known)
    return sorted((value for value in lacking if not means_no_class(value)), key=natural_key)


def _known(given: GivenTable) -> dict[str, int]:
    """The id of each word that means a class of the table: its names, these in lower case, and the table's ids."""
    table = given.table
    known = {name.casefold(): number for number, name in enumerate(table.schema.names)}
    known |= {name.casefold(): IGNORE for name, _ in table.ignored}
    if table.has_ids:
        by_id = {str(value): number for value, number in table.pairs()}
        by_id |= {str(value): IGNORE for _, value in table.ignored}
        known = by_id | known
    return known | {name: number for number, name in enumerate(table.schema.names)}


def _ids_in_table(counts: Mapping[str, int], naming: Naming, given: GivenTable) -> dict[str, int]:
    """The id of each value in the table: by name, by name whatever the case, or by the table's ids."""
    known = _known(given)
    ids = {value: known.get(value, known.get(value.casefold())) for value in counts}
    strange = [value for value, i in ids.items() if i is None and not means_no_class(value)]
    if strange and naming.unknown != "ignore":
        shown = listed([f"{value!r} ({how_many(counts[value], 'polygon')})" for value in strange], _SHOWN)
        raise ClassTableError(
            f"{naming.where}: {how_many(len(strange), 'value')} not in {given.named}: {shown}; "
            "add them there, or leave their polygons out with --unknown ignore"
        )
    return {value: IGNORE if i is None else i for value, i in ids.items()}
