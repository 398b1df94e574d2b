"""The tiles of a map as WMTS 1.0.0 capabilities (OGC 07-057r7), with addresses of resources (REST) alone.

The tile matrix set is WebMercatorQuad of OGC 17-083r4, Annex D.1.
"""

from xml.etree import ElementTree

from terrazzo.serving.results.addresses import Addresses
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import WORLD, Footprint
from terrazzo.serving.results.tiles import SIDE, Tiling, resolution

LAYER, QUAD = "classes", "WebMercatorQuad"
PIXEL_M = 0.00028
"""The side of a pixel on the screen from which OGC counts scales."""
_SPACES = {
    "xmlns": "http://www.opengis.net/wmts/1.0",
    "xmlns:ows": "http://www.opengis.net/ows/1.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "version": "1.0.0",
}
_TILE = "{TileMatrix}/{TileCol}/{TileRow}"
_Parent = ElementTree.Element


def capabilities(finished: FinishedMap, tiling: Tiling, place: Footprint, addresses: Addresses) -> bytes:
    """The XML document. `addresses` are whole ones."""
    root = ElementTree.Element("Capabilities", _SPACES)
    service = ElementTree.SubElement(root, "ows:ServiceIdentification")
    title = finished.name or finished.job_id
    for tag, text in (("Title", title), ("ServiceType", "OGC WMTS"), ("ServiceTypeVersion", "1.0.0")):
        _add(service, f"ows:{tag}", text)
    contents = ElementTree.SubElement(root, "Contents")
    _add_layer(contents, title, place, addresses)
    _add_matrices(contents, tiling)
    ElementTree.SubElement(root, "ServiceMetadataURL", {"xlink:href": addresses.wmts})
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_layer(contents: _Parent, title: str, place: Footprint, addresses: Addresses) -> None:
    layer = ElementTree.SubElement(contents, "Layer")
    _add(layer, "ows:Title", title)
    west, south, east, north = place.around
    box = ElementTree.SubElement(layer, "ows:WGS84BoundingBox")
    _add(box, "ows:LowerCorner", f"{west} {south}")
    _add(box, "ows:UpperCorner", f"{east} {north}")
    _add(layer, "ows:Identifier", LAYER)
    style = ElementTree.SubElement(layer, "Style", isDefault="true")
    _add(style, "ows:Identifier", "default")
    _add(layer, "Format", "image/png")
    _add(ElementTree.SubElement(layer, "TileMatrixSetLink"), "TileMatrixSet", QUAD)
    template = {"format": "image/png", "resourceType": "tile", "template": addresses.tiles(_TILE)}
    ElementTree.SubElement(layer, "ResourceURL", template)


def _add_matrices(contents: _Parent, tiling: Tiling) -> None:
    """The zooms from 0 on, as QGIS takes the first for the coarsest."""
    quad = ElementTree.SubElement(contents, "TileMatrixSet")
    _add(quad, "ows:Identifier", QUAD)
    _add(quad, "ows:SupportedCRS", "urn:ogc:def:crs:EPSG::3857")
    _add(quad, "WellKnownScaleSet", "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible")
    for zoom in range(tiling.greatest + 1):
        matrix = ElementTree.SubElement(quad, "TileMatrix")
        _add(matrix, "ows:Identifier", str(zoom))
        _add(matrix, "ScaleDenominator", repr(resolution(zoom) / PIXEL_M))
        _add(matrix, "TopLeftCorner", f"{-WORLD!r} {WORLD!r}")
        for tag, number in (("TileWidth", SIDE), ("TileHeight", SIDE), ("MatrixWidth", 1 << zoom)):
            _add(matrix, tag, str(number))
        _add(matrix, "MatrixHeight", str(1 << zoom))


def _add(parent: _Parent, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
