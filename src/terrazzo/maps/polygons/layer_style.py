"""The style of a GeoPackage's polygons, in the table from which QGIS takes it by itself.

`layer_styles` has the fields that QGIS gives it when it saves a style in a database. The style marked as default is
used when the layer is opened. GDAL lists the table as a layer without geometry.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyogrio

from terrazzo.classes.schema import Color

TABLE = "layer_styles"
_FIXED_TIME = "2000-01-01T00:00:00"
"""The same style gives the same bytes."""


def write_layer_style(path: Path, where: tuple[str, str, str], classes: Sequence[tuple[str, Color]]) -> None:
    """Add the table with one style, the default, to the GeoPackage at `path`.

    It shows each class in its name and colour. `where`: the layer, and its fields of geometries and of class ids.
    """
    layer, geometry_field, id_field = where
    add_style(path, (layer, geometry_field), style_text(id_field, classes), "the classes in their colours")


def add_style(path: Path, where: tuple[str, str], text: str, description: str) -> None:
    """Add a style (.qml), the default of a layer, to the table of the GeoPackage at `path`.

    `where`: the layer, and its field of geometries.
    """
    layer, geometry_field = where
    row = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": layer,
        "f_geometry_column": geometry_field,
        "styleName": layer,
        "styleQML": text,
        "styleSLD": "",
        "useAsDefault": True,
        "description": description,
        "owner": "",
        "ui": None,
        "update_time": np.datetime64(_FIXED_TIME, "ms"),
    }
    columns = [
        np.array([value], None if isinstance(value, bool | np.datetime64) else np.object_) for value in row.values()
    ]
    pyogrio.raw.write(
        str(path),
        None,
        columns,
        list(row),
        layer=TABLE,
        driver="GPKG",
        geometry_type=None,
        layer_options={"FID": "id"},
        append=True,
    )


def style_text(id_field: str, classes: Sequence[tuple[str, Color]]) -> str:
    """A QGIS style (.qml) that fills polygons in the colour of their class, without outlines."""
    qgis, renderer = renderer_of("categorizedSymbol", attr=id_field)
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for i, (name, color) in enumerate(classes):
        number = str(i)
        ElementTree.SubElement(
            categories, "category", value=number, type="long", symbol=number, label=name, render="true"
        )
        red, green, blue = map(int, color)
        add_symbol(symbols, number, color=f"{red},{green},{blue},255", style="solid", outline_style="no")
    return style_of(qgis)


def renderer_of(kind: str, **fields: str) -> tuple[ElementTree.Element, ElementTree.Element]:
    """A new style, and the renderer of a kind in it."""
    qgis = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    plain = {"symbollevels": "0", "forceraster": "0", "enableorderby": "0"}
    return qgis, ElementTree.SubElement(qgis, "renderer-v2", {"type": kind, **fields, **plain})


def add_symbol(symbols: ElementTree.Element, name: str, **options: str) -> None:
    """Add a symbol that fills polygons, with options of QGIS's simple fill."""
    symbol = ElementTree.SubElement(
        symbols, "symbol", name=name, type="fill", alpha="1", clip_to_extent="1", force_rhr="0"
    )
    fill = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"})
    there = ElementTree.SubElement(fill, "Option", type="Map")
    for key, value in options.items():
        ElementTree.SubElement(there, "Option", name=key, type="QString", value=value)
        ElementTree.SubElement(fill, "prop", k=key, v=value)  # read by QGIS before 3.20


def style_of(qgis: ElementTree.Element) -> str:
    """The text of a finished style of polygons."""
    ElementTree.SubElement(qgis, "layerGeometryType").text = "2"  # polygons
    ElementTree.indent(qgis)
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    return f"{doctype}\n{ElementTree.tostring(qgis, encoding='unicode')}\n"
