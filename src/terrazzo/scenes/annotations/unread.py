"""Annotation files of kinds that are not read, each with the export to choose instead."""

from typing import Any

_POLYGONS_OF_PICTURES = "export it as COCO JSON with polygons, or as masks"


def unread_json(document: Any) -> str | None:
    """What a JSON value is, and what to do instead; None for values of no known kind."""
    if isinstance(document, list) and document and all(isinstance(one, dict) for one in document):
        if any(("label" in one and "annotator" in one) or "annotation_id" in one for one in document):
            return "is Label Studio's JSON-MIN; choose the export JSON or COCO"
        if any("Label" in one or "data_row" in one for one in document):
            return f"is a Labelbox export; {_POLYGONS_OF_PICTURES}"
    if not isinstance(document, dict):
        return None
    if document.get("type") == "FeatureCollection":
        return "is GeoJSON, for georeferenced rasters; give both, as in IMAGES LABELS.geojson"
    if "objects" in document and "size" in document:
        return "is Supervisely's own format; export the project as masks ('machine masks') or as COCO JSON"
    if "objects" in document and "imgHeight" in document:
        return "holds Cityscapes' polygons; give the folder with leftImg8bit/ and gtFine/"
    if "instances" in document and "metadata" in document:
        return "is SuperAnnotate's JSON; export it as fused masks or as COCO JSON"
    if "data_row" in document:
        return f"is a Labelbox export; {_POLYGONS_OF_PICTURES}"
    return None


def unread_lines(name: str, start: bytes) -> str | None:
    """What a file of lines is by its suffix and first bytes, and what to do instead; None for others."""
    if b"region_shape_attributes" in start.partition(b"\n")[0]:
        return "is VIA's CSV; choose the export JSON (Annotations, Export Annotations as json)"
    if name.lower().endswith(".ndjson") and b'"data_row"' in start:
        return f"is a Labelbox export; {_POLYGONS_OF_PICTURES}"
    return None


def unread_xml(start: bytes) -> str | None:
    """What an XML file is by its first bytes, and what to do instead; None for others."""
    if b"<annotations>" in start and (b"<version>" in start or b"<image" in start):
        return "is CVAT's XML; choose the export 'COCO 1.0' or 'Segmentation mask 1.1'"
    if b"<annotation>" in start and (b"<object>" in start or b"<filename>" in start):
        return "is Pascal VOC's XML, which holds boxes; export polygons as COCO JSON, or masks (SegmentationClass)"
    return None
