"""What a split is made of: the options asked for, and where each patch comes from and what is in it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import SplitError

METHODS = ("given", "group", "image", "block", "patch")
SIDES = ("train", "val", "test")
NO_SIDE = "none"
"""The side of patches in the buffer around a validation or test block: nothing is done with them."""
Side = Literal["train", "val", "test"]


@dataclass(frozen=True)
class SplitOptions:
    """What is asked for: the method (None: chosen by what is there), shares of val and test, the seed."""

    method: str | None = None
    val: float = 0.2
    test: float = 0.0
    seed: int = 0
    block_size: int | None = None
    """Patches along the side of a block; None: 4, or fewer where the images are small."""
    buffer: int | None = None
    """Pixels between a training patch and a validation or test block; None: one patch."""

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in METHODS:
            raise SplitError(f"--split {self.method}: expected {', '.join(METHODS)}")
        for flag, share in (("--val", self.val), ("--test", self.test)):
            if not 0 <= share < 1:
                raise SplitError(f"{flag} {share}: expected a share of at least 0 and below 1, as in {flag} 0.2")
        if self.val + self.test >= 1:
            raise SplitError(
                f"--val {self.val} and --test {self.test} leave nothing to train on; their sum must be below 1"
            )
        if self.seed < 0:
            raise SplitError(f"--seed {self.seed}: expected a whole number from 0 on")
        if self.block_size is not None and self.block_size < 1:
            raise SplitError(f"--block-size {self.block_size}: expected patches along the side of a block, from 1 on")
        if self.buffer is not None and self.buffer < 0:
            raise SplitError(f"--buffer {self.buffer}: expected pixels between the sides, from 0 on")
        for flag, value in (("--block-size", self.block_size), ("--buffer", self.buffer)):
            if value is not None and self.method not in (None, "block"):
                raise SplitError(f"{flag} {value}: is for --split block, not for --split {self.method}")

    def buffer_px(self, patch_size: int) -> int:
        """The pixels that a block split keeps between the sides: one patch where none are asked for."""
        return patch_size if self.buffer is None else self.buffer

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value; the block's options only where they are given."""
        value = asdict(self)
        return {name: value[name] for name in value if name not in ("block_size", "buffer") or value[name] is not None}


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
