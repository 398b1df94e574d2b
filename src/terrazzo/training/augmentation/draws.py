"""The random numbers of a batch: those of geometry and colours, and a source of numbers for each other kind."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from terrazzo.recipe.sections import AugmentSection
from terrazzo.training.ranks.rank import ALONE, Rank

KINDS = ("window", "mix", "touched", "tint", "gamma", "histogram", "spectrum", "blur", "resolution", "noise", "jpeg")
"""What has numbers of its own. A new kind goes to the end, as its place enters the seed."""


@dataclass(frozen=True)
class Draws:
    """The random numbers of a batch, (B,) each, on the CPU."""

    hflip: Tensor  # bool
    vflip: Tensor  # bool
    turns: Tensor  # quarter turns counter-clockwise, 0..3
    warped: Tensor  # bool: whether the affine map applies
    angle: Tensor  # degrees counter-clockwise
    shift_x: Tensor  # share of the width, to the right
    shift_y: Tensor  # share of the height, down
    zoom: Tensor  # above 1 enlarges
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    place_x: Tensor  # of the window: 0 = as far left as it goes, 1 = right
    place_y: Tensor  # 0 = up, 1 = down


def draw(section: AugmentSection, n: int, seed: int, rank: Rank = ALONE) -> Draws:
    """The random numbers of `n` samples under `seed`. Options that are off are drawn, too, and change nothing.

    `scale` is drawn evenly on a log scale: half of the factors of 0.5..2 lie below 1. Law: the numbers of all ranks in
    their order are those of one process that has all samples.
    """
    everywhere = n * rank.count
    chance = rank.rows_of(torch.rand((everywhere, 11), generator=torch.Generator().manual_seed(seed))).unbind(dim=1)
    place = rank.rows_of(torch.rand((everywhere, 2), generator=numbers_of("window", seed)))

    def around(center: float, reach: float, column: int) -> Tensor:
        return center + reach * (2 * chance[column] - 1)

    zoom = around(1, section.zoom, 7)
    if section.scale is not None:
        low, high = section.scale
        zoom = low * (math.log(high / low) * chance[7]).exp()
    return Draws(
        hflip=(chance[0] < 0.5) & section.hflip,
        vflip=(chance[1] < 0.5) & section.vflip,
        turns=(chance[2] * 4).long() * section.quarter_turns,
        warped=chance[3] < section.probability,
        angle=around(0, section.rotate_deg, 4),
        shift_x=around(0, section.shift_x, 5),
        shift_y=around(0, section.shift_y, 6),
        zoom=zoom,
        brightness=around(1, section.brightness, 8),
        contrast=around(1, section.contrast, 9),
        saturation=around(1, section.saturation, 10),
        place_x=place[:, 0],
        place_y=place[:, 1],
    )


def numbers_of(kind: str, seed: int) -> torch.Generator:
    """The source of the random numbers of one of `KINDS` under `seed`, independent of those of the others."""
    own = np.random.SeedSequence((seed, KINDS.index(kind))).generate_state(1, np.uint32)[0]
    return torch.Generator().manual_seed(int(own))


def partners(n: int, rows: Tensor, generator: torch.Generator) -> Tensor:
    """For each of `rows` (b,) of a batch of `n` >= 2 patches another patch of the batch, each as likely, (b,)."""
    step = 1 + torch.randint(0, n - 1, (len(rows),), generator=generator)
    return (rows + step) % n
