"""Pictures with annotation files as the tools write them. Each picture is 8 px high and 12 wide."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 8, 12
SQUARE = [1, 1, 5, 1, 5, 5, 1, 5]
"""Corners x, y, x, y, ... of a square of 4 x 4 px, whose upper left pixel is in row 1 and column 1."""
BAR = [6, 0, 12, 0, 12, 2, 6, 2]
"""A bar of 6 x 2 px (width x height) in the upper right corner."""


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    """A picture of noise, so that no two are equal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def write_json(path: Path, value: Any) -> Path:
    """The value as a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def coco(images: Sequence[str], annotations: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A COCO file: images are numbered from 1, categories are 3 road and 7 building, 0 is Roboflow's heading."""
    return {
        "info": {"description": "made by hand"},
        "images": [
            {"id": n, "file_name": name, "height": HEIGHT, "width": WIDTH} for n, name in enumerate(images, start=1)
        ],
        "categories": [
            {"id": 0, "name": "things", "supercategory": "none"},
            {"id": 7, "name": "building", "supercategory": "things"},
            {"id": 3, "name": "road", "supercategory": "things"},
        ],
        "annotations": [{"id": n, "iscrowd": 0} | one for n, one in enumerate(annotations)],
        **more,
    }


def labelme(image: str, shapes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A LabelMe file."""
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [{"group_id": None, "flags": {}, "shape_type": "polygon"} | one for one in shapes],
        "imagePath": image,
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }


def pairs(corners: Sequence[float]) -> list[list[float]]:
    """x, y, x, y as [[x, y], [x, y]]."""
    return [list(corners[i : i + 2]) for i in range(0, len(corners), 2)]


def shares(corners: Sequence[float]) -> list[float]:
    """Corners in pixels as shares of width and height."""
    return [value / (HEIGHT if i % 2 else WIDTH) for i, value in enumerate(corners)]
