"""Patches whose pixels are made worse when they are read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terrazzo.evaluation.degradations import WHITE, Degradation, Shot
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.pixels.bands.light import Light

if TYPE_CHECKING:
    from torch import Tensor

    from terrazzo.evaluation.scoring import HasPixels
    from terrazzo.model.network import Normalizer


@dataclass(frozen=True)
class DegradedPatches:
    """The pixels of patches at one strength of a degradation. Computed on the CPU, so that devices see the same."""

    patches: "HasPixels"
    degradation: Degradation
    strength: float
    light: Light
    normalizer: "Normalizer"

    def pixels(self, rows: NDArray[np.int64]) -> Pixels:
        """The patches of these numbers, (n, S, S, C), as `Patches.pixels` gives them: uint8, or float32 with NaN."""
        import torch

        pixels = torch.from_numpy(self.patches.pixels(rows)).permute(0, 3, 1, 2)
        if not self.normalizer.deep:
            worse = self._changed(pixels.float(), rows).round_().to(torch.uint8)
            return worse.permute(0, 2, 3, 1).contiguous().numpy()
        grey = self._changed(self.normalizer.to_grey(self.normalizer.filled(pixels)), rows)
        worse = torch.where(torch.isfinite(pixels), self.normalizer.from_grey(grey), pixels)
        places = list(self.light.places)
        found = pixels.clone()
        found[:, places] = worse[:, places]
        return found.permute(0, 2, 3, 1).contiguous().numpy()

    def _changed(self, levels: "Tensor", rows: NDArray[np.int64]) -> "Tensor":
        """Grey levels (n, C, S, S) with their bands of light changed, and clipped to what their bands may hold."""
        places, rgb = list(self.light.places), self.light.rgb
        among = None if rgb is None else (places.index(rgb[0]), places.index(rgb[1]), places.index(rgb[2]))
        before = levels[:, places]
        after = self.degradation.change(Shot(before, tuple(rows.tolist()), among), self.strength)
        lowest = before.amin((2, 3), keepdim=True).clamp(max=0)
        highest = before.amax((2, 3), keepdim=True).clamp(min=WHITE)
        levels = levels.clone()
        levels[:, places] = after.maximum(lowest).minimum(highest)
        return levels
