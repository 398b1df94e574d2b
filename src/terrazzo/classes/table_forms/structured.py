"""Tables as JSON or YAML values: lists of classes, and mappings between ids, names and colours either way."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from terrazzo.classes.table_forms.row import Row, columns_of, is_whole
from terrazzo.errors import ClassTableError

_INSIDE = ("classes", "names", "categories", "labels", "id2label", "label2id", "classnames", "labelmap", "classmap")
"""Keys below which tools keep their classes, the most usual first. Case, blanks and dashes do not count."""
_NONE = "no list of classes in it; expected [{name, color}, ...], {id: name} or {name: color}"


def looks_like_json(text: str) -> bool:
    """Whether the text begins as JSON does."""
    return text.lstrip()[:1] in ("{", "[")


def json_rows(text: str) -> tuple[Row, ...]:
    """The classes in a JSON text. Raises ClassTableError."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ClassTableError(f"not valid JSON ({error})") from error
    return rows_of_value(value)


def looks_like_yaml(text: str) -> bool:
    """Whether the first line of the text, comments aside, is `key:`, `key: value` or `- value`."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    lines = [line for line in lines if line.strip() != "---"]
    return bool(lines) and re.match(r"- |[^\s,;:\t][^,;\t:]*:(\s|$)", lines[0].strip()) is not None


def yaml_rows(text: str) -> tuple[Row, ...]:
    """The classes in a YAML text. Raises ClassTableError."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ClassTableError(f"not valid YAML ({' '.join(str(error).split())})") from error
    return rows_of_value(value)


def rows_of_value(value: Any) -> tuple[Row, ...]:
    """The classes in a JSON or YAML value.

    - `[{name, color, id}, ...]`, `[[name, color], ...]`, `[name, ...]`
    - `{id: name}`, `{name: id}`, `{name: color}`, `{color: name}`
    - `{id: [name, color]}`, `{id: {name, color}}`, `{name: {id, color}}`
    - one of these below `classes`, `names`, `categories`, `labels`
    - a list of names beside a list of colours called `palette`

    Raises ClassTableError.
    """
    entries = _entries(value)
    if isinstance(entries, dict):
        return _of_mapping(entries)
    if not isinstance(entries, list):
        raise ClassTableError(_NONE)
    if entries and all(isinstance(entry, str) for entry in entries):
        colors = _beside(value, "palette", len(entries))
        return tuple(
            Row(f"entry {i + 1}", name.strip(), None if colors is None else colors[i]) for i, name in enumerate(entries)
        )
    if entries and all(isinstance(entry, list) and _named(entry) for entry in entries):
        entries = [_named(entry) for entry in entries]
    return _of_list(entries)


def _entries(value: Any) -> Any:
    """What is below the first key of `_INSIDE`, there or one level deeper; else the value itself."""
    if not isinstance(value, dict):
        return value
    for inside in (value, *(below for below in value.values() if isinstance(below, dict))):
        keyed = {re.sub(r"[\s_-]", "", str(key).lower()): key for key in inside}
        for key in _INSIDE:
            if key in keyed and isinstance(inside[keyed[key]], list | dict):
                return inside[keyed[key]]
            if key in keyed and inside is value:
                raise ClassTableError(_NONE)
    return value


def _of_list(entries: Sequence[Any]) -> tuple[Row, ...]:
    for entry in entries:
        if not isinstance(entry, dict):
            raise _no_class(entry)
    header = list(dict.fromkeys(str(key) for entry in entries for key in entry))
    body = [[_text({str(k): v for k, v in entry.items()}.get(key)) for key in header] for entry in entries]
    columns = columns_of(header, body)
    rows = []
    for number, (entry, cells) in enumerate(zip(entries, body, strict=True), start=1):
        if columns.name is None or not cells[columns.name] or (columns.value is None and not columns.color):
            raise _no_class(entry)
        row = columns.row(f"entry {number}", cells)
        if columns.color and not (row.color or "").strip() and columns.value is None:
            raise _no_class(entry)
        rows.append(row)
    return tuple(rows)


def _named(parts: Sequence[Any]) -> dict[str, Any]:
    """The name among the parts of a list, with its colour and id if they are there; empty without a name."""
    names = [part for part in parts if isinstance(part, str) and not _is_color(part.strip())]
    colors = [part for part in parts if isinstance(part, list) or (isinstance(part, str) and part not in names)]
    if len(names) != 1:
        return {}
    return {"name": names[0]} | ({"color": colors[0]} if colors else {})


def _no_class(entry: Any) -> ClassTableError:
    return ClassTableError(f"the entry {json.dumps(entry, default=str)[:80]} has no name and color")


def _of_mapping(entries: Mapping[Any, Any]) -> tuple[Row, ...]:
    keys, values = [str(key).strip() for key in entries], list(entries.values())
    if values and all(isinstance(value, dict) for value in values):
        by_id = all(map(is_whole, keys))
        return _of_list([{"id" if by_id else "name": key} | value for key, value in zip(keys, values, strict=True)])
    if values and all(isinstance(value, list) and _named(value) for value in values):
        by_id = all(map(is_whole, keys))
        return _of_list(
            [_named(value) | ({"id": key} if by_id else {}) for key, value in zip(keys, values, strict=True)]
        )
    texts = [_text(value) for value in values]
    rows = []
    for number, (key, text) in enumerate(zip(keys, texts, strict=True), start=1):
        place = f"entry {number}"
        if all(map(is_whole, keys)):
            rows.append(Row(place, text, None, key))
        elif all(map(is_whole, texts)):
            rows.append(Row(place, key, None, text))
        elif all(map(_is_color, keys)) and not all(map(_is_color, texts)):
            rows.append(Row(place, text, key))
        else:
            rows.append(Row(place, key, text))
    return tuple(rows)


def _beside(value: Any, key: str, n: int) -> list[str] | None:
    """The list of `n` colours below a key, as texts."""
    found = value.get(key) if isinstance(value, dict) else None
    return [_text(color) for color in found] if isinstance(found, list) and len(found) == n else None


def _text(value: Any) -> str:
    """A scalar or a colour as a table writes it; other values are empty."""
    if isinstance(value, list | tuple) and all(isinstance(part, int | float) for part in value):
        return " ".join(str(int(part)) for part in value[:3])
    if isinstance(value, dict) and {"r", "g", "b"} <= value.keys():
        return " ".join(str(value[channel]) for channel in "rgb")
    return "" if value is None or isinstance(value, list | dict) else str(value).strip()


def _is_color(text: str) -> bool:
    return re.fullmatch(r"#[0-9a-fA-F]{6}|[\[(]?\s*\d+([\s,]+\d+){2}\s*[\])]?", text) is not None
