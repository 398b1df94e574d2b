"""The names and colours of classes that GDAL reads with a class map: category names and a raster attribute table.

GDAL keeps both beside a GeoTIFF, in NAME.aux.xml (its persistent auxiliary metadata); a GeoTIFF has no place for them.
With the table, QGIS 3.30 and later list the classes alone instead of 256 nameless values. Reference:
https://gdal.org/en/stable/development/rfc/index.html and GDAL's gcore/gdal_rat.h for the usages of fields.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from terrazzo.classes.schema import Color
from terrazzo.system.files import write_text

_INTEGER, _TEXT = ("Integer", "0"), ("String", "2")
_FIELDS = (
    ("Value", _INTEGER, ("MinMax", "5")),
    ("Class", _TEXT, ("Name", "2")),
    ("Red", _INTEGER, ("Red", "6")),
    ("Green", _INTEGER, ("Green", "7")),
    ("Blue", _INTEGER, ("Blue", "8")),
)
"""Name, type and usage of each field; GDAL reads the numbers, people the words."""


def table_of(raster: str) -> str:
    """The name of the file that holds a raster's table."""
    return f"{raster}.aux.xml"


def write_attribute_table(path: Path, values: Sequence[tuple[int, str, Color]]) -> None:
    """Write the names and colours of values, from the least, as band 1's categories and attribute table.

    Categories go from 0; a number that is not among the values has an empty one.
    """
    names = {value: name for value, name, _ in values}
    band = ElementTree.SubElement(root := ElementTree.Element("PAMDataset"), "PAMRasterBand", band="1")
    categories = ElementTree.SubElement(band, "CategoryNames")
    for number in range(max(names, default=-1) + 1):
        ElementTree.SubElement(categories, "Category").text = names.get(number, "")
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for i, (title, kind, usage) in enumerate(_FIELDS):
        field = ElementTree.SubElement(table, "FieldDefn", index=str(i))
        ElementTree.SubElement(field, "Name").text = title
        ElementTree.SubElement(field, "Type", typeAsString=kind[0]).text = kind[1]
        ElementTree.SubElement(field, "Usage", usageAsString=usage[0]).text = usage[1]
    for i, (value, name, color) in enumerate(values):
        row = ElementTree.SubElement(table, "Row", index=str(i))
        for entry in (value, name, *map(int, color)):
            ElementTree.SubElement(row, "F").text = str(entry)
    ElementTree.indent(root)
    write_text(path, ElementTree.tostring(root, encoding="unicode") + "\n")
