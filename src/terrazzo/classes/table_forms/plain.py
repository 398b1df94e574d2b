"""Lines without headings: names alone, or names with ids and colours, as labelme, CamVid, QGIS and GDAL write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from terrazzo.classes.table_forms.row import Row
from terrazzo.errors import ClassTableError

_HEX = r"#[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?"
_GAP = r"(?:\s*[,;:\t]\s*|\s+)"
_LINE = re.compile(rf"(?P<lead>(?:(?:\d+|{_HEX}){_GAP})*)(?P<name>.*?)(?P<tail>(?:{_GAP}(?:\d+|{_HEX}))*)")

# By the numbers before and after a name, where a colour in hex counts as `#`. Blanks before a single number are part of
# a name: `class 1` is one.
_SHAPES = {
    ("", ""): "",
    ("1", ""): "v",
    ("", "1"): "v",
    ("", "3"): "c",
    ("3", ""): "c",
    ("1", "3"): "vc",
    ("4", ""): "vc",
    ("5", ""): "vc",  # QGIS and GDAL: value, red, green, blue, alpha
    ("", "4"): "vc",
    ("", "#"): "c",
    ("#", ""): "c",
    ("1", "#"): "vc",
    ("1#", ""): "vc",
    ("", "1#"): "vc",
}


@dataclass(frozen=True)
class _Line:
    number: int
    name: str
    numbers: tuple[str, ...]
    shape: tuple[str, str]


def is_plain(text: str) -> bool:
    """Whether all lines have one shape of those that are known, and no name holds a separator."""
    lines = _lines(text)
    same = len({line.shape for line in lines}) == 1 and lines[0].shape in _SHAPES
    return same and not any(re.search(r"[,;\t]", line.name) for line in lines)


def plain_rows(text: str) -> tuple[Row, ...]:
    """A row a line: `road`, `1 road`, `road,1`, `128 64 128 road`, `1,128,64,128,255,road`, `road #804080`.

    Lines that begin with # and a blank are comments. In a list of names, `__ignore__` in the first line, as labelme
    has it, stands for 255, and the next name for 0.
    """
    lines = _lines(text)
    has = _SHAPES[lines[0].shape]
    if not has and lines[0].name == "__ignore__":
        values = ["255", *map(str, range(len(lines) - 1))]
        return tuple(
            Row(f"line {line.number}", line.name, None, value) for line, value in zip(lines, values, strict=True)
        )
    return tuple(_row(line, has) for line in lines)


def _row(line: _Line, has: str) -> Row:
    numbers = list(line.numbers)
    value = numbers.pop(0) if "v" in has else None
    color = " ".join(numbers[:3]) if "c" in has else None
    return Row(f"line {line.number}", line.name, color, value)


def _lines(text: str) -> list[_Line]:
    found = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().rstrip(",;")
        if not line or re.match(r"#\s|#$|//|INTERPOLATION:", line):
            continue
        match = _LINE.fullmatch(line)
        if match is None or not match["name"].strip():
            raise ClassTableError(f"line {number}: {line[:60]!r} has no name")
        found.append(_line(number, match))
    return found


def _line(number: int, match: re.Match[str]) -> _Line:
    lead, tail = _numbers(match["lead"]), _numbers(match["tail"])
    name = match["name"]
    if len(tail) == 1 and tail[0].isdigit() and not re.match(r"\s*[,;:\t]", match["tail"]):
        name, tail = name + match["tail"], []
    return _Line(number, name.strip().strip("\"'").strip(), (*lead, *tail), (_shape(lead), _shape(tail)))


def _numbers(text: str) -> list[str]:
    return re.findall(rf"{_HEX}|\d+", text)


def _shape(numbers: Sequence[str]) -> str:
    """`3` for three numbers, `1#` for a number and a colour in hex."""
    plain = sum(number.isdigit() for number in numbers)
    return (str(plain) if plain else "") + "#" * (len(numbers) - plain)
