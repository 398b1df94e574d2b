"""What an interval resamples: the largest parts of a split that may be taken as independent.

Patches of one image show one place, so they are no independent draws: an interval over patches would be far too narrow.
The parts are groups where there are enough, else images, else the blocks of ground that a block split dealt out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.evaluation.request import Inputs
from terrazzo.patches.splits.by_block import cells_of, default_side, number_blocks

ENOUGH = 5
"""With at least this many groups, groups are drawn; with fewer, images or blocks."""

_NOTES = {
    "group": "too narrow: it says nothing of places unlike these",
    "image": "too narrow: images of one place resemble each other",
    "block": "too narrow: blocks of one scene resemble each other",
}


@dataclass(frozen=True)
class Units:
    """The parts of a split that are drawn."""

    kind: str
    """`group`, `image` or `block`."""
    of: NDArray[np.int64]
    """(N,) the number of each patch's part."""
    n: int
    """Parts with a valid pixel."""

    @property
    def words(self) -> str:
        """`5 groups`."""
        return f"{self.n} {self.kind}{'s' * (self.n != 1)}"

    @property
    def note(self) -> str:
        """What an interval over them is worth."""
        return _NOTES[self.kind] if self.n > 1 else "one alone says nothing of the spread"


def units_of(inputs: Inputs, pixels: NDArray[np.int64]) -> Units:
    """The parts that an interval resamples, from the valid pixels (N,) of each scored patch.

    Groups, if five or more of them have valid pixels. Else images; copies and versions of a picture count as one. Of
    fewer than five images in a block split, the split's blocks, if they are more.
    """
    patches, image_of = inputs.patches, inputs.image_of
    names = np.unique(np.array(patches.image_groups), return_inverse=True)[1].reshape(-1)
    groups = _units("group", names[image_of], pixels)
    images = _units("image", patches.image_pictures[image_of], pixels)
    if groups.n >= ENOUGH and patches.image_groups != patches.image_names:
        return groups
    if images.n < ENOUGH and patches.description["split_method"] == "block":
        blocks = _units("block", _blocks(inputs), pixels)
        return blocks if blocks.n > images.n else images
    return images


def _units(kind: str, of: NDArray[np.int64], pixels: NDArray[np.int64]) -> Units:
    return Units(kind, of, len(np.unique(of[pixels > 0])))


def _blocks(inputs: Inputs) -> NDArray[np.int64]:
    """The number (N,) of the block of its image that each scored patch is in, as `--split block` counts them."""
    patches = inputs.patches
    cells = cells_of(patches.corners, patches.patch_size)
    given = patches.description.get("split_options", {}).get("block_size")
    side = given or default_side(patches.image_of, cells)
    return number_blocks(patches.image_of, cells, side)[inputs.rows]
