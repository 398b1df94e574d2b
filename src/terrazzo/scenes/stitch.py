"""A tile of the Dubai set put together from its nine parts, which are one picture cut 3 x 3."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError
from terrazzo.pixels.masks import ids_of, read_mask
from terrazzo.pixels.photos import read_photo
from terrazzo.scenes.scene import Scene
from terrazzo.scenes.trees import natural_key

SIDE = 3


def stitch_tile(
    scenes: Sequence[Scene], schema: ClassSchema = DUBAI, unknown: str = "error"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The image (H, W, 3) and ids (H, W, ignore 255) of the one scene that a tile's nine parts were cut from.

    The parts are laid out row by row in the natural order of their names. Sizes inside a tile may differ by a pixel: a
    row of parts is as high as its lowest part, a column as wide as its narrowest, and the others are cropped. (In the
    Dubai tiles nothing is lost.)

    Raises InputError unless there are nine parts of one group whose sizes differ by a pixel at most.
    """
    groups = {scene.group for scene in scenes}
    if len(scenes) != SIDE * SIDE or len(groups) != 1:
        raise InputError(
            f"a tile is stitched from {SIDE * SIDE} parts of one group, "
            f"these are {len(scenes)} of {', '.join(sorted(groups)) or 'none'}; give the scenes of one tile"
        )
    ordered = sorted(scenes, key=lambda scene: natural_key(scene.name))
    images = [read_photo(scene.image.read(), scene.image.where) for scene in ordered]
    labels = [
        ids_of(read_mask(scene.label.read(), scene.label.where), schema, unknown, scene.label_ids) for scene in ordered
    ]
    for scene, image, label in zip(ordered, images, labels, strict=True):
        _check_sizes(scene, image, label, images[0])
    return _mosaic(images), _mosaic(labels)


def _check_sizes(scene: Scene, image: NDArray[Any], label: NDArray[Any], first: NDArray[Any]) -> None:
    if image.shape[:2] != label.shape:
        raise InputError(f"{scene.label.where}: differs in size from its image; `terrazzo inspect` says more")
    if max(abs(image.shape[axis] - first.shape[axis]) for axis in (0, 1)) > 1:
        raise InputError(
            f"{scene.image.where}: is {image.shape[1]}x{image.shape[0]}, the tile's first part "
            f"{first.shape[1]}x{first.shape[0]}; parts of one tile differ by a pixel at most"
        )


def _mosaic(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    heights = [min(part.shape[0] for part in parts[row * SIDE : (row + 1) * SIDE]) for row in range(SIDE)]
    widths = [min(part.shape[1] for part in parts[col::SIDE]) for col in range(SIDE)]
    rows = [
        np.concatenate([parts[row * SIDE + col][: heights[row], : widths[col]] for col in range(SIDE)], axis=1)
        for row in range(SIDE)
    ]
    return np.concatenate(rows)
