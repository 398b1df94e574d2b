"""Tables with a line of headings: CSV, with semicolons or tabs too, as spreadsheets, Roboflow and GIS write them."""

import csv
import io
from collections.abc import Sequence

from terrazzo.classes.table_forms.row import Row, columns_of, heads_names, is_heading, is_whole
from terrazzo.errors import ClassTableError

_DELIMITERS = (",", ";", "\t", "|")
_NO_DELIMITER = "\x1f"


def has_headings(text: str) -> bool:
    """Whether the first line is one of headings: no number or colour in it, and one at least that class tables have.

    Between blanks all must be such headings, so that a name of two words is not taken for them.
    """
    line = _first_line(text)
    cells = _cells(line)
    if len(cells) == 1:
        return heads_names(cells[0])
    known = [is_heading(cell) for cell in cells]
    return (all(known) if _delimiter(line) == " " else any(known)) and not any(
        is_whole(cell) or cell.startswith("#") for cell in cells
    )


def rows_below_headings(text: str) -> tuple[Row, ...]:
    """The rows below the headings. Raises ClassTableError at uneven rows and where no column has names."""
    delimiter = _delimiter(_first_line(text))
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise ClassTableError(f"line {reader.line_num}: {error}; save it as plain CSV") from error
    (_, header), *lines = rows
    body = [_even(number, cells, len(header)) for number, cells in lines]
    columns = columns_of(header, body)
    if columns.name is None:
        raise ClassTableError(f"its header is {', '.join(header)}, without a column of names")
    return tuple(columns.row(f"line {number}", cells) for (number, _), cells in zip(lines, body, strict=True))


def _even(number: int, cells: Sequence[str], n: int) -> list[str]:
    """The cells of a line without empty ones past the header."""
    if len(cells) < n or any(cells[n:]):
        raise ClassTableError(f"line {number} has {len(cells)} cells, the header {n}")
    return list(cells[:n])


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def _delimiter(line: str) -> str:
    """The one that cuts the line into most cells; without any, a blank between two headings or more."""
    best = max(_DELIMITERS, key=line.count)
    if best in line:
        return best
    words = line.split()
    return " " if len(words) > 1 and all(map(is_heading, words)) else _NO_DELIMITER


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("\"'") for cell in line.split(_delimiter(line))]
