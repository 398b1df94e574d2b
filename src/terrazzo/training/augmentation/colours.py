"""Brightness, contrast and saturation, in bands of light alone: a height is a height in any weather."""

import torch
from torch import Tensor

from terrazzo.pixels.bands.light import Light
from terrazzo.training.augmentation.draws import Draws
from terrazzo.training.augmentation.levels import EIGHT_BITS, Levels

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601: the grey that saturation pulls towards."""


def jitter(
    images: Tensor,
    brightness: Tensor,
    contrast: Tensor,
    saturation: Tensor,
    rgb: tuple[int, int, int] = (0, 1, 2),
    levels: Levels = EIGHT_BITS,
) -> Tensor:
    """Images (B, C, H, W) times brightness, then stretched about their own mean, then about their own grey.

    Factors are (B,), 1 = no change. The mean is that of the whole brightened sample, over all bands. Values are
    clipped once, at the end: to 0..255, or what their band had beyond. Saturation changes the bands `rgb`, and is
    skipped where all factors are 1.
    """
    grey_matters = bool((saturation != 1).any())
    brightness, contrast, saturation = (
        factor.to(images.device, non_blocking=True)[:, None, None, None]
        for factor in (brightness, contrast, saturation)
    )
    mean = images.mean(dim=(1, 2, 3), keepdim=True) * brightness
    images = torch.addcmul(mean * (1 - contrast), images, brightness * contrast)
    if grey_matters:
        red, green, blue = (images[:, place : place + 1] for place in rgb)
        grey = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
        if images.shape[1] == len(LUMA):
            images = torch.lerp(grey, images, saturation)
        else:
            images[:, list(rgb)] = torch.lerp(grey, images[:, list(rgb)], saturation)
    return levels.clamp_(images)


def jittered(images: Tensor, draws: Draws, light: Light, levels: Levels) -> Tensor:
    """`jitter` of the bands of light; the others unchanged."""
    factors = draws.brightness, draws.contrast, draws.saturation
    places = list(light.places)
    rgb = (0, 1, 2) if light.rgb is None else light.rgb
    if light.everywhere:
        return jitter(images, *factors, rgb, levels)
    if places:
        among = [places.index(place) for place in rgb] if light.rgb is not None else [0, 1, 2]
        images[:, places] = jitter(
            images[:, places], *factors, (among[0], among[1], among[2]), levels.at(slice(None), places)
        )
    return images
