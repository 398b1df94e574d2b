"""What a split is made from: where each patch comes from, and what is in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SIDES = ("train", "val", "test")
NO_SIDE = "none"
"""The side of patches in the buffer around a validation or test block: nothing is done with them."""
Side = Literal["train", "val", "test"]


@dataclass(frozen=True, eq=False)
class Ground:
    """Where N patches lie on the ground, across images."""

    joined: NDArray[np.int64]
    """(N,) number of the image, one for all that touch or overlap."""
    scene: NDArray[np.int64]
    """(N,) number of the image, one for all that lie near one another in one pixel grid."""
    places: NDArray[np.float64]
    """(N, 2) row and column of each patch's top left pixel in its scene; in tenths of a pixel,
    whole where the images' pixels coincide."""
    unlike: tuple[str, ...] = ()
    """Images near one another in different grids, as they are told: between them no distance is known."""


@dataclass(frozen=True)
class PatchOrigins:
    """Where each of N patches comes from, and what is in it."""

    image: NDArray[np.int64]
    """(N,) number of the image."""
    group: NDArray[np.int64]
    """(N,) number of the group."""
    given: tuple[str | None, ...]
    """(N,) the side that the layout assigns, or None."""
    class_pixels: NDArray[np.int64]
    """(N, K) valid pixels by class."""
    valid_pixels: NDArray[np.int64]
    """(N,) valid pixels."""
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    corners: NDArray[np.int64]
    """(N, 2) row and column of each patch's top left pixel in its image, multiples of the patch size."""
    patch_size: int
    ground: Ground | None = None
    """None: no image is near another, as with pictures."""

    @property
    def on_ground(self) -> Ground:
        """Where the patches lie; each image apart from all others where nothing is known."""
        return self.ground or Ground(self.image, self.image, self.corners.astype(np.float64))
