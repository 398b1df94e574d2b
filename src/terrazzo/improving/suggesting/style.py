"""How the layers of suggest.gpkg look in QGIS: boxes as outlines, polygons in the colours of their classes."""

from collections.abc import Sequence

from terrazzo.classes.schema import Color
from terrazzo.maps.polygons.styles import Fill, by_value, one_fill, rgba

BOX = (230, 0, 120)
"""The colour of boxes."""
_FILL = 90
"""Opacity of the polygons' fills, 0 to 255: the image stays visible."""


def outline_style() -> str:
    """A QGIS style (.qml) that draws polygons as outlines."""
    return one_fill({"style": "no", "outline_color": rgba(BOX), "outline_style": "solid", "outline_width": "0.7"})


def class_style(field: str, classes: Sequence[tuple[str, Color]]) -> str:
    """A QGIS style (.qml) that shows polygons by the class named in `field`: a pale fill, and an outline."""
    return by_value(field, "string", [(name, name, color) for name, color in classes], _pale)


def _pale(color: Color) -> Fill:
    line = {"outline_color": rgba(color), "outline_style": "solid", "outline_width": "0.4"}
    return {"color": rgba(color, _FILL), "style": "solid", **line}
