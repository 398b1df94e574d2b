"""One class as it stands in a table, whatever the table's form, and its columns known by their headings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_IDS = (
    *("id", "value", "values", "pixelvalue", "pixel", "rastervalue", "gridcode", "code", "index", "idx", "ids"),
    *("classid", "classvalue", "classcode", "classindex", "labelid", "labelvalue", "labelcode", "labelindex"),
    *("categoryid", "categoryvalue", "maskvalue", "grayvalue", "greyvalue", "graylevel", "greylevel", "gray", "grey"),
    *("number", "no", "nr", "key", "dn", "classnumber", "trainid"),
)
_NAMES = (
    *("name", "names", "title", "classname", "classnames", "labelname", "categoryname", "displayname", "landcover"),
    *("description", "desc", "meaning", "legend", "type"),
)
_EITHER = ("class", "label", "category", "classes", "labels")
"""Headings of names, or of ids where another column has the names."""
_COLORS = (
    *("color", "colour", "hex", "rgb", "colorhex", "colourhex", "hexcolor", "hexcolour", "hexcode", "rgbcolor"),
    *("colorrgb", "rgbvalue", "rgbvalues", "colorcode", "colourcode", "colors", "colours", "palette"),
)
_CHANNELS = (("r", "red"), ("g", "green"), ("b", "blue"))


@dataclass(frozen=True)
class Row:
    """One class as it stands in the table."""

    place: str
    """`line 3` of a text, as editors count, or `entry 3` of a list."""
    name: str
    color: str | None = None
    """As written; None where the table has no colours."""
    value: str | None = None
    """The id as written; None where the table has none."""


@dataclass(frozen=True)
class Columns:
    """Where names, ids and colours stand in a table; `color` has one column, or three for red, green and blue."""

    name: int | None
    value: int | None
    color: tuple[int, ...]

    def row(self, place: str, cells: Sequence[str]) -> Row:
        """One class. The table must have names."""
        color = " ".join(cells[i] for i in self.color) if self.color else None
        return Row(place, cells[self.name or 0], color, None if self.value is None else cells[self.value])


def columns_of(header: Sequence[str], body: Sequence[Sequence[str]]) -> Columns:
    """The columns by their headings; a heading such as `class`, used for ids and names alike, by its cells.

    A column headed `value` that holds colours is one of colours.
    """
    keys = [_key(cell) for cell in header]
    cells = [[row[i] for row in body if i < len(row)] for i in range(len(keys))]
    channels = [next((keys.index(name) for name in names if name in keys), None) for names in _CHANNELS]
    tinted = [i for i in _places(keys, _IDS) if cells[i] and all(map(_is_color, cells[i]))]
    ids = [i for i in _places(keys, _IDS) if i not in tinted]
    names, either = _places(keys, _NAMES), _places(keys, _EITHER)
    whole = [i for i in either if cells[i] and all(map(is_whole, cells[i]))]
    value = ids[0] if ids else whole[0] if whole and (names or len(either) > len(whole)) else None
    name = next(iter([*names, *(i for i in either if i != value)]), None)
    color = (*_places(keys, _COLORS), *tinted)[:1]
    if not color and None not in channels:
        color = tuple(i for i in channels if i is not None)
    return Columns(name, value, color)


def is_heading(cell: str) -> bool:
    """Whether a cell is the heading of a column that class tables have."""
    return _key(cell) in {*_IDS, *_NAMES, *_EITHER, *_COLORS, *(name for names in _CHANNELS for name in names)}


def heads_names(cell: str) -> bool:
    """Whether a cell is the heading of a single column of names."""
    return _key(cell) in {"name", "names", "classname", "classnames", "labelname", *_EITHER}


def is_whole(text: str) -> bool:
    """Whether a text is a whole number, as spreadsheets write them too: `3`, `-1`, `3.0`."""
    return re.fullmatch(r"-?\d+(\.0+)?", text.strip()) is not None


def _is_color(text: str) -> bool:
    return re.fullmatch(r"#[0-9a-fA-F]{3,8}|[\[(]?\s*\d+([\s,]+\d+){2}\s*[\])]?", text.strip()) is not None


def _places(keys: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the wanted headings stand, the most usual heading first."""
    return [keys.index(name) for name in wanted if name in keys]


def _key(cell: str) -> str:
    return re.sub(r"[^a-z0-9]", "", cell.lower())
