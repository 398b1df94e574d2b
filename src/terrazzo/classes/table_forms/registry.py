"""Every form of class tables that is read, and which of them a text has."""

from collections.abc import Callable
from dataclasses import dataclass

from terrazzo.classes.table_forms.delimited import has_headings, rows_below_headings
from terrazzo.classes.table_forms.plain import is_plain, plain_rows
from terrazzo.classes.table_forms.row import Row
from terrazzo.classes.table_forms.structured import json_rows, looks_like_json, looks_like_yaml, yaml_rows
from terrazzo.classes.table_forms.tools import is_labelmap, is_style, labelmap_rows, style_rows
from terrazzo.errors import ClassTableError

WAYS = "id,name for masks of ids, or name,color or name,r,g,b for masks of colours"
"""The plainest tables, for every message that asks for one."""


@dataclass(frozen=True)
class Form:
    """One way to write a class table."""

    name: str
    has_it: Callable[[str], bool]
    """Whether a text has this form; the forms before it have been tried."""
    rows: Callable[[str], tuple[Row, ...]]


FORMS = (
    Form("QGIS style (.qml, .sld)", is_style, style_rows),
    Form("JSON", looks_like_json, json_rows),
    Form("CVAT labelmap.txt", is_labelmap, labelmap_rows),
    Form("YAML", looks_like_yaml, yaml_rows),
    Form("CSV (also ; or tabs) with headings", has_headings, rows_below_headings),
    Form("a name a line, with or without id and colour", is_plain, plain_rows),
)
"""In the order in which they are tried."""


def rows_of(text: str) -> tuple[Row, ...]:
    """The classes in a text, by the first form that it has. Raises ClassTableError where it has none."""
    if not text.strip():
        raise ClassTableError(f"it is empty; expected {WAYS}")
    form = next((form for form in FORMS if form.has_it(text)), None)
    if form is None:
        first = " ".join(text.strip().split("\n", 1)[0].split())[:60]
        forms = ", ".join(form.name for form in FORMS)
        raise ClassTableError(f"its first line is {first!r}; expected {WAYS}; read are {forms}")
    return form.rows(text)
