"""A measure of feature distances that can be worked by hand."""

import torch
from torch import Tensor

from terrazzo.model.familiarity.reference import Familiarity

CORNERS = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
"""Four features of two channels: mean 0, and both deviations the root of 1/2."""


def corners(times: int) -> Tensor:
    """The four corners over and over, (4 times, 2)."""
    return CORNERS.repeat(times, 1)


def stated(threshold: float = 2.0, reached: float = 1.5, other_places: bool = True) -> Familiarity:
    """What a header might state."""
    return Familiarity((0, 1), 24, 30, 1.2, {"north": reached, "south": 1.0}, other_places, threshold)
