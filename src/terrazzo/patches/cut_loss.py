"""What is lost where images are cut into patches: margins that fill no patch, classes, patches without a label."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from terrazzo.patches.cutting import grid
from terrazzo.system.reporting import how_many, listed

MUCH = 0.2
"""A larger share of the pixels outside all patches is warned of."""

_UNCOUNTED = np.zeros(0, np.bool_)


@dataclass
class CutLoss:
    """Counts over all images that are cut with one patch size and fit."""

    patch_size: int
    fit: str
    n_pixels: int = 0
    n_cut_off: int = 0
    """Pixels outside all patches."""
    n_blank: int = 0
    """Patches without a labelled pixel, left out."""
    n_patches: int = 0
    """Patches with those left out."""
    classes: set[int] = field(default_factory=set)
    """Classes that the images hold, as far as that is known."""

    def add(self, height: int, width: int, labelled: NDArray[np.bool_] = _UNCOUNTED) -> None:
        """Count an image; `labelled` (n,) says which of its patches have a labelled pixel, where that is counted."""
        self.n_patches += len(labelled)
        self.n_blank += int((~labelled).sum())
        rows, cols = grid(height, width, self.patch_size, self.fit)
        inside = rows * cols * self.patch_size**2 if self.fit == "crop" else height * width
        self.n_pixels += height * width
        self.n_cut_off += height * width - inside

    @property
    def share(self) -> float:
        """The share (0..1) of the pixels that lie outside all patches."""
        return self.n_cut_off / self.n_pixels if self.n_pixels else 0.0

    def notes(self) -> list[str]:
        """What was left out, counted; the margins only up to the share that is warned of."""
        blank = f"left out: {self.n_blank} of {how_many(self.n_patches, 'patch')} without a labelled pixel"
        return [*([f"{self._margins()}"] if 0 < self.share <= MUCH else []), *([blank] if self.n_blank else [])]

    def lost(self, class_pixels: NDArray[np.int64]) -> list[int]:
        """The classes that the images hold and the patches, by their class pixels (N, K), do not."""
        left = class_pixels.sum(axis=0) > 0
        return [number for number in sorted(self.classes) if not left[number]]

    def warnings(self, class_pixels: NDArray[np.int64], names: Sequence[str]) -> list[str]:
        """A line where more than a fifth of the pixels is lost, and one where classes are, with the remedy."""
        told = []
        if self.share > MUCH:
            told.append(f"{self._margins()}; --fit pad keeps them, a smaller --patch-size most of them")
        if lost := [names[number] for number in self.lost(class_pixels)]:
            has = f"{listed(lost)} {'has' if len(lost) == 1 else 'have'} no pixel"
            if self.fit == "resize":
                told.append(f"--fit resize: {has} in the smaller images; use --fit pad or a larger --patch-size")
            else:
                told.append(
                    f"--fit {self.fit}: {has} in any patch, only outside them; use --fit pad or a smaller --patch-size"
                )
        return told

    def _margins(self) -> str:
        return f"--fit crop: {self.share:.1%} of the pixels fill no whole patch of {self.patch_size} px and are cut off"
