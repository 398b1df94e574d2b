"""How QGIS shows a sample: one plain mark for all points, and a list of the classes to choose a reference from."""

from collections.abc import Sequence
from xml.etree import ElementTree

from terrazzo.pixels.layer_styles import Style

_MARK = (
    ("name", "cross2"),
    ("color", "255,255,0,255"),
    ("outline_color", "255,255,0,255"),
    ("outline_width", "0.6"),
    ("size", "4"),
)
_FIXED = ("id", "stratum", "weight")


def points_style(layer: str, reference: str, classes: Sequence[str]) -> Style:
    """The style of a layer of points whose field `reference` takes one of the classes, or nothing."""
    return Style(layer, "points to interpret", style_text(reference, classes))


def style_text(reference: str, classes: Sequence[str]) -> str:
    """A QGIS style (.qml): the same mark for every point, a list for `reference`, the other fields read-only."""
    qgis = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology|Fields|Forms")
    renderer = ElementTree.SubElement(qgis, "renderer-v2", type="singleSymbol", symbollevels="0", forceraster="0")
    symbols = ElementTree.SubElement(renderer, "symbols")
    symbol = ElementTree.SubElement(symbols, "symbol", name="0", type="marker", alpha="1", clip_to_extent="1")
    mark = ElementTree.SubElement(symbol, "layer", {"class": "SimpleMarker", "enabled": "1", "locked": "0"})
    options = ElementTree.SubElement(mark, "Option", type="Map")
    for key, value in _MARK:
        ElementTree.SubElement(options, "Option", name=key, type="QString", value=value)
        ElementTree.SubElement(mark, "prop", k=key, v=value)  # read by QGIS before 3.20
    fields = ElementTree.SubElement(qgis, "fieldConfiguration")
    widget = ElementTree.SubElement(
        ElementTree.SubElement(fields, "field", name=reference), "editWidget", type="ValueMap"
    )
    config = ElementTree.SubElement(ElementTree.SubElement(widget, "config"), "Option", type="Map")
    entries = ElementTree.SubElement(config, "Option", name="map", type="List")
    for name in ("", *sorted(classes, key=str.casefold)):
        entry = ElementTree.SubElement(entries, "Option", type="Map")
        ElementTree.SubElement(entry, "Option", name=name, type="QString", value=name)
    editable = ElementTree.SubElement(qgis, "editable")
    for name in (*_FIXED, reference):
        ElementTree.SubElement(editable, "field", name=name, editable=str(int(name == reference)))
    ElementTree.SubElement(qgis, "layerGeometryType").text = "0"  # points
    ElementTree.indent(qgis)
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    return f"{doctype}\n{ElementTree.tostring(qgis, encoding='unicode')}\n"
