"""VIA JSON: annotations and projects of the VGG Image Annotator 1 and 2 (https://www.robots.ox.ac.uk/~vgg/software/via)."""

from collections import Counter
from typing import Any

import numpy as np
import shapely

from terrazzo.errors import InputError
from terrazzo.scenes.annotations.pictures import Annotated, Document, ellipse, polygon, rectangle
from terrazzo.system.reporting import listed

USUAL_ATTRIBUTES = ("class", "label", "type", "name", "category", "object")
"""The attribute that names the class, where regions have several."""
_METADATA = "_via_img_metadata"


def is_via(document: Any) -> bool:
    """Whether a JSON value is a VIA project or its exported annotations."""
    if not isinstance(document, dict) or not document:
        return False
    files = document.get(_METADATA, document)
    return isinstance(files, dict) and all(
        isinstance(file, dict) and "filename" in file and "regions" in file for file in files.values()
    )


def read_via(document: Any, where: str) -> Document:
    """The pictures of a VIA file: polygons, rectangles, circles, ellipses. Raises InputError at unclear attributes."""
    left: Counter[str] = Counter()
    files = [(str(file["filename"]), _regions(file)) for file in document.get(_METADATA, document).values()]
    attribute = _attribute([region for _, regions in files for region in regions], where)
    pictures = []
    for filename, regions in files:
        shapes = []
        for region in regions:
            name, made = _name(region, attribute), _area(region["shape_attributes"])
            if made is None:
                left[f"{region['shape_attributes'].get('name')} without an area"] += 1
            elif name:
                shapes.append((name, made))
            else:
                left[f"region without the attribute {attribute}"] += 1
        pictures.append(Annotated(filename, None, tuple(shapes)))
    return Document(tuple(pictures), left=left)


def _regions(file: Any) -> list[Any]:
    """The regions of a picture: a list in version 2, numbered in version 1."""
    regions = file["regions"]
    return list(regions.values()) if isinstance(regions, dict) else list(regions)


def _attribute(regions: list[Any], where: str) -> str:
    names = list(dict.fromkeys(name for region in regions for name in region.get("region_attributes") or {}))
    if len(names) <= 1:
        return str(names[0]) if names else ""
    usual = [name for wanted in USUAL_ATTRIBUTES for name in names if str(name).lower() == wanted]
    if not usual:
        raise InputError(
            f"{where}: its regions have the attributes {listed(names, 6)}, and none is named "
            f"{' or '.join(USUAL_ATTRIBUTES[:2])}; rename the one that holds the class"
        )
    return str(usual[0])


def _name(region: Any, attribute: str) -> str:
    """The class of a region: a text, or the one option that is checked."""
    value = (region.get("region_attributes") or {}).get(attribute, "")
    if isinstance(value, dict):
        checked = [name for name, on in value.items() if on]
        return str(checked[0]) if len(checked) == 1 else ""
    return str(value).strip()


def _area(shape: Any) -> shapely.Polygon | None:
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        closed = kind == "polygon" or (xs[0], ys[0]) == (xs[-1], ys[-1])
        return polygon(np.stack([xs, ys], axis=1)) if closed else None
    if kind == "rect":
        return rectangle(shape["x"], shape["y"], shape["width"], shape["height"])
    if kind == "circle":
        return ellipse(shape["cx"], shape["cy"], shape["r"], shape["r"])
    return ellipse(shape["cx"], shape["cy"], shape["rx"], shape["ry"]) if kind == "ellipse" else None
