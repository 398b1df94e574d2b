"""Rasters cut by rows of patches, so that memory does not grow with the scene."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from terrazzo.classes.schema import IGNORE
from terrazzo.patches.cutting import Cut, cut, grid
from terrazzo.pixels.rasters.reading import RasterPixels
from terrazzo.scenes.labelled_rasters.labelling import GridLabels
from terrazzo.system.reporting import how_many

STRIP_BYTES = 64 << 20
"""About how many bytes of an image are held at a time, while stored values become patches."""
EIGHT_BIT_BYTES, DEEP_BYTES = 8, 16
"""Bytes of a stored value while it is converted, hashed and cut: to 8 bits, and to a deeper type."""

Window = tuple[int, int, int, int]
"""Row, column, height and width."""


def strips(
    height: int, width: int, bands: int, patch_size: int, fit: str, value_bytes: int = EIGHT_BIT_BYTES
) -> list[Window]:
    """The windows to read one after another, of whole patches, row-major; under `pad` the last ones are smaller.

    Law: under `crop` they cover each whole patch once, under `pad` each pixel once. None is larger than STRIP_BYTES
    allows, unless it is one patch.
    """
    rows, cols = grid(height, width, patch_size, fit)
    height, width = min(height, rows * patch_size), min(width, cols * patch_size)
    step = max(1, STRIP_BYTES // (patch_size * patch_size * bands * value_bytes)) * patch_size
    return [
        (row, col, min(patch_size, height - row), min(step, width - col))
        for row in range(0, height, patch_size)
        for col in range(0, width, step)
    ]


def margins(height: int, width: int, patch_size: int) -> list[Window]:
    """The windows that cropping leaves out, at the right and at the bottom, none larger than a patch.

    Law: with the patches they cover each pixel once.
    """
    rows, cols = grid(height, width, patch_size, "crop")
    right, bottom = cols * patch_size, rows * patch_size
    windows = [(row, right, patch_size, width - right) for row in range(0, bottom, patch_size) if right < width]
    below = [(bottom, col, height - bottom, min(patch_size, width - col)) for col in range(0, width, patch_size)]
    return windows + (below if bottom < height else [])


@dataclass
class CutCount:
    """What is counted while one scene is cut."""

    n_blank: int = 0
    """Patches without a labelled pixel, left out."""
    n_pixels: int = 0
    n_invalid: int = 0
    """Pixels that the image's own mask leaves out."""
    n_labelled: int = 0
    hasher: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    @property
    def pixel_hash(self) -> str:
        """The hash of the pixels as read."""
        return str(self.hasher.hexdigest())

    def notes(self) -> list[str]:
        """The counts in words; none where nothing was cut."""
        n = self.n_pixels
        if not n:
            return []
        invalid = f"; {self.n_invalid / n:.1%} have no valid image" if self.n_invalid else ""
        blank = [f"left out: {how_many(self.n_blank, 'patch')} without a labelled pixel"] if self.n_blank else []
        return [f"{self.n_labelled / n:.1%} of its pixels have a label, the others are ignored{invalid}", *blank]


def cut_strip(
    pixels: RasterPixels, labels: GridLabels, window: Window, patch_size: int, fit: str, count: CutCount
) -> Cut:
    """The patches of a window that have a labelled pixel; pixels that are not valid in the image are ignored."""
    image, valid = pixels.read(*window)
    ids = labels.ids(*window)
    ids[~valid] = IGNORE
    count.hasher.update(np.ascontiguousarray(image).data)
    count.hasher.update(np.packbits(valid).data)
    count.n_pixels += ids.size
    count.n_invalid += int((~valid).sum())
    count.n_labelled += int((ids != IGNORE).sum())
    pieces = cut(image, ids, patch_size, fit)
    kept = (pieces.masks != IGNORE).any(axis=(1, 2))
    count.n_blank += int((~kept).sum())
    return Cut(pieces.images[kept], pieces.masks[kept], pieces.corners[kept] + np.array(window[:2]))
