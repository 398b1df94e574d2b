"""Class tables in files, as people and tools write them: names, colours, and the ids that masks use."""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from terrazzo.classes.schema import (
    IGNORE_COLOR,
    MAX_CLASSES,
    ClassSchema,
    Color,
    distinct_colors,
    format_color,
    parse_color,
)
from terrazzo.classes.table_forms.registry import WAYS, rows_of
from terrazzo.classes.table_forms.row import Row, is_whole
from terrazzo.errors import ClassTableError

NO_CLASS_NAMES = ("ignore", "ignored", "void", "nodata", "unknown")
"""Rows of these names, blanks and dashes aside, stand for pixels without a class."""

TABLE_NAMES = (
    *("classes.json", "classes.csv", "class_dict.csv", "class_dict_seg.csv", "label_class_dict.csv", "_classes.csv"),
    *("labelmap.txt", "labels.csv", "legend.csv", "class_names.csv", "label_map.json", "colormap.csv", "color_map.csv"),
    *("label_colors.txt", "obj_class_to_machine_color.json", "meta.json", "classes.yaml", "classes.yml", "classes.txt"),
    *("class_names.txt", "label_map.txt", "labels.txt", "id2label.json", "labels.json", "data.yaml", "dataset.json"),
)
"""What files of classes are called inside data sets; of two in one folder the one named first here is tried first."""

MAX_VALUES = 1 << 16
"""Masks hold values below this."""


@dataclass(frozen=True)
class ClassTable:
    """The classes in a file, and the value of each in masks of ids."""

    schema: ClassSchema
    """Without the rows that mean no class (`NO_CLASS_NAMES`), whose colours are void."""
    values: tuple[int, ...]
    """The value of each class in masks of ids: its id in the table, or without ids its row, from 0."""
    ignored: tuple[tuple[str, int], ...]
    """Name and value of each row that means no class."""
    has_ids: bool
    """Whether the table has a column of ids; if so, it gives the order of the classes."""
    has_colors: bool = False
    """Whether the colours are the table's own."""
    also: tuple[tuple[int, int], ...] = ()
    """Further values that mean a class, with its number: rows of one name are one class."""

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Every value of a class with the class's number."""
        return (*((value, number) for number, value in enumerate(self.values)), *self.also)

    def notes(self) -> list[str]:
        """A line for each class of several rows."""
        lines = []
        for number, name in enumerate(self.schema.names):
            values = [str(self.values[number]), *(str(value) for value, i in self.also if i == number)]
            tints = [self.schema.colors[number], *(color for color, i in self.schema.merged if i == number)]
            told = [f"the values {', '.join(values)}"] if len(values) > 1 and self.has_ids else []
            told += [f"the colours {', '.join(map(format_color, tints))}"] if len(tints) > 1 else []
            if told:
                lines.append(f"classes: {name!r} stands in several rows, which are merged: {' and '.join(told)}")
        return lines

    def with_values(self, changes: Mapping[int, int]) -> "ClassTable":
        """The table with some values replaced by others."""
        return replace(
            self,
            values=tuple(changes.get(value, value) for value in self.values),
            ignored=tuple((name, changes.get(value, value)) for name, value in self.ignored),
            also=tuple((changes.get(value, value), number) for value, number in self.also),
        )

    def without_values(self, values: Collection[int]) -> "ClassTable":
        """The table in which these values mean no class."""
        names = self.schema.names
        gone = tuple((names[number], value) for value, number in self.pairs() if value in values)
        kept = [(value, number) for value, number in self.pairs() if value not in values]
        left = sorted({number for _, number in kept})
        first = {number: next(value for value, n in kept if n == number) for number in left}
        return replace(
            self,
            schema=self.schema.without([name for number, name in enumerate(names) if number not in left]),
            values=tuple(first.values()),
            ignored=self.ignored + gone,
            also=tuple((value, left.index(number)) for value, number in kept if value != first[number]),
        )


def read_table(path: Path) -> ClassTable:
    """The classes in a file. Raises ClassTableError naming the file and what is wrong in it.

    `table_forms.registry.FORMS` are the forms that are read; which one it is, the text shows, not the file's suffix.
    Rows of equal names are one class. With ids, colours may be left out; without either, the rows count from 0.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        why = error.strerror or error
        raise ClassTableError(f"{path}: cannot be read as a class table ({why}); give a file with {WAYS}") from error
    return parse_table(table_text(raw, str(path)), str(path))


def table_text(raw: bytes, where: str) -> str:
    """The text of a table's file: UTF-8, or UTF-16 with its mark. Raises ClassTableError naming the file."""
    try:
        return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "a workbook" if raw[:2] == b"PK" or raw[:4] == b"\xd0\xcf\x11\xe0" else "no UTF-8 text"
        raise ClassTableError(
            f"{where}: cannot be read as a class table (it is {kind}); save it as CSV in UTF-8, with {WAYS}"
        ) from error


