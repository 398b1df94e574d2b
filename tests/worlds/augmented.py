"""Batches of noise with masks, and sections of augmentation with everything off but what a test asks for."""

from typing import Any

import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.recipe.sections import AugmentSection

HEIGHT, WIDTH = 64, 96
AFFINE = {"rotate_deg": 40, "shift_x": 0.2, "shift_y": 0.1, "zoom": 0.3}
JITTER = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3}


def section(**options: Any) -> AugmentSection:
    """A section with everything off but `options`."""
    return AugmentSection(**{"hflip": False, "vflip": False, "quarter_turns": False, **options})


def everything(**options: Any) -> AugmentSection:
    return AugmentSection(**{**AFFINE, **JITTER, "probability": 0.7, **options})


def a_batch(n: int = 4, bands: int = 3, height: int = HEIGHT, width: int = WIDTH) -> tuple[Tensor, Tensor]:
    """Noise, and masks of classes 1, 3, 4 and 7 with ignore among them."""
    generator = torch.Generator().manual_seed(7)
    images = torch.randint(0, 256, (n, bands, height, width), generator=generator, dtype=torch.uint8)
    values = torch.tensor([1, 3, 4, 7, IGNORE], dtype=torch.uint8)
    return images, values[torch.randint(0, 5, (n, height, width), generator=generator)]
