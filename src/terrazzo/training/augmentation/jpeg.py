"""JPEG compression as a photo would suffer it: a batch of patches, each at a quality of its own, on the batch's device.

The lossy part of ISO/IEC 10918-1: YCbCr, chroma halved, 8 x 8 cosine transform, quantization with the tables of annex K
scaled as libjpeg does. The lossless coding of the result is left out, as it changes nothing.

Pillow's JPEG of the same quality (4:2:0) differs by 1.2 grey levels on average, as it rounds to whole levels between
the steps. The compression itself changes aerial photos by 3 (quality 90) to 11 (quality 20).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61), *(12, 12, 14, 19, 26, 58, 60, 55), *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62), *(18, 22, 37, 56, 68, 109, 103, 77), *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101), *(72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMINANCE = (
    *(17, 18, 24, 47, 99, 99, 99, 99), *(18, 21, 26, 66, 99, 99, 99, 99), *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99), *(99,) * 32,
)  # fmt: skip
"""Annex K, tables K.1 and K.2, row by row."""

_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
"""JFIF 1.02, chroma about 0."""
_SIDE = 16  # two blocks, so that halved chroma has whole ones


def compressed(images: Tensor, quality: Tensor, rgb: tuple[int, int, int] | None) -> Tensor:
    """Images (B, C, H, W) float32 grey levels, compressed at `quality` (B,), 1..100, whole numbers on the CPU.

    The bands `rgb` are coded together, with halved chroma. All others, and all without `rgb`, are coded band by band
    with the luminance table. Values are not clipped to 0..255 and not rounded.
    """
    tables = scaled_tables(quality).to(images.device, non_blocking=True)
    height, width = images.shape[-2:]
    padded = F.pad(images, (0, -width % _SIDE, 0, -height % _SIDE), mode="replicate") - 128
    bands = images.shape[1]
    if rgb == (0, 1, 2) and bands == 3:
        coded = _coded_colours(padded, tables)
    else:
        coded = torch.empty_like(padded)
        if rgb is not None:
            colours = torch.stack([padded[:, band] for band in rgb], dim=1)
            for band, plane in zip(rgb, _coded_colours(colours, tables).unbind(dim=1), strict=True):
                coded[:, band] = plane
        for band in range(bands):
            if rgb is None or band not in rgb:
                coded[:, band : band + 1] = _coded(padded[:, band : band + 1], tables[:, 0])
    return coded[..., :height, :width] + 128


def scaled_tables(quality: Tensor) -> Tensor:
    """The tables of luminance and chrominance, (B, 2, 8, 8), scaled as libjpeg does: quality 50 is as printed."""
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    printed = torch.tensor((LUMINANCE, CHROMINANCE), dtype=torch.float32).view(1, 2, 8, 8)
    return ((printed * percent[:, None, None, None] + 50) / 100).floor().clamp(1, 255)


def quality_of(steps: Tensor) -> Tensor:
    """The whole quality, 1..100, whose tables are nearest to `steps` times the printed ones; `steps` is above 0.

    0.2 is quality 90, 1 is 50, 5 is 10. What is lost grows with the step, which is far from even over quality.
    """
    percent = 100 * steps
    return torch.where(percent <= 100, (200 - percent) / 2, 5000 / percent).round().clamp(1, 100)


def _coded_colours(rgb: Tensor, tables: Tensor) -> Tensor:
    """Red, green and blue (B, 3, H, W) about 0, coded as luminance and halved chroma."""
    ycc = _mixed(rgb, _TO_YCC)
    luma = _coded(ycc[:, :1], tables[:, 0])
    chroma = _coded(F.avg_pool2d(ycc[:, 1:], 2), tables[:, 1])
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    return _mixed(torch.cat([luma, chroma], dim=1), _TO_RGB)


def _mixed(images: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Each pixel's bands times a matrix, written out: a GPU needs no copy of it."""
    first, second, third = images.unbind(dim=1)
    return torch.stack([a * first + b * second + c * third for a, b, c in matrix], dim=1)


def _coded(planes: Tensor, table: Tensor) -> Tensor:
    """Planes (B, C, H, W) about 0, quantized by (B, 8, 8) in the cosine transform of each 8 x 8 block."""
    b, c, height, width = planes.shape
    cosines = _cosines(planes)
    steps = table.repeat(1, 1, width // 8)[:, None, None]
    rows = (planes.reshape(-1, 8) @ cosines.T).view(b, c, height // 8, 8, width)
    coefficients = (cosines @ rows).div_(steps).round_().mul_(steps)
    return ((cosines.T @ coefficients).view(-1, 8) @ cosines).view(b, c, height, width)


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal cosine transform of 8 values as a matrix (8, 8), one frequency a row."""
    place = torch.arange(8, device=like.device, dtype=torch.float32)
    waves = ((2 * place + 1)[None] * place[:, None] * (math.pi / 16)).cos() / 2
    return torch.where(place[:, None] == 0, math.sqrt(1 / 8), waves)
