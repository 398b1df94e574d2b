"""The files of a finished map that clients may read, and what each is. No other name leads to a file."""

from dataclasses import dataclass

from terrazzo.maps.areas import AREAS
from terrazzo.maps.outputs.attribute_table import table_of
from terrazzo.maps.outputs.record import RUN
from terrazzo.maps.outputs.style import QUICKLOOK, STYLE
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE
from terrazzo.serving.folder import ABOUT, PICTURE

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
JSON = "application/json"


@dataclass(frozen=True)
class MapFile:
    """One file: its name, media type, and its place in a STAC item."""

    name: str
    media_type: str
    key: str | None
    """The key of its asset; None where the item does not list it."""
    title: str
    role: str


FILES = {
    file.name: file
    for file in (
        MapFile(f"{CLASSES}.tif", COG, "classes", "Classes", "data"),
        MapFile(f"{CONFIDENCE}.tif", COG, "confidence", "Confidence in per cent", "data"),
        MapFile(PICTURE, COG, "image", "The image in red, green and blue", "visual"),
        MapFile(f"{CLASSES}.gpkg", "application/geopackage+sqlite3", "polygons", "Polygons of the classes", "data"),
        MapFile(AREAS, "text/csv; charset=utf-8", "areas", "Pixels and area of each class", "data"),
        MapFile(STYLE, "application/xml", "style", "QGIS style of the classes", "metadata"),
        MapFile(QUICKLOOK, "image/png", "quicklook", "Quicklook with legend", "thumbnail"),
        MapFile(RUN, JSON, "run", "What the map was made from", "metadata"),
        MapFile(table_of(f"{CLASSES}.tif"), "application/xml", None, "Class names for GDAL", "metadata"),
        MapFile(ABOUT, JSON, None, "Classes, model and name", "metadata"),
    )
}
"""By name; GDAL asks for the names of the classes beside classes.tif."""
