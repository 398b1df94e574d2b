"""Tables in the own formats of tools: CVAT's labelmap.txt and the styles of QGIS (.qml)."""

import re
from xml.etree import ElementTree

from terrazzo.classes.table_forms.row import Row
from terrazzo.errors import ClassTableError

_LABEL = re.compile(r"(?P<name>.+):\s*(?P<color>\d+\s*,\s*\d+\s*,\s*\d+)\s*:[^:]*:[^:]*")


def is_labelmap(text: str) -> bool:
    """Whether the text is `# label:color_rgb:parts:actions` and lines such as `road:128,64,128::`."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and all(map(_LABEL.fullmatch, lines))


def labelmap_rows(text: str) -> tuple[Row, ...]:
    """The labels of CVAT's labelmap.txt with their colours, in the order of the file."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LABEL.fullmatch(line.strip())
        if match and not line.lstrip().startswith("#"):
            found.append(Row(f"line {number}", match["name"].strip(), match["color"]))
    return tuple(found)


def is_style(text: str) -> bool:
    """Whether the text is XML."""
    return text.lstrip().startswith("<")


def style_rows(text: str) -> tuple[Row, ...]:
    """The entries of a paletted or single-band style of a raster, as QGIS writes it to .qml or .sld.

    Raises ClassTableError if it has none.
    """
    try:
        tree = ElementTree.fromstring(text.lstrip())
    except ElementTree.ParseError as error:
        raise ClassTableError(f"not valid XML ({error})") from error
    entries = tree.findall(".//paletteEntry") or tree.findall(".//colorrampshader/item")
    sld = [element for element in tree.iter() if element.tag.endswith("ColorMapEntry")]
    if not entries and sld:
        keyed = [{"value": entry.get("quantity", "")} | dict(entry.items()) for entry in sld]
        return tuple(
            Row(f"entry {number}", entry.get("label") or entry["value"], entry.get("color"), entry["value"])
            for number, entry in enumerate(keyed, start=1)
        )
    if not entries:
        raise ClassTableError("no palette in it; in QGIS choose the paletted renderer, then save the style as .qml")
    rows = []
    for number, entry in enumerate(entries, start=1):
        value = entry.get("value", "")
        rows.append(Row(f"entry {number}", entry.get("label") or value, entry.get("color"), value))
    return tuple(rows)
