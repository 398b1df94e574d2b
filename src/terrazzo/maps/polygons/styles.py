"""Styles of polygons as QGIS writes them (.qml): one fill, a fill a value, or a fill a range of percents."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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


Fill = Mapping[str, str]
"""Options of QGIS's simple fill."""


def solid(color: Color) -> Fill:
    """A fill without an outline."""
    return {"color": rgba(color), "style": "solid", "outline_style": "no"}


def rgba(color: Color, opacity: int = 255) -> str:
    """A colour as styles write it."""
    red, green, blue = map(int, color)
    return f"{red},{green},{blue},{opacity}"


def one_fill(fill: Fill) -> str:
    """A style with the same fill for all polygons."""
    qgis, renderer = _begun("singleSymbol")
    _add_symbols(renderer, [fill])
    return _finished(qgis)


def by_value(
    field: str, kind: str, categories: Sequence[tuple[str, str, Color]], fill: Callable[[Color], Fill] = solid
) -> str:
    """A style with a fill for each value of a field or expression: (value, label, colour).

    `kind` is QGIS's word for the values: `long` or `string`.
    """
    qgis, renderer = _begun("categorizedSymbol", field)
    listed = ElementTree.SubElement(renderer, "categories")
    for i, (value, label, _) in enumerate(categories):
        ElementTree.SubElement(listed, "category", value=value, type=kind, symbol=str(i), label=label, render="true")
    _add_symbols(renderer, [fill(color) for _, _, color in categories])
    return _finished(qgis)


def by_share(field: str) -> str:
    """A style with a fill for each of SHARES of a field in percent; 50 lies in the range up to 50."""
    qgis, renderer = _begun("graduatedSymbol", field)
    renderer.set("graduatedMethod", "GraduatedColor")
    ranges = ElementTree.SubElement(renderer, "ranges")
    for i, (low, high, _) in enumerate(SHARES):
        bounds = {"lower": f"{low}.000000", "upper": f"{high}.000000"}
        ElementTree.SubElement(ranges, "range", bounds, symbol=str(i), label=f"{low} - {high} %", render="true")
    _add_symbols(renderer, [solid(color) for *_, color in SHARES])
    return _finished(qgis)


def _begun(renderer: str, attribute: str = "") -> tuple[Element, Element]:
    """A style without symbols, and its renderer."""
    qgis = Element("qgis", version="3.22.0", styleCategories="Symbology")
    about = {
        "type": renderer,
        **({"attr": attribute} if attribute else {}),
        "symbollevels": "0",
        "forceraster": "0",
        "enableorderby": "0",
    }
    return qgis, ElementTree.SubElement(qgis, "renderer-v2", about)


def _add_symbols(renderer: Element, fills: Iterable[Fill]) -> None:
    """Add a symbol for each fill, named by its number."""
    symbols = ElementTree.SubElement(renderer, "symbols")
    for i, fill in enumerate(fills):
        symbol = ElementTree.SubElement(
            symbols, "symbol", name=str(i), type="fill", alpha="1", clip_to_extent="1", force_rhr="0"
        )
        layer = ElementTree.SubElement(
            symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"}
        )
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for key, value in fill.items():
            ElementTree.SubElement(options, "Option", name=key, type="QString", value=value)
            ElementTree.SubElement(layer, "prop", k=key, v=value)  # read by QGIS before 3.20


def _finished(qgis: Element) -> str:
    ElementTree.SubElement(qgis, "layerGeometryType").text = "2"  # polygons
    ElementTree.indent(qgis)
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    return f"{doctype}\n{ElementTree.tostring(qgis, encoding='unicode')}\n"
