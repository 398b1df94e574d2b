"""Replicas of exports of annotation tools: images with polygons in place of masks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.layouts.build import SIDE
from tests.worlds.annotations import labelme, pairs, write_json

ROAD, BUILDING = [0, 0, SIDE, 0, SIDE, 16, 0, 16], [16, 32, 48, 32, 48, 64, 16, 64]
"""Corners x, y, x, y, ... of a road along the upper side, and of a building below it."""
NAMES = ("road", "building")


@dataclass(frozen=True)
class AnnotatedReplica:
    """An export of an annotation tool, and the command that reads it."""

    title: str
    layout: str
    """The files in one line, for the table in the docs."""
    images: tuple[str, ...]
    write: Callable[[Path, tuple[str, ...]], Any]
    """Writes the annotation files beside images that are there."""
    words: str = "DATA"


def place(replica: AnnotatedReplica, root: Path) -> Path:
    """Images of 64 x 64 px, each with a road of 1024 px and a building of as many, and the annotation files."""
    for number, name in enumerate(replica.images):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(root / name)
    replica.write(root, replica.images)
    return root


def _coco(names: list[str]) -> dict[str, Any]:
    shapes = [(1, ROAD), (2, BUILDING)]
    return {
        "images": [{"id": n, "file_name": name, "width": SIDE, "height": SIDE} for n, name in enumerate(names)],
        "annotations": [
            {"id": 2 * n + c, "image_id": n, "category_id": c, "segmentation": [corners], "iscrowd": 0}
            for n in range(len(names))
            for c, corners in shapes
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES, start=1)],
    }


def _roboflow(root: Path, images: tuple[str, ...]) -> None:
    for split in {name.split("/")[0] for name in images}:
        inside = [name.split("/")[1] for name in images if name.startswith(split)]
        write_json(root / split / "_annotations.coco.json", _coco(inside))


def _cvat_coco(root: Path, images: tuple[str, ...]) -> None:
    write_json(root / "annotations/instances_default.json", _coco([Path(name).name for name in images]))


def _coco_2017(root: Path, images: tuple[str, ...]) -> None:
    for split in ("train2017", "val2017"):
        inside = [Path(name).name for name in images if name.startswith(split)]
        write_json(root / f"annotations/instances_{split}.json", _coco(inside))


def _labelme(root: Path, images: tuple[str, ...]) -> None:
    shapes = [{"label": label, "points": pairs(c)} for label, c in zip(NAMES, (ROAD, BUILDING), strict=True)]
    for name in images:
        value = labelme(name, shapes) | {"imageHeight": SIDE, "imageWidth": SIDE}
        write_json((root / name).with_suffix(".json"), value)


def _via(root: Path, images: tuple[str, ...]) -> None:
    regions = [
        {
            "shape_attributes": {"name": "polygon", "all_points_x": c[::2], "all_points_y": c[1::2]},
            "region_attributes": {"class": label},
        }
        for label, c in zip(NAMES, (ROAD, BUILDING), strict=True)
    ]
    write_json(root / "via_region_data.json", {f"{name}9": {"filename": name, "regions": regions} for name in images})


def _label_studio(root: Path, images: tuple[str, ...]) -> None:
    results = [
        {
            "type": "polygonlabels",
            "original_width": SIDE,
            "original_height": SIDE,
            "value": {"points": [[100 * x / SIDE for x in point] for point in pairs(c)], "polygonlabels": [label]},
        }
        for label, c in zip(NAMES, (ROAD, BUILDING), strict=True)
    ]
    tasks = [
        {"id": n, "data": {"image": f"/data/upload/1/{Path(name).name}"}, "annotations": [{"result": results}]}
        for n, name in enumerate(images)
    ]
    write_json(root / "project-1-at-2024-05-01.json", tasks)


def _yolo(root: Path, images: tuple[str, ...]) -> None:
    text = "".join(f"{n} {' '.join(str(x / SIDE) for x in c)}\n" for n, c in enumerate((ROAD, BUILDING)))
    for name in images:
        label = root / Path(name.replace("images", "labels")).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text, encoding="utf-8")
    (root / "data.yaml").write_text("names: [road, building]\nnc: 2\n", encoding="utf-8")


ANNOTATED = (
    AnnotatedReplica(
        "Roboflow, COCO segmentation",
        "`train/*.jpg`, `train/_annotations.coco.json`; `valid/`, `test/`",
        ("train/a_jpg.rf.0f.jpg", "train/b_jpg.rf.1f.jpg", "valid/c_jpg.rf.2f.jpg"),
        _roboflow,
    ),
    AnnotatedReplica(
        "CVAT, COCO 1.0",
        "`images/*.jpg`, `annotations/instances_default.json`",
        ("images/a.jpg", "images/b.jpg", "images/c.jpg"),
        _cvat_coco,
    ),
    AnnotatedReplica(
        "COCO, any tool; images and annotations apart",
        "`images/*.jpg`, `annotations/instances_default.json`",
        ("images/a.jpg", "images/b.jpg", "images/c.jpg"),
        _cvat_coco,
        "DATA/images DATA/annotations/instances_default.json",
    ),
    AnnotatedReplica(
        "COCO 2017",
        "`train2017/*.jpg`, `val2017/*.jpg`, `annotations/instances_train2017.json`",
        ("train2017/000001.jpg", "train2017/000002.jpg", "val2017/000001.jpg"),
        _coco_2017,
    ),
    AnnotatedReplica("LabelMe", "`*.jpg`, `*.json` of equal names", ("a.jpg", "b.jpg", "c.jpg"), _labelme),
    AnnotatedReplica("VGG Image Annotator (VIA)", "`*.jpg`, `via_region_data.json`", ("a.jpg", "b.jpg", "c.jpg"), _via),
    AnnotatedReplica(
        "Label Studio, JSON",
        "`images/HASH-*.jpg`, `project-*.json`",
        ("images/0a1b2c3d-a.jpg", "images/1a1b2c3d-b.jpg", "images/2a1b2c3d-c.jpg"),
        _label_studio,
    ),
    AnnotatedReplica(
        "YOLO segmentation (Ultralytics)",
        "`images/train/*.jpg`, `labels/train/*.txt`, `data.yaml`; `val/`",
        ("images/train/a.jpg", "images/train/b.jpg", "images/val/c.jpg"),
        _yolo,
    ),
)
