"""Encoders with attention in windows, made to take images of any size.

timm's Swin and MaxViT take one size of image as they are built. Swin has an option that lifts this. MaxViT needs maps
that its windows fill: they are padded with zeros before each attention and cropped after it, as Swin does it. Weights
keep their names and shapes, and images that fit are computed as before.
"""

from types import MethodType
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional as F

_SWIN, _VIT = "tu-swin", ("tu-vit_", "tu-deit")


def encoder_options(arch: str, encoder: str) -> dict[str, object]:
    """The options with which timm builds the encoder for images of any size; empty for most encoders.

    Vision transformers go with dpt alone, which takes their maps of one size.
    """
    if encoder.startswith(_SWIN):
        return {"strict_img_size": False}
    return {"dynamic_img_size": True} if arch == "dpt" and encoder.startswith(_VIT) else {}


def pad_windows(network: nn.Module) -> nn.Module:
    """The network with the window attention of MaxViT padded, in place; other networks are left alone."""
    from timm.models.maxxvit import ParallelPartitionAttention, PartitionAttention2d, PartitionAttentionCl

    for module in network.modules():
        if isinstance(module, PartitionAttentionCl | ParallelPartitionAttention):
            module._partition_attn = MethodType(_padded_rows_first, module)  # type: ignore[method-assign]
        elif isinstance(module, PartitionAttention2d):
            module._partition_attn = MethodType(_padded_channels_first, module)  # type: ignore[method-assign]
    return network


def missing(length: int, window: int) -> int:
    """How many pixels a side lacks: `(length + missing) % window == 0` and `0 <= missing < window`."""
    return -length % window


def _padded_rows_first(self: Any, x: Tensor) -> Tensor:
    """The attention (B, H, W, C) of a map (B, H, W, C) of any height and width."""
    height, width = x.shape[1:3]
    bottom, right = (missing(n, window) for n, window in zip((height, width), self.partition_size, strict=True))
    if bottom or right:
        x = F.pad(x, (0, 0, 0, right, 0, bottom))
    return cast(Tensor, type(self)._partition_attn(self, x))[:, :height, :width]


def _padded_channels_first(self: Any, x: Tensor) -> Tensor:
    """The attention (B, C, H, W) of a map (B, C, H, W) of any height and width."""
    height, width = x.shape[2:]
    bottom, right = (missing(n, window) for n, window in zip((height, width), self.partition_size, strict=True))
    if bottom or right:
        x = F.pad(x, (0, right, 0, bottom))
    return cast(Tensor, type(self)._partition_attn(self, x))[..., :height, :width]
