"""Class tables in JSON or CSV files, as people write them: names, colours, and the ids that masks use."""

import csv
import io
import json
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
from terrazzo.errors import ClassTableError

NO_CLASS_NAMES = ("ignore", "ignored", "void", "nodata", "unknown")
"""Rows of these names, blanks and dashes aside, stand for pixels without a class."""

_CHANNELS = (("r", "red"), ("g", "green"), ("b", "blue"))


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

    def with_values(self, changes: Mapping[int, int]) -> "ClassTable":
        """The table with some values replaced by others."""
        values = tuple(changes.get(value, value) for value in self.values)
        return replace(self, values=values, ignored=tuple((n, changes.get(v, v)) for n, v in self.ignored))

    def without_values(self, values: Collection[int]) -> "ClassTable":
        """The table in which the classes of these values mean no class."""
        pairs = tuple(zip(self.schema.names, self.values, strict=True))
        gone = tuple((name, value) for name, value in pairs if value in values)
        kept = tuple(value for value in self.values if value not in values)
        return replace(self, schema=self.schema.without([n for n, _ in gone]), values=kept, ignored=self.ignored + gone)


def read_table(path: Path) -> ClassTable:
    """The classes in a JSON or CSV file. Raises ClassTableError naming the file and what is wrong in it.

    JSON: a list of {name, color, id}, the same under "classes" (`title` counts as `name`), or {name: color}. CSV: a
    header with `name` and `color` (#RRGGBB) or `name`, `r`, `g`, `b`, in any order, and `id` or not. Commas or
    semicolons separate cells; blanks around them are dropped. With ids, colours may be left out.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ClassTableError(f"{path}: cannot be read as a class table ({error})") from error
    return parse_table(text, str(path))


def parse_table(text: str, where: str) -> ClassTable:
    """The classes in the text of a JSON or CSV table (see `read_table`); `where` names it in errors."""
    try:
        return _table(_json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text))
    except ClassTableError as error:
        raise ClassTableError(f"{where}: {error}") from error


def class_table_csv(schema: ClassSchema, values: Sequence[int] | None = None, ignored: Sequence[int] = ()) -> str:
    """The CSV text of a class table: name,color, or with `values` id,name,color; `parse_table` reads it back.

    Each value in `ignored` gets a row named ignore.
    """
    rows: list[tuple[Any, ...]] = list(zip(schema.names, map(format_color, schema.colors), strict=True))
    if values is not None:
        free = next(color for color in (IGNORE_COLOR, *distinct_colors(MAX_CLASSES + 1)) if color not in schema.colors)
        named = [(value, *row) for value, row in zip(values, rows, strict=True)]
        rows = [*((value, "ignore", format_color(free)) for value in ignored), *named]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("id", "name", "color")[values is None :], *rows])
    return stream.getvalue()


def means_no_class(name: str) -> bool:
    """Whether a row of this name stands for pixels without a class: `ignore`, `No data`, `void`."""
    return re.sub(r"[\s_-]", "", name.lower()) in NO_CLASS_NAMES


@dataclass(frozen=True)
class _Row:
    """One class as it stands in the table."""

    place: str
    """`line 3` of a CSV file, as editors count, or `entry 3` of a JSON list."""
    name: str
    color: str | None
    """#RRGGBB or three numbers; None where the table has no colours."""
    value: str | None
    """The id; None where the table has none."""


def _table(rows: Sequence[_Row]) -> ClassTable:
    has_ids = any(row.value is not None for row in rows)
    has_colors = any(row.color is not None for row in rows)
    colors = [parse_color(row.color or "") for row in rows] if has_colors else distinct_colors(len(rows))
    values = [_value(row) for row in rows] if has_ids else range(len(rows))
    numbered = sorted(zip(values, rows, colors, strict=True), key=lambda entry: entry[0])
    _refuse_shared(numbered)
    classes = [entry for entry in numbered if not means_no_class(entry[1].name)]
    others = [entry for entry in numbered if means_no_class(entry[1].name)]
    schema = ClassSchema(
        tuple(row.name for _, row, _ in classes),
        tuple(color for _, _, color in classes),
        tuple(dict.fromkeys(color for _, _, color in others)) if has_colors else (),
    )
    return ClassTable(
        schema, tuple(value for value, _, _ in classes), tuple((row.name, value) for value, row, _ in others), has_ids
    )


def _value(row: _Row) -> int:
    if re.fullmatch(r"-?\d{1,5}", row.value or ""):
        return int(row.value or "")
    raise ClassTableError(f"{row.place}: the id {row.value!r} of {row.name!r} is no whole number below 100000")


def _refuse_shared(numbered: Sequence[tuple[int, _Row, Color]]) -> None:
    """Raise ClassTableError, naming both, if two rows share an id, a name or a colour."""
    for i, (value, row, color) in enumerate(numbered):
        for earlier_value, earlier, earlier_color in numbered[:i]:
            both, lines = f"{earlier.name!r} and {row.name!r}", f"({earlier.place} and {row.place})"
            if value == earlier_value:
                raise ClassTableError(f"the id {value} is given to {both} {lines}; ids must be unique")
            if means_no_class(earlier.name) and means_no_class(row.name):
                continue
            if row.name == earlier.name:
                raise ClassTableError(f"the class name {row.name!r} occurs twice {lines}; names must be unique")
            if color == earlier_color:
                raise ClassTableError(
                    f"the colour {format_color(color)} is given to {both} {lines}; colours must be unique"
                )


def _json_rows(text: str) -> tuple[_Row, ...]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ClassTableError(f"not valid JSON ({error})") from error
    entries = value.get("classes", value) if isinstance(value, dict) else value
    if isinstance(entries, dict):
        entries = [{"name": name, "color": color} for name, color in entries.items()]
    if not isinstance(entries, list):
        raise ClassTableError("no list of classes in it; expected [{name, color}, ...]")
    numbered = any(isinstance(entry, dict) and "id" in entry for entry in entries)
    return tuple(_json_row(number, entry, numbered) for number, entry in enumerate(entries, start=1))


def _json_row(number: int, entry: Any, numbered: bool) -> _Row:
    name = entry.get("name", entry.get("title")) if isinstance(entry, dict) else None
    color = entry.get("color", entry.get("colour")) if isinstance(entry, dict) else None
    value = str(entry.get("id", "")) if numbered and isinstance(entry, dict) else None
    if not isinstance(name, str) or (color is None and value is None):
        raise ClassTableError(f"the entry {json.dumps(entry)[:80]} has no name and color")
    return _Row(f"entry {number}", name.strip(), None if color is None else str(color), value)


def _csv_rows(text: str) -> tuple[_Row, ...]:
    header_line = text.strip().split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in header_line else ",", skipinitialspace=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise ClassTableError(f"line {reader.line_num}: {error}; save it as plain CSV") from error
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    channels = [next((name for name in names if name in header), "") for names in _CHANNELS]
    has_color = "color" in header or all(channels)
    if "name" not in header or not (has_color or "id" in header):
        raise ClassTableError(f"its header is {', '.join(header) or 'empty'}; expected name,color or name,r,g,b")
    parsed = []
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            raise ClassTableError(f"line {number} has {len(cells)} cells, the header {len(header)}")
        row = dict(zip(header, cells, strict=True))
        color = row.get("color", " ".join(row[channel] for channel in channels) if all(channels) else None)
        parsed.append(_Row(f"line {number}", row["name"], color, row.get("id")))
    return tuple(parsed)
