"""The augmentation that a recipe asks for, as one value: geometry, pasted classes, colours, then other sensors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from terrazzo.errors import RecipeError
from terrazzo.pixels.bands.light import Light, light_of
from terrazzo.recipe.sections import AugmentSection
from terrazzo.training.augmentation.colours import jittered
from terrazzo.training.augmentation.draws import Draws, draw
from terrazzo.training.augmentation.geometry import flip_and_turn, sampling_matrices, warp, warp_some, window_matrices
from terrazzo.training.augmentation.levels import Levels
from terrazzo.training.augmentation.mixing import mixed
from terrazzo.training.augmentation.robust import as_elsewhere
from terrazzo.training.ranks.rank import ALONE, Rank


@dataclass(frozen=True)
class Augmentation:
    """The augmentation that a recipe's section describes. Call it with images, masks and a seed."""

    section: AugmentSection
    light: Light | None = None
    """Which bands are light; None: all are, as in photos."""

    def __call__(self, images: Tensor, masks: Tensor, seed: int, rank: Rank = ALONE) -> tuple[Tensor, Tensor]:
        """Augmented copies of images (B, C, H, W) uint8 or levels and masks (B, H, W) uint8; the images are float32.

        With `crop` they have that height and width. Levels of 0..255 stay in that range, others in that of their band.
        Equal arguments give equal results. Where H and W differ, quarter turns are half turns. Raises RecipeError for
        saturation on images without red, green and blue.

        What several ranks share of a batch is moved and coloured as one process would do it. `mix_classes` and
        `robust`, which look at the whole batch, have numbers of their own on each rank.
        """
        section, light = self.section, self.light or light_of(None, images.shape[1])
        if section.saturation and light.rgb is None:
            raise RecipeError(
                f"augment.saturation = {section.saturation:g} needs red, green and blue, which these images of "
                f"{images.shape[1]} bands do not have; set augment.saturation to 0"
            )
        # Half-precision positions would move pixels: no autocast here.
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self._changed(images, masks, seed, light, rank)

    def _changed(self, images: Tensor, masks: Tensor, seed: int, light: Light, rank: Rank) -> tuple[Tensor, Tensor]:
        section, levels = self.section, Levels.of(images)
        draws, seed = draw(section, len(images), seed, rank), rank.seed(seed)
        images, masks = self._moved(images, masks, draws, levels)
        if section.mix_classes:
            images, masks = mixed(images, masks, section.mix_classes, seed)
            levels = levels.over(images)
        if section.brightness or section.contrast or section.saturation:
            images = jittered(images, draws, light, levels)
        if section.robust:
            images = as_elsewhere(images, section.robust, seed, light, levels)
        return images, masks

    def _moved(self, images: Tensor, masks: Tensor, draws: Draws, levels: Levels) -> tuple[Tensor, Tensor]:
        """Flipped and turned copies, then resampled once."""
        section = self.section
        height, width = images.shape[-2:]
        turns = draws.turns if height == width else draws.turns // 2 * 2
        images = flip_and_turn(images, draws.hflip, draws.vflip, turns).float()
        masks = flip_and_turn(masks, draws.hflip, draws.vflip, turns)
        bends = bool(section.rotate_deg or section.zoom or section.scale)
        if section.crop:
            bent = draws.warped & bends
            matrices = window_matrices(draws, bent, section.crop, height, width)
            return warp(images, masks, matrices, section.fill, levels, section.crop)
        if bends or section.shift_x or section.shift_y:
            matrices = sampling_matrices(draws, height, width)
            return warp_some(images, masks, matrices, draws.warped, section.fill, levels)
        return images, masks
