"""What other light, cameras and seasons do to colours: tint, tone curve, and the looks of another patch.

Images are (B, C, H, W) float32 grey levels, all bands light; numbers are (B,) on the CPU. Nothing is clipped.
"""

import math

import torch
from torch import Tensor

QUANTILES, STEPS = 257, 1021
_SAMPLE = 16_384  # pixels that quantiles are taken from: every second row and column of 256 px

_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""NTSC: luminance, and two axes of colour in whose plane hue is an angle."""


def tinted(images: Tensor, gains: Tensor, hue: Tensor, rgb: tuple[int, int, int] | None) -> Tensor:
    """Each band times its gain, (B, C), after the colours of `rgb` are turned by `hue` radians, luminance kept."""
    bands = images.shape[1]
    matrix = torch.eye(bands).repeat(len(images), 1, 1)
    if rgb is not None:
        places = torch.tensor(rgb)
        matrix[:, places[:, None], places] = _hue_matrices(hue)
    matrix = (matrix * gains[:, :, None]).to(images.device, non_blocking=True)
    return (matrix @ images.flatten(2)).view(images.shape)


def _hue_matrices(hue: Tensor) -> Tensor:
    """What turns red, green and blue by an angle in the plane of colours, (B, 3, 3)."""
    to_yiq = torch.tensor(_TO_YIQ)
    turn = torch.zeros(len(hue), 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = hue.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -hue.sin(), hue.sin()
    back: Tensor = torch.linalg.inv(to_yiq)
    return back @ turn @ to_yiq


def curved(images: Tensor, gamma: Tensor) -> Tensor:
    """Levels of 0..255 as 255 (x / 255)^gamma. What lies beyond stays as far beyond."""
    gamma = gamma.to(images.device, non_blocking=True)[:, None, None, None]
    inside = images.clamp(0, 255)
    return images - inside + 255 * (inside / 255) ** gamma


def with_histogram_of(images: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """Images whose levels go by `share` of the way to those of the same rank in the other image, band by band.

    At 1 each band has the quantiles of the other's. Equal levels stay equal. Quantiles are those of a grid of pixels,
    and levels are looked up in a table of STEPS.
    """
    own, theirs = _quantiles(images), _quantiles(others)
    low, high = own[..., :1], own[..., -1:]
    steps = torch.linspace(0, 1, STEPS, device=images.device)
    table = _of_same_rank(low + (high - low) * steps, own, theirs)
    x = images.flatten(2)
    place = ((x - low) * ((STEPS - 1) / (high - low).clamp(min=1e-6))).clamp_(0, STEPS - 1)
    step = place.long().clamp_(max=STEPS - 2)
    target = torch.lerp(table.gather(2, step), table.gather(2, step + 1), place.sub_(step))
    return torch.lerp(x, target, share.to(images.device, non_blocking=True)[:, None, None]).view(images.shape)


def _of_same_rank(levels: Tensor, own: Tensor, theirs: Tensor) -> Tensor:
    """What the quantiles `theirs` have at the rank that `levels` (B, C, N) have among the quantiles `own`."""
    first = torch.searchsorted(own, levels).clamp_(max=QUANTILES - 1)
    last = torch.searchsorted(own, levels, right=True).sub_(1).clamp_(min=0)
    below, above = own.gather(2, last), own.gather(2, first)
    span = above - below
    # Between two quantiles, in proportion; on a level that several have, in their middle.
    rank = torch.where(span > 0, last + (levels - below) / span.clamp(min=1e-6), (first + last) * 0.5)
    lower = rank.floor().long().clamp_(max=QUANTILES - 2)
    return torch.lerp(theirs.gather(2, lower), theirs.gather(2, lower + 1), rank - lower)


def _quantiles(images: Tensor) -> Tensor:
    """The levels at evenly spaced ranks of each band, (B, C, QUANTILES), ascending."""
    stride = max(1, math.isqrt(images.shape[-2] * images.shape[-1] // _SAMPLE))
    levels = images[..., ::stride, ::stride].flatten(2).sort(dim=2).values
    ranks = torch.linspace(0, levels.shape[2] - 1, QUANTILES, device=images.device).round().long()
    return levels[..., ranks].contiguous()


def with_spectrum_of(images: Tensor, others: Tensor, reach: Tensor, share: Tensor) -> Tensor:
    """Images whose lowest frequencies have, by `share`, the amplitude of the other image's, band by band.

    Frequencies of at most `reach` (whole) cycles a side along both axes, phases kept: FDA (Yang and Soatto 2020, "FDA:
    Fourier Domain Adaptation for Semantic Segmentation"), with reach = beta times the shorter side. The few
    coefficients are computed as such, not by a transform of all.
    """
    height, width = images.shape[-2:]
    most = min(int(reach.max()), (min(height, width) - 1) // 2)
    cycles = torch.arange(-most, most + 1, device=images.device, dtype=torch.float32)
    down, across = _waves(cycles, height), _waves(cycles, width)
    own, theirs = (down @ part.to(down.dtype) @ across.T for part in (images, others))
    share, reach = torch.stack((share, reach.float())).to(images.device, non_blocking=True)[:, :, None, None, None]
    amplitude = torch.lerp(own.abs(), theirs.abs(), share)
    change = torch.polar(amplitude, own.angle()) - own
    swapped = (cycles.abs()[:, None] <= reach) & (cycles.abs() <= reach)
    change = change * swapped
    return images + (down.mH @ change @ across.conj()).real / (height * width)


def _waves(cycles: Tensor, n: int) -> Tensor:
    """The rows of a Fourier transform of `n` values at these frequencies, (F, n) complex."""
    angle = cycles[:, None] * torch.arange(n, device=cycles.device) * (-2 * math.pi / n)
    return torch.polar(torch.ones_like(angle), angle)
