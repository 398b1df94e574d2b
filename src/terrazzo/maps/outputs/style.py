"""How a class map looks: its QGIS style and its quicklook."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.drawing import draw_legend
from terrazzo.classes.schema import IGNORE, ClassSchema, Color, format_color
from terrazzo.system.files import write_beside, write_text

STYLE, QUICKLOOK = "classes.qml", "quicklook.png"
QUICKLOOK_PX = 1024
_GAP = 12


def write_style(path: Path, values: Sequence[tuple[int, str, Color]]) -> None:
    """Write a QGIS style that shows a raster's values in their colours and names; others stay transparent."""
    qgis = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(qgis, "pipe")
    renderer = ElementTree.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1", nodataColor=""
    )
    ElementTree.SubElement(renderer, "rasterTransparency")
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for value, name, color in values:
        ElementTree.SubElement(
            palette, "paletteEntry", value=str(value), color=format_color(color).lower(), label=name, alpha="255"
        )
    ElementTree.indent(qgis)
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    write_text(path, f"{doctype}\n{ElementTree.tostring(qgis, encoding='unicode')}\n")


def quicklook_size(height: int, width: int, schema: ClassSchema) -> tuple[int, int]:
    """The size (height, width) of the map in a quicklook: what its legend leaves, never enlarged."""
    room = QUICKLOOK_PX - draw_legend(schema).width - _GAP
    factor = min(1.0, QUICKLOOK_PX / height, room / width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def write_quicklook(path: Path, ids: NDArray[np.uint8], schema: ClassSchema) -> None:
    """Write the small map (h, w) and its legend side by side on white as a PNG; nodata is white."""
    colors = schema.decode(ids)
    colors[ids == IGNORE] = 255
    legend = draw_legend(schema)
    legend.thumbnail((QUICKLOOK_PX, QUICKLOOK_PX))
    height, width = ids.shape
    sheet = Image.new("RGB", (width + _GAP + legend.width, max(height, legend.height)), "white")
    sheet.paste(Image.fromarray(colors), (0, 0))
    sheet.paste(legend, (width + _GAP, 0))
    with write_beside(path) as temporary:
        sheet.save(temporary, "PNG")
