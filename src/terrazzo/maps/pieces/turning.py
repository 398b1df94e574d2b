"""Test-time augmentation: probabilities averaged over mirror images of each window."""

from dataclasses import dataclass
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.model.predictor import Classify

NONE, FLIPS, D4 = "none", "flips", "d4"
_COUNTS = {NONE: 1, FLIPS: 4, D4: 8}


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the square: flipped upside down or not, mirrored or not, then transposed or not."""

    upside_down: bool
    mirrored: bool
    transposed: bool

    def turn(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels (B, C, H, W), turned."""
        seen = pixels[..., :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
        return np.ascontiguousarray(seen.swapaxes(2, 3) if self.transposed else seen)

    def back(self, probs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (B, K, H, W) of turned pixels, turned back. Law: `back(turn(x)) == x`."""
        seen = probs.swapaxes(2, 3) if self.transposed else probs
        return seen[..., :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


def symmetries(tta: str) -> tuple[Symmetry, ...]:
    """The symmetries of `none` (1), `flips` (4) or `d4` (8). Raises InputError for another word."""
    if tta not in _COUNTS:
        raise InputError(f"--tta {tta}: expected {', '.join(_COUNTS)}")
    every = (Symmetry(down, mirrored, transposed) for transposed, down, mirrored in product((False, True), repeat=3))
    return tuple(islice(every, _COUNTS[tta]))


def averaging(classify: Classify, tta: str) -> Classify:
    """`classify` averaged over the symmetries of `tta`, always added up in the same order."""
    chosen = symmetries(tta)
    if len(chosen) == 1:
        return classify

    def averaged(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        total = chosen[0].back(classify(chosen[0].turn(pixels))).copy()
        for symmetry in chosen[1:]:
            total += symmetry.back(classify(symmetry.turn(pixels)))
        total /= len(chosen)
        return total

    return averaged
