"""The classes of a polygon layer, from the values of its class field."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from terrazzo.classes.colors import usual_colors
from terrazzo.classes.schema import IGNORE, MAX_CLASSES, ClassSchema
from terrazzo.classes.tables import means_no_class
from terrazzo.errors import ClassTableError
from terrazzo.scenes.contract.known_classes import GivenTable
from terrazzo.scenes.trees import natural_key
from terrazzo.system.reporting import how_many, listed

_SHOWN = 8


@dataclass(frozen=True)
class NamedValues:
    """The classes, the id of each value of a field (255: none), and notes."""

    schema: ClassSchema
    ids: Mapping[str, int]
    notes: tuple[str, ...]


def classes_of_field(
    values: Sequence[str | None], field: str, given: GivenTable | None, unknown: str, ignored: Sequence[str] = ()
) -> NamedValues:
    """The classes of a field's values: those of the given table, else one for each value in natural order.

    Values such as `ignore` or `nodata` are no class (`tables.means_no_class`), nor is an empty field. Raises
    ClassTableError at values that are not in the table, unless `unknown` is ignore, and at too many values.
    """
    counts = Counter(value for value in values if value is not None)
    n_empty = len(values) - counts.total()
    notes = [f"ignored: {how_many(n_empty, 'polygon')} without a value in the field {field}"] if n_empty else []
    if given is not None:
        schema, ids = given.table.schema, _ids_in_table(counts, field, given, unknown)
        notes.insert(0, f"classes: {schema.n_classes} from --classes {given.where}")
    else:
        names = sorted((value for value in counts if not means_no_class(value)), key=natural_key)
        schema = _schema(names, field, len(counts))
        ids = dict.fromkeys(counts, IGNORE) | {name: number for number, name in enumerate(names)}
        notes.insert(0, f"classes: the {len(names)} values of the field {field}")
    for value in sorted(set(counts) - {value for value, i in ids.items() if i != IGNORE}, key=natural_key):
        notes.append(f"ignored: {how_many(counts[value], 'polygon')} of {value!r}, which is no class")
    already = {value.casefold() for value, i in ids.items() if i == IGNORE} - {name.casefold() for name in schema.names}
    left = schema.without([name for name in ignored if name.casefold() not in already])
    closed = [left.names.index(name) if name in left.names else IGNORE for name in schema.names]
    closing = {value: closed[i] if i != IGNORE else IGNORE for value, i in ids.items()}
    return NamedValues(left, closing, tuple(notes))


def _schema(names: Sequence[str], field: str, n_values: int) -> ClassSchema:
    if not names:
        raise ClassTableError(f"--class-field {field}: no polygon has a value that names a class; choose another field")
    if len(names) > MAX_CLASSES:
        raise ClassTableError(
            f"--class-field {field}: holds {n_values} different values, at most {MAX_CLASSES} classes are possible; "
            "choose the field that holds classes"
        )
    return ClassSchema(tuple(names), usual_colors(names))


def _ids_in_table(counts: Mapping[str, int], field: str, given: GivenTable, unknown: str) -> dict[str, int]:
    """The id of each value in the table: by name, by name whatever the case, or by the table's ids."""
    table = given.table
    known = {name.casefold(): number for number, name in enumerate(table.schema.names)}
    known |= {name.casefold(): IGNORE for name, _ in table.ignored}
    if table.has_ids:
        by_id = {str(value): number for value, number in table.pairs()}
        by_id |= {str(value): IGNORE for _, value in table.ignored}
        known = by_id | known
    known |= {name: number for number, name in enumerate(table.schema.names)}
    ids = {value: known.get(value, known.get(value.casefold())) for value in counts}
    strange = [value for value, i in ids.items() if i is None and not means_no_class(value)]
    if strange and unknown != "ignore":
        shown = listed([f"{value!r} ({how_many(counts[value], 'polygon')})" for value in strange], _SHOWN)
        raise ClassTableError(
            f"--class-field {field}: {how_many(len(strange), 'value')} not in --classes {given.where}: {shown}; "
            "add them there, or leave their polygons out with --unknown ignore"
        )
    return {value: IGNORE if i is None else i for value, i in ids.items()}
