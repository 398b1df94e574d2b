"""One image and its ids cut into patches of one size: cropped, padded or resized."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.schema import IGNORE
from terrazzo.pixels.bands.depth import Pixels


@dataclass(frozen=True)
class Cut:
    """The patches of one image: pixels (n, S, S, C), ids (n, S, S), top left corners (n, 2) as (row, col)."""

    images: Pixels
    masks: NDArray[np.uint8]
    corners: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> "Cut":
        """The patches (n,) that are kept."""
        return Cut(self.images[kept], self.masks[kept], self.corners[kept])


def fitting_size(height: int, width: int) -> int:
    """The largest patch size of 256, 128, 64 and 32 px that fits twice into each side of an image; 32 if none does."""
    return next((size for size in (256, 128, 64) if min(height, width) >= 2 * size), 32)


def grid(height: int, width: int, patch_size: int, fit: str) -> tuple[int, int]:
    """Rows and columns of the patches of an image of that size in pixels.

    Laws: under crop every patch is whole; under pad every pixel lies in exactly one; under resize there is one.
    """
    if fit == "resize":
        return 1, 1
    spare = patch_size - 1 if fit == "pad" else 0
    return (height + spare) // patch_size, (width + spare) // patch_size


def cut(image: Pixels, ids: NDArray[np.uint8], patch_size: int, fit: str) -> Cut:
    """The patches of an image (H, W, C) and its ids (H, W).

    `crop`: side by side from the top left, without the rest that fills no patch. `pad`: the last row and column are
    filled up, pixels by repeating the edge, ids with ignore. `resize`: the whole image as one patch, pixels by
    area-aware bilinear filtering, ids by nearest neighbour.
    """
    if fit == "resize":
        size = (patch_size, patch_size)
        photo = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
        mask = Image.fromarray(ids).resize(size, Image.Resampling.NEAREST)
        return Cut(np.asarray(photo)[None], np.asarray(mask)[None], np.zeros((1, 2), np.int64))
    (height, width), bands = ids.shape, image.shape[2]
    rows, cols = grid(height, width, patch_size, fit)
    if fit == "pad":
        pad = ((0, rows * patch_size - height), (0, cols * patch_size - width))
        image = np.pad(image, (*pad, (0, 0)), mode="edge")
        ids = np.pad(ids, pad, constant_values=IGNORE)
    image = image[: rows * patch_size, : cols * patch_size]
    ids = ids[: rows * patch_size, : cols * patch_size]
    tiles = image.reshape(rows, patch_size, cols, patch_size, bands).swapaxes(1, 2)
    masks = ids.reshape(rows, patch_size, cols, patch_size).swapaxes(1, 2)
    corners = np.mgrid[:rows, :cols].reshape(2, -1).T * patch_size
    return Cut(
        np.ascontiguousarray(tiles).reshape(-1, patch_size, patch_size, bands),
        np.ascontiguousarray(masks).reshape(-1, patch_size, patch_size),
        corners.astype(np.int64),
    )
