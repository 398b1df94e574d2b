"""LabelMe JSON, one file a picture (https://github.com/wkentaro/labelme)."""

import base64
import io
import math
from collections import Counter
from typing import Any

import numpy as np
import shapely

from terrazzo.scenes.annotations.pictures import Annotated, Document, ellipse, outlined, polygon


def is_labelme(document: Any) -> bool:
    """Whether a JSON value has what LabelMe writes for a picture."""
    return isinstance(document, dict) and isinstance(document.get("shapes"), list)


def read_labelme(document: Any, where: str) -> Document:
    """The picture of a LabelMe file: polygons, rectangles, circles and masks. Lines and points are counted.

    Without `imagePath` the image has the file's own name.
    """
    left: Counter[str] = Counter()
    shapes = []
    for shape in document["shapes"]:
        parts = _areas(shape)
        if not parts:
            left[f"{shape.get('shape_type') or 'polygon'} without an area"] += 1
        shapes += [(str(shape["label"]).strip(), part) for part in parts]
    height, width = document.get("imageHeight"), document.get("imageWidth")
    size = (int(height), int(width)) if height and width else None
    return Document((Annotated(str(document.get("imagePath") or ""), size, tuple(shapes)),), left=left)


def _areas(shape: Any) -> list[shapely.Polygon]:
    points, kind = shape["points"], shape.get("shape_type") or "polygon"
    made = None
    if kind == "polygon":
        made = polygon(points)
    elif kind == "rectangle":
        (x0, y0), (x1, y1) = points[0], points[-1] if len(points) == 2 else points[2]
        made = polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    elif kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        made = ellipse(x, y, radius, radius)
    elif kind == "mask" and shape.get("mask"):
        from PIL import Image

        with Image.open(io.BytesIO(base64.b64decode(shape["mask"])), formats=("PNG",)) as image:
            pixels = np.asarray(image.convert("L")) > 0
        return outlined(pixels, *np.floor(points[0]).tolist())
    return [] if made is None else [made]
