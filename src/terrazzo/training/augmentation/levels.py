"""The levels that pixels may have, so that augmentation leaves deeper bands the range that they came with."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Levels:
    """What the levels of each sample's bands may be: 0 to 255, or as far beyond as the band itself reaches."""

    lowest: Tensor | None = None
    highest: Tensor | None = None
    """(B, C, 1, 1); None: 0 and 255 everywhere."""

    @classmethod
    def of(cls, images: Tensor) -> "Levels":
        """Those of images (B, C, H, W)."""
        if images.dtype == torch.uint8:
            return EIGHT_BITS
        sides = (2, 3)
        return cls(images.amin(sides, keepdim=True).clamp(max=0), images.amax(sides, keepdim=True).clamp(min=255))

    def over(self, images: Tensor) -> "Levels":
        """Those that images (B, C, H, W) need as well: deeper levels may have come from another patch."""
        if self.lowest is None or self.highest is None:
            return self
        sides = (2, 3)
        lowest = torch.minimum(self.lowest, images.amin(sides, keepdim=True))
        return Levels(lowest, torch.maximum(self.highest, images.amax(sides, keepdim=True)))

    def at(self, rows: Tensor | slice, bands: list[int] | slice = slice(None)) -> "Levels":
        """Those of some samples and bands."""
        if self.lowest is None or self.highest is None:
            return self
        return Levels(self.lowest[rows][:, bands], self.highest[rows][:, bands])

    def clamp_(self, images: Tensor) -> Tensor:
        """The images, clipped in place."""
        if self.lowest is None or self.highest is None:
            return images.clamp_(0, 255)
        return images.clamp_(self.lowest, self.highest)


EIGHT_BITS = Levels()
