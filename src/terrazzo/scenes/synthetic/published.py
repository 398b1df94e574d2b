"""Synthetic worlds in the layouts of published data sets: their folders, names, ids, colours and peculiarities.

The five classes of the world become five of the layout's, so that a network can learn them. A strip along the lower
edge has no class, like the bonnet of the car in street scenes.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.palettes import CAMVID, CITYSCAPES, SEMANTIC_DRONE
from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.scenes.layouts.cityscapes import EVALUATED
from terrazzo.scenes.synthetic.render import render
from terrazzo.scenes.synthetic.styles import TEMPERATE, Style
from terrazzo.system.files import csv_text

STRIP = 16
"""The strip without a class is 1 / STRIP of the height, at least one row."""
CITIES: Mapping[str, tuple[str, ...]] = {"train": ("aachen", "bochum"), "val": ("frankfurt",), "test": ("berlin",)}
SEQUENCES: Mapping[str, tuple[str, ...]] = {"train": ("0001TP", "0006R0", "0016E5"), "test": ("0016E5",)}
JPEG_QUALITY = 92
EGO_VEHICLE = 1

# For Building, Road, Vegetation, Water, Ground of the world: the layout's class of the same look.
_DRONE = ("roof", "paved-area", "vegetation", "water", "dirt")
_STREET = ("building", "road", "vegetation", "sky", "terrain")
_CAMVID = ("building", "road", "tree", "sky", "pavement")

_Files = Iterator[tuple[str, bytes]]
_Scene = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class Plan:
    """A request: the number of images, their (height, width), the seed, and the style."""

    n_images: int
    size: tuple[int, int]
    seed: int
    style: Style = TEMPERATE

    def scene(self, number: int, classes: tuple[str, ...], schema: ClassSchema) -> _Scene:
        """Photo (H, W, 3) and ids (H, W) of the schema, with 255 in the strip at the bottom."""
        stream = np.random.SeedSequence((self.seed, number))
        photo, ids = render(int(stream.generate_state(1)[0]), *self.size, self.style)
        ids = np.array([schema.names.index(name) for name in classes], np.uint8)[ids]
        ids[-max(1, self.size[0] // STRIP) :] = IGNORE
        return photo, ids


def semantic_drone(plan: Plan) -> _Files:
    """The Semantic Drone Dataset as circulated: masks as colours and as rows of the table of 24 classes."""
    inner = "dataset/semantic_drone_dataset"
    for number in range(plan.n_images):
        photo, ids = plan.scene(number, _DRONE, SEMANTIC_DRONE)
        ids[ids == IGNORE] = SEMANTIC_DRONE.names.index("unlabeled")
        name = f"{4 * number + number % 3:03d}"  # with gaps, as published
        yield f"{inner}/original_images/{name}.jpg", _jpeg(photo)
        yield f"{inner}/label_images_semantic/{name}.png", _png(ids)
        yield f"RGB_color_image_masks/RGB_color_image_masks/{name}.png", _png(SEMANTIC_DRONE.decode(ids))
    rows = zip(SEMANTIC_DRONE.names, *zip(*SEMANTIC_DRONE.colors, strict=True), strict=True)
    table = csv_text(("name", " r", " g", " b"), ((name, *(f" {value}" for value in color)) for name, *color in rows))
    yield "class_dict_seg.csv", table.encode()


def cityscapes(plan: Plan) -> _Files:
    """Cityscapes: PNGs of three splits, labels as ids, training ids, colours (RGBA) and instances; none for test."""
    for number, (split, place) in enumerate(_sides(plan.n_images, CITIES)):
        photo, training = plan.scene(number, _STREET, CITYSCAPES)
        ids = np.array([*EVALUATED, *[EGO_VEHICLE] * (256 - len(EVALUATED))], np.uint8)[training]
        if split == "test":
            ids, training = np.zeros_like(ids), np.full_like(training, IGNORE)
        stem = f"{split}/{place}/{place}_{number:06d}_000019"
        label = f"gtFine/{stem}_gtFine"
        yield f"leftImg8bit/{stem}_leftImg8bit.png", _png(photo)
        yield f"{label}_labelIds.png", _png(ids)
        yield f"{label}_labelTrainIds.png", _png(training)
        yield f"{label}_color.png", _png(np.dstack([CITYSCAPES.decode(training), np.full_like(ids, 255)]))
        yield f"{label}_instanceIds.png", _png(ids.astype(np.uint16))
        yield f"{label}_polygons.json", json.dumps({"imgHeight": plan.size[0], "imgWidth": plan.size[1]}).encode()


def cityscapes_pairs(plan: Plan) -> _Files:
    """The 'image pairs' copy of Cityscapes: one JPEG a scene, which smears the colours of the mask on the right."""
    counts: dict[str, int] = {}
    sides = {"train": ("train",), "val": ("val",)}
    for number, (split, _) in enumerate(_sides(plan.n_images, sides)):
        photo, training = plan.scene(number, _STREET, CITYSCAPES)
        counts[split] = counts.get(split, 0) + 1
        both = np.concatenate([photo, CITYSCAPES.decode(training)], axis=1)
        yield f"cityscapes_data/{split}/{counts[split]}.jpg", _jpeg(both)


def camvid(plan: Plan) -> _Files:
    """CamVid as prepared for training: PNGs of two splits with masks of ids 0..11, and one stray copy of an image."""
    unlabelled = CAMVID.names.index("unlabelled")
    for number, (split, sequence) in enumerate(_sides(plan.n_images, SEQUENCES)):
        photo, ids = plan.scene(number, _CAMVID, CAMVID)
        ids[ids == IGNORE] = unlabelled
        name = f"{sequence}_{'' if sequence == '0001TP' else 'f'}{30 * number + 60:05d}"
        image = _png(photo)
        yield f"images_prepped_{split}/{name}.png", image
        yield f"annotations_prepped_{split}/{name}.png", _png(ids)
        if number == 0:
            yield f"images_prepped_{split}/{name}(1).png", image


WRITERS: Mapping[str, Callable[[Plan], _Files]] = {
    "semantic-drone": semantic_drone,
    "cityscapes": cityscapes,
    "cityscapes-pairs": cityscapes_pairs,
    "camvid": camvid,
}
"""Every file's name and bytes, by layout."""


def _sides(n_images: int, places: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """The split and place of each image, in rounds: two for train, then one for each further split."""
    splits = list(places)
    counts: dict[str, int] = {}
    for number in range(n_images):
        at = number % (len(splits) + 1)
        split = splits[max(0, at - 1)]
        counts[split] = counts.get(split, 0) + 1
        yield split, places[split][(counts[split] - 1) % len(places[split])]


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    return encoded(Image.fromarray(pixels), "JPEG")


def _png(pixels: NDArray[np.generic]) -> bytes:
    return encoded(Image.fromarray(pixels), "PNG")


def encoded(image: Image.Image, kind: str) -> bytes:
    """The bytes of a JPEG or PNG file."""
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": JPEG_QUALITY} if kind == "JPEG" else {"compress_level": 4}))
    return stream.getvalue()