def parse_table(text: str, where: str) -> ClassTable:
    """The classes in the text of a table (see `read_table`); `where` names it in errors."""
    try:
        return _table(rows_of(text))
    except ClassTableError as error:
        ways = "" if WAYS in str(error) else f"; expected {WAYS}"
        raise ClassTableError(f"{where}: {error}{ways}") from error


def class_table_csv(
    schema: ClassSchema,
    values: Sequence[int] | None = None,
    ignored: Sequence[int] = (),
    also: Sequence[tuple[int, int]] = (),
) -> str:
    """The CSV text of a class table: name,color, or with `values` id,name,color; `parse_table` reads it back.

    Each value in `ignored` gets a row named ignore, each pair in `also` (value, number of the class) a further row.
    """
    rows: list[tuple[Any, ...]] = list(zip(schema.names, map(format_color, schema.colors), strict=True))
    if values is None:
        rows += [(schema.names[number], format_color(color)) for color, number in schema.merged]
    else:
        free = next(color for color in (IGNORE_COLOR, *distinct_colors(MAX_CLASSES + 1)) if color not in schema.colors)
        numbered = [*((value, *row) for value, row in zip(values, rows, strict=True))]
        numbered += [(value, *rows[number]) for value, number in also]
        rows = [*((value, "ignore", format_color(free)) for value in ignored), *numbered]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("id", "name", "color")[values is None :], *rows])
    return stream.getvalue()


def means_no_class(name: str) -> bool:
    """Whether a row of this name stands for pixels without a class: `ignore`, `No data`, `void`."""
    return re.sub(r"[\s_-]", "", name.lower()) in NO_CLASS_NAMES


def _table(rows: Sequence[Row]) -> ClassTable:
    has_ids = any(row.value is not None for row in rows)
    has_colors = any((row.color or "").strip() for row in rows)
    colors = [parse_color(row.color or "") for row in rows] if has_colors else distinct_colors(len(rows))
    numbered = list(zip([_value(row) for row in rows] if has_ids else range(len(rows)), rows, colors, strict=True))
    if max((value for value, _, _ in numbered), default=0) < MAX_VALUES:  # greater ids are those of a database
        numbered.sort(key=lambda entry: entry[0])
    _refuse_shared(numbered, has_colors)
    classes = [entry for entry in numbered if not means_no_class(entry[1].name)]
    others = [entry for entry in numbered if means_no_class(entry[1].name)]
    names = tuple(dict.fromkeys(row.name for _, row, _ in classes))
    first = {row.name: (value, color) for value, row, color in reversed(classes)}
    own = {color for _, color in first.values()}
    merged = {color: names.index(row.name) for _, row, color in classes if has_colors and color not in own}
    schema = ClassSchema(
        names,
        tuple(first[name][1] for name in names),
        tuple(dict.fromkeys(color for _, _, color in others)) if has_colors else (),
        tuple(merged.items()),
    )
    return ClassTable(
        schema,
        tuple(first[name][0] for name in names),
        tuple((row.name, value) for value, row, _ in others),
        has_ids,
        has_colors,
        tuple((value, names.index(row.name)) for value, row, _ in classes if value != first[row.name][0]),
    )


def _value(row: Row) -> int:
    if is_whole(row.value or ""):
        return int(float(row.value or ""))
    raise ClassTableError(f"{row.place}: the id {row.value!r} of {row.name!r} is no whole number")


def _refuse_shared(numbered: Sequence[tuple[int, Row, Color]], has_colors: bool) -> None:
    """Raise ClassTableError, naming both, if two classes share an id or a colour."""
    for i, (value, row, color) in enumerate(numbered):
        if not row.name.strip():
            raise ClassTableError(f"{row.place}: the name is empty")
        for earlier_value, earlier, earlier_color in numbered[:i]:
            both, lines = f"{earlier.name!r} and {row.name!r}", f"({earlier.place} and {row.place})"
            if row.name == earlier.name or (means_no_class(earlier.name) and means_no_class(row.name)):
                continue
            if value == earlier_value:
                raise ClassTableError(f"the id {value} is given to {both} {lines}; ids must be unique")
            if has_colors and color == earlier_color:
                raise ClassTableError(
                    f"the colour {format_color(color)} is given to {both} {lines}; colours must be unique"
                )
