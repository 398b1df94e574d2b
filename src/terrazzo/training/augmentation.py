"""Random augmentation of images and masks together: flips, quarter turns, one affine resampling, colour jitter.

Geometry is the same for all bands. Colours change in bands of light alone (`bands.light`): a height is a height in any
weather. Pixels are grey levels: deeper ones come with the range of each band as 0..255, and may lie beyond it.

Masks are never interpolated. Flips and quarter turns move pixels and leave their values alone. Rotation, shift and zoom
are one affine map, bilinear for the image and nearest for the mask, so nothing is resampled twice. Pixels from outside
the image are mirrored from inside (`fill: reflect`), or mirrored in the image and ignore in the mask (`fill: ignore`).
Libraries fill masks with 0, which is a class; `warp` says how this is avoided.

The result depends on the seed argument alone. No global random state is read or changed, and the numbers are drawn on
the CPU whatever the device. Each option has its own numbers, so switching one on does not change the others.

Built on `grid_sample` and not on kornia. On eight 256 x 256 RGB patches and two CPU threads, flips and turns took 14 ms
in kornia and 1.5 ms here. Rotation, shift and zoom took 11 ms and 6 ms. Kornia also draws from the global random
state and takes half a second to import.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import RecipeError
from terrazzo.pixels.bands.light import Light, light_of
from terrazzo.recipe.sections import AugmentSection

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: the grey that saturation pulls towards


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


@dataclass(frozen=True)
class Augmentation:
    """The augmentation that a recipe's section describes. Call it with images, masks and a seed."""

    section: AugmentSection
    light: Light | None = None
    """Which bands are light; None: all are, as in photos."""

    def __call__(self, images: Tensor, masks: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Augmented copies of images (B, C, H, W) uint8 or levels and masks (B, H, W) uint8; the images are float32.

        Levels of 0..255 stay in that range, others in that of their band. Equal arguments give equal results. Where H
        and W differ, quarter turns are half turns. Raises RecipeError for saturation on images without red, green and
        blue.
        """
        section, light = self.section, self.light or light_of(None, images.shape[1])
        if section.saturation and light.rgb is None:
            raise RecipeError(
                f"augment.saturation = {section.saturation:g} needs red, green and blue, which these images of "
                f"{images.shape[1]} bands do not have; set augment.saturation to 0"
            )
        # Half-precision positions would move pixels: no autocast here.
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self._changed(images, masks, draw(section, len(images), seed), light)

    def _changed(self, images: Tensor, masks: Tensor, draws: Draws, light: Light) -> tuple[Tensor, Tensor]:
        section, levels = self.section, Levels.of(images)
        height, width = images.shape[-2:]
        turns = draws.turns if height == width else draws.turns // 2 * 2
        images = flip_and_turn(images, draws.hflip, draws.vflip, turns).float()
        masks = flip_and_turn(masks, draws.hflip, draws.vflip, turns)
        if section.rotate_deg or section.shift_x or section.shift_y or section.zoom:
            matrices = sampling_matrices(draws, height, width)
            images, masks = _warp_some(images, masks, matrices, draws.warped, section.fill, levels)
        if section.brightness or section.contrast or section.saturation:
            images = _jittered(images, draws, light, levels)
        return images, masks


def draw(section: AugmentSection, n: int, seed: int) -> Draws:
    """The random numbers of `n` samples under `seed`. Options that are off are drawn, too, and change nothing."""
    chance = torch.rand((n, 11), generator=torch.Generator().manual_seed(seed)).unbind(dim=1)

    def around(center: float, reach: float, column: int) -> Tensor:
        return center + reach * (2 * chance[column] - 1)

    return Draws(
        hflip=(chance[0] < 0.5) & section.hflip,
        vflip=(chance[1] < 0.5) & section.vflip,
        turns=(chance[2] * 4).long() * section.quarter_turns,
        warped=chance[3] < section.probability,
        angle=around(0, section.rotate_deg, 4),
        shift_x=around(0, section.shift_x, 5),
        shift_y=around(0, section.shift_y, 6),
        zoom=around(1, section.zoom, 7),
        brightness=around(1, section.brightness, 8),
        contrast=around(1, section.contrast, 9),
        saturation=around(1, section.saturation, 10),
    )


def flip_and_turn(batch: Tensor, hflip: Tensor, vflip: Tensor, turns: Tensor) -> Tensor:
    """`batch` (B, ..., H, W) with each sample mirrored left-right and up-down, then turned, all without resampling.

    `hflip` and `vflip` (B,) say which samples are mirrored. `turns` (B,) counts quarter turns counter-clockwise; 1 and
    3 need H = W.
    """
    changed = torch.empty_like(batch)
    for sample, out, h, v, k in zip(batch, changed, hflip.tolist(), vflip.tolist(), turns.tolist(), strict=True):
        flipped = sample.flip([axis for axis, asked in ((-1, h), (-2, v)) if asked]) if h or v else sample
        out.copy_(flipped.rot90(k, (-2, -1)) if k else flipped)
    return changed


def sampling_matrices(draws: Draws, height: int, width: int) -> Tensor:
    """The maps (B, 2, 3) from output to source positions, (x, y) in -1..1, that `torch.affine_grid` takes.

    An output pixel at p from the centre, in pixels, takes its value from R(p - shift) / zoom, where R undoes the
    rotation. The ratio of the sides enters, so that a rotation stays one where H and W differ.
    """
    radians = draws.angle * (math.pi / 180)
    cos, sin = radians.cos() / draws.zoom, radians.sin() / draws.zoom
    aspect = height / width
    x_from = torch.stack([cos, -sin * aspect], dim=1)
    y_from = torch.stack([sin / aspect, cos], dim=1)
    linear = torch.stack([x_from, y_from], dim=1)
    shift = 2 * torch.stack([draws.shift_x, draws.shift_y], dim=1)
    return torch.cat([linear, -linear @ shift[:, :, None]], dim=2)


def warp(
    images: Tensor, masks: Tensor, matrices: Tensor, fill: str, levels: Levels = EIGHT_BITS
) -> tuple[Tensor, Tensor]:
    """Images (B, C, H, W) float32 and masks (B, H, W) uint8 resampled through `sampling_matrices`, (B, 2, 3).

    Images are mirrored at their edges. With `fill` "ignore" a mask pixel from outside the image is ignore. Masks are
    sampled as their distance above ignore (mod 256), so that the 0 that sampling fills in means ignore.
    """
    grid = F.affine_grid(matrices, [len(images), 1, *images.shape[-2:]], align_corners=False)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    above_ignore = (masks - IGNORE)[:, None].float()
    padding = "zeros" if fill == "ignore" else "reflection"
    above_ignore = F.grid_sample(above_ignore, grid, mode="nearest", padding_mode=padding, align_corners=False)
    # Clamped because the weights of a bilinear mean sum to 1 up to rounding only.
    return levels.clamp_(images), above_ignore[:, 0].to(torch.uint8) + IGNORE


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
        factor.to(images.device)[:, None, None, None] for factor in (brightness, contrast, saturation)
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


def _jittered(images: Tensor, draws: Draws, light: Light, levels: Levels) -> Tensor:
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


def _warp_some(
    images: Tensor, masks: Tensor, matrices: Tensor, warped: Tensor, fill: str, levels: Levels
) -> tuple[Tensor, Tensor]:
    """`warp` of the samples where `warped` (B,) is true; the others unchanged."""
    if warped.all():
        return warp(images, masks, matrices.to(images.device), fill, levels)
    rows = warped.nonzero()[:, 0]
    if len(rows):
        matrices, rows = matrices[rows].to(images.device), rows.to(images.device)
        images[rows], masks[rows] = warp(images[rows], masks[rows], matrices, fill, levels.at(rows))
    return images, masks
