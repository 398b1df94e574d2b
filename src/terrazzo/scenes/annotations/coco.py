"""COCO JSON: polygons and run lengths (https://cocodataset.org/#format-data).

Roboflow, CVAT, Label Studio, labelme2coco, makesense.ai and FiftyOne write it. Run lengths are decoded by pycocotools.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.scenes.annotations.pictures import Annotated, Document, outlined, polygon
from terrazzo.system.extras import need

BOX = "box without a polygon"
SMALL = "polygon of fewer than three points or without area"


def is_coco(document: Any) -> bool:
    """Whether a JSON value has the lists of COCO."""
    return isinstance(document, dict) and all(
        isinstance(document.get(key), list) for key in ("images", "annotations", "categories")
    )


def read_coco(document: Any, where: str) -> Document:
    """The pictures of a COCO file. Raises InputError at ids that stand for nothing, KeyError or TypeError at others.

    Classes have the order of the category ids. The parts of one annotation are areas of their own, never holes.
    """
    names = {category["id"]: str(category["name"]) for category in document["categories"]}
    images = {image["id"]: image for image in document["images"]}
    shapes: dict[Any, list[tuple[str, shapely.Polygon]]] = {number: [] for number in images}
    left: Counter[str] = Counter()
    for annotation in document["annotations"]:
        image, category = annotation["image_id"], annotation["category_id"]
        for kind, value, known in (("image_id", image, images), ("category_id", category, names)):
            if value not in known:
                raise InputError(f"{where}: an annotation has the {kind} {value}, which the file lacks; export again")
        size = _size(images[image])
        shapes[image] += [(names[category], part) for part in _parts(annotation, size, where, left)]
    pictures = [Annotated(str(images[n]["file_name"]), _size(images[n]), tuple(shapes[n])) for n in images]
    return Document(tuple(pictures), tuple(names[number] for number in sorted(names)), left)


def _size(image: Any) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    return (int(height), int(width)) if height and width else None


def _parts(annotation: Any, size: tuple[int, int] | None, where: str, left: Counter[str]) -> Iterator[shapely.Polygon]:
    segmentation = annotation.get("segmentation")
    if not segmentation:
        left[BOX] += 1
        return
    if isinstance(segmentation, dict):
        yield from outlined(_decoded(segmentation, size, where))
        return
    rings = [segmentation] if isinstance(segmentation[0], int | float) else segmentation
    for ring in rings:
        made = polygon(ring)
        if made is None:
            left[SMALL] += 1
        else:
            yield made


def _decoded(run_lengths: Any, size: tuple[int, int] | None, where: str) -> NDArray[np.bool_]:
    """The mask (H, W) of run lengths, compressed (a string) or not (a list)."""
    height, width = (int(side) for side in run_lengths["size"])
    if size is not None and size != (height, width):
        raise InputError(
            f"{where}: run lengths of {height} x {width} pixels (height x width) in an image of {size[0]} x {size[1]}; "
            "export again"
        )
    counts = run_lengths["counts"]
    if isinstance(counts, list):  # pycocotools' own way for lists fails with numpy 2
        if sum(counts) != height * width:
            raise InputError(f"{where}: run lengths that do not add up to {height} x {width} pixels; export again")
        return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T
    need("coco", "pycocotools", for_what=f"{where}: holds packed run lengths (RLE), and reading them")
    from pycocotools import mask as rle

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools 2.0.11 with numpy 2
        decoded: NDArray[np.bool_] = rle.decode({"size": [height, width], "counts": counts}) > 0
    return decoded
