"""Styles of polygons as QGIS writes them (.qml): a fill a value, or a fill a range of percents, without outlines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from terrazzo.classes.schema import Color

Element = ElementTree.Element

SHARES: tuple[tuple[int, int, Color], ...] = (
    (0, 50, (215, 48, 39)),
    (50, 60, (244, 109, 67)),
    (60, 70, (253, 174, 97)),
    (70, 80, (254, 224, 139)),
    (80, 90, (166, 217, 106)),
    (90, 100, (26, 152, 80)),
)
"""Ranges in percent and their colours, from red to green (ColorBrewer's RdYlGn)."""


@dataclass(frozen=True)
class Style:
    """A style with its name and what it shows."""

    name: str
    description: str
    text: str
    """The content of a .qml file."""


def by_value(field: str, kind: str, categories: Sequence[tuple[str, str, Color]]) -> str:
    """A style with a fill for each value of a field or expression: (value, label, colour).

    `kind` is QGIS's word for the values: `long` or `string`.
    """
    qgis, renderer = _begun("categorizedSymbol", field)
    listed = ElementTree.SubElement(renderer, "categories")
    for i, (value, label, _) in enumerate(categories):
        ElementTree.SubElement(listed, "category", value=value, type=kind, symbol=str(i), label=label, render="true")
    _add_symbols(renderer, [color for _, _, color in categories])
    return _finished(qgis)


def by_share(field: str) -> str:
    """A style with a fill for each of SHARES of a field in percent; 50 lies in the range up to 50."""
    qgis, renderer = _begun("graduatedSymbol", field)
    renderer.set("graduatedMethod", "GraduatedColor")
    ranges = ElementTree.SubElement(renderer, "ranges")
    for i, (low, high, _) in enumerate(SHARES):
        bounds = {"lower": f"{low}.000000", "upper": f"{high}.000000"}
        ElementTree.SubElement(ranges, "range", bounds, symbol=str(i), label=f"{low} - {high} %", render="true")
    _add_symbols(renderer, [color for *_, color in SHARES])
    return _finished(qgis)


def _begun(renderer: str, attribute: str) -> tuple[Element, Element]:
    """A style without symbols, and its renderer."""
    qgis = Element("qgis", version="3.22.0", styleCategories="Symbology")
    about = {"type": renderer, "attr": attribute, "symbollevels": "0", "forceraster": "0", "enableorderby": "0"}
    return qgis, ElementTree.SubElement(qgis, "renderer-v2", about)


def _add_symbols(renderer: Element, colors: Iterable[Color]) -> None:
    """Add a fill of each colour, named by its number."""
    symbols = ElementTree.SubElement(renderer, "symbols")
    for i, color in enumerate(colors):
        symbol = ElementTree.SubElement(
            symbols, "symbol", name=str(i), type="fill", alpha="1", clip_to_extent="1", force_rhr="0"
        )
        fill = ElementTree.SubElement(
            symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"}
        )
        options = ElementTree.SubElement(fill, "Option", type="Map")
        red, green, blue = map(int, color)
        for key, value in (("color", f"{red},{green},{blue},255"), ("style", "solid"), ("outline_style", "no")):
            ElementTree.SubElement(options, "Option", name=key, type="QString", value=value)
            ElementTree.SubElement(fill, "prop", k=key, v=value)  # read by QGIS before 3.20


def _finished(qgis: Element) -> str:
    ElementTree.SubElement(qgis, "layerGeometryType").text = "2"  # polygons
    ElementTree.indent(qgis)
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    return f"{doctype}\n{ElementTree.tostring(qgis, encoding='unicode')}\n"
