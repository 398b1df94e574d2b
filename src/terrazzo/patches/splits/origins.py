"""The basis of a split: where each patch comes from and what is in it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

SIDES = ("train", "val", "test")
NO_SIDE = "none"
"""The side of patches in the buffer around a validation or test block; they are not used."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Where N patches lie on the ground, across images."""

    joined: NDArray[np.int64]
    """(N,) number of the image; images that touch or overlap share one."""
    scene: NDArray[np.int64]
    """(N,) number of the image; images near one another in one pixel grid share one."""
    places: NDArray[np.float64]
    """(N, 2) row and column of each patch's top left pixel in its scene, rounded to 0.1 pixels."""
    unlike: tuple[str, ...] = ()
    """Warnings of images near one another in different grids, between which no distance is known."""


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
    """None: no image is known to be near another or to be its copy."""
    picture: NDArray[np.int64] | None = None
    """(N,) number of the picture that an image is a copy or version of; None: each image is one picture."""
    source: NDArray[np.int64] | None = None
    """(N,) number of the data set that the image is of; None: all are of one."""

    @property
    def on_ground(self) -> Ground:
        """Where the patches lie; each image is apart from all others where nothing is known."""
        return self.ground or Ground(self.image, self.image, self.corners.astype(np.float64))

    @property
    def pictures(self) -> NDArray[np.int64]:
        """(N,) number of the picture; copies and versions share one."""
        return self.image if self.picture is None else self.picture

    def rows(self, rows: NDArray[np.int64]) -> "PatchOrigins":
        """These patches alone, without given sides."""
        ground = self.ground
        if ground is not None:
            ground = replace(ground, joined=ground.joined[rows], scene=ground.scene[rows], places=ground.places[rows])
        return replace(
            self,
            image=self.image[rows],
            group=self.group[rows],
            given=(None,) * len(rows),
            class_pixels=self.class_pixels[rows],
            valid_pixels=self.valid_pixels[rows],
            corners=self.corners[rows],
            ground=ground,
            picture=None if self.picture is None else self.picture[rows],
            source=None if self.source is None else self.source[rows],
        )
