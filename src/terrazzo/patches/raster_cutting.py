"""A row of patches cut from an image and its labels."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from terrazzo.classes.schema import IGNORE
from terrazzo.patches.cutting import Cut, cut
from terrazzo.pixels.rasters import RasterPixels
from terrazzo.scenes.labelled_rasters.labelling import GridLabels
from terrazzo.scenes.labelled_rasters.strips import Window
from terrazzo.system.reporting import how_many


@dataclass
class Tally:
    """What was counted while one scene was cut."""

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
        """What is to be told of it; nothing where nothing was cut."""
        n = self.n_pixels
        if not n:
            return []
        invalid = f"; {self.n_invalid / n:.1%} have no valid image" if self.n_invalid else ""
        blank = [f"left out: {how_many(self.n_blank, 'patch')} without a labelled pixel"] if self.n_blank else []
        return [f"{self.n_labelled / n:.1%} of its pixels have a label, the others are ignored{invalid}", *blank]


def cut_strip(pixels: RasterPixels, labels: GridLabels, window: Window, patch_size: int, fit: str, tally: Tally) -> Cut:
    """The patches of a window that have a labelled pixel; what is not valid in the image is ignored."""
    image, valid = pixels.read(*window)
    ids = labels.ids(*window)
    ids[~valid] = IGNORE
    tally.hasher.update(np.ascontiguousarray(image).data)
    tally.hasher.update(np.packbits(valid).data)
    tally.n_pixels += ids.size
    tally.n_invalid += int((~valid).sum())
    tally.n_labelled += int((ids != IGNORE).sum())
    pieces = cut(image, ids, patch_size, fit)
    kept = (pieces.masks != IGNORE).any(axis=(1, 2))
    tally.n_blank += int((~kept).sum())
    return Cut(pieces.images[kept], pieces.masks[kept], pieces.corners[kept] + np.array(window[:2]))
