"""How the layers of suggest.gpkg look in QGIS: boxes as outlines, polygons in the colours of their classes."""

from collections.abc import Sequence
from xml.etree import ElementTree

from terrazzo.classes.schema import Color
from terrazzo.maps.polygons.layer_style import add_symbol, renderer_of, style_of

BOX = (230, 0, 120)
"""The colour of boxes."""
_FILL, _LINE = 90, 255
"""Opacities of the polygons' fills, under which the image stays visible, and of lines, 0 to 255."""


def outline_style() -> str:
    """A QGIS style (.qml) that draws polygons as outlines."""
    qgis, renderer = renderer_of("singleSymbol")
    symbols = ElementTree.SubElement(renderer, "symbols")
    add_symbol(symbols, "0", style="no", outline_color=_rgba(BOX, _LINE), outline_style="solid", outline_width="0.7")
    return style_of(qgis)


def class_style(field: str, classes: Sequence[tuple[str, Color]]) -> str:
    """A QGIS style (.qml) that shows polygons by the class named in `field`: a pale fill, and an outline."""
    qgis, renderer = renderer_of("categorizedSymbol", attr=field)
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for i, (name, color) in enumerate(classes):
        number = str(i)
        ElementTree.SubElement(
            categories, "category", value=name, type="string", symbol=number, label=name, render="true"
        )
        line = {"outline_color": _rgba(color, _LINE), "outline_style": "solid", "outline_width": "0.4"}
        add_symbol(symbols, number, color=_rgba(color, _FILL), style="solid", **line)
    return style_of(qgis)


def _rgba(color: Color, opacity: int) -> str:
    red, green, blue = map(int, color)
    return f"{red},{green},{blue},{opacity}"
