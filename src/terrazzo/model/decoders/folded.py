"""U-Net decoder blocks that convolve before they upsample: less work on a CPU than the library's blocks.

After nearest upsampling by 2, a 3x3 convolution reads each original pixel several times. Adding up the weights that
meet the same pixel gives a 4x4 transposed convolution with stride 2 on the small map. It takes 4 products per pixel
instead of 9, and neither upsamples nor concatenates. Results differ by rounding only. The first convolutions of U-Net
ResNet34's five blocks took 111 ms instead of 159, forward and backward (batch 8, 256 px, bf16, two cores).

Weights keep their names and shapes, so the files of both kinds are the same.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_TAPS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""The weights of a 3-tap filter that each tap of the 4-tap transposed filter adds up, along one axis."""
_MOST_CHANNELS = 256  # above, upsampling is faster: the maps are small and the kernels large


def fold(weight: Tensor) -> Tensor:
    """The transposed convolution's weights (I, O, 4, 4) for a 3x3 convolution's (O, I, 3, 3), float32.

    Law: `conv_transpose2d(x, fold(w), stride=2, padding=1) = conv2d(upsampled(x), w, padding=1)`, with nearest
    upsampling by 2.
    """
    taps = torch.tensor(_TAPS, device=weight.device)
    with torch.autocast(weight.device.type, enabled=False):  # sums of half-precision weights would lose digits
        return torch.einsum("ak,oikl,bl->ioab", taps, weight.float(), taps)


Kernels = tuple[Tensor, Tensor]
"""Of what is upsampled, folded (C, O, 4, 4), and of the skip connection (O, S, 3, 3)."""


def kernels(weight: Tensor, channels: int) -> Kernels:
    """Those of a 3x3 convolution's weights (O, C + S, 3, 3) whose first `channels` read what is upsampled."""
    return fold(weight[:, :channels]), weight[:, channels:]


def convolve_enlarged(x: Tensor, skip: Tensor | None, found: Kernels, bias: Tensor | None = None) -> Tensor:
    """The convolution of `x` (B, C, H, W) upsampled by 2, with the skip connection (B, S, 2H, 2W) concatenated."""
    out = F.conv_transpose2d(x, found[0], bias, stride=2, padding=1)
    return out if skip is None else out + F.conv2d(skip, found[1], padding=1)


class FoldedBlock(nn.Module):
    """The library's UnetDecoderBlock, with `convolve_enlarged` where that is faster."""

    keeps: torch.dtype | None = None
    """The type of the kernels that are computed once and kept; None computes them anew, as weights that learn need."""
    _kept: Kernels | None = None

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.interpolation_mode = block.interpolation_mode
        self.conv1, self.attention1 = block.conv1, block.attention1
        self.conv2, self.attention2 = block.conv2, block.attention2

    def forward(self, feature_map: Tensor, height: int, width: int, skip_connection: Tensor | None = None) -> Tensor:
        """Features (B, O, height, width) from the level below and the encoder's skip connection.

        Encoders that start at a stride of 4 have a skip connection without channels at the stride of 2: it is no
        skip connection.
        """
        if skip_connection is not None and skip_connection.shape[1] == 0:
            skip_connection = None
        if self._folds(feature_map, height, width):
            convolution, *rest = self.conv1
            x = convolve_enlarged(feature_map, skip_connection, self._kernels(feature_map.shape[1]), convolution.bias)
            for layer in rest:
                x = layer(x)
        else:
            x = F.interpolate(feature_map, size=(height, width), mode=self.interpolation_mode)
            if skip_connection is not None:
                x = self.attention1(torch.cat([x, skip_connection], dim=1))
            x = self.conv1(x)
        return cast(Tensor, self.attention2(self.conv2(x)))

    def _kernels(self, channels: int) -> Kernels:
        if self._kept is not None:
            return self._kept
        found = kernels(self.conv1[0].weight, channels)
        if self.keeps is not None:
            self._kept = found = (found[0].to(self.keeps), found[1].to(self.keeps))
        return found

    def _folds(self, x: Tensor, height: int, width: int) -> bool:
        # Exported graphs keep the plain form, which other runtimes are optimized for.
        traced = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
        return (
            not traced
            and x.device.type == "cpu"
            and x.shape[1] <= _MOST_CHANNELS
            and (height, width) == (2 * x.shape[2], 2 * x.shape[3])
        )


def fold_decoder(body: nn.Module) -> nn.Module:
    """The network with the blocks of its decoder replaced by FoldedBlocks where possible, in place."""
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock

    blocks = getattr(getattr(body, "decoder", None), "blocks", None)
    if not isinstance(blocks, nn.ModuleList):
        return body
    for at, block in enumerate(blocks):
        if isinstance(block, UnetDecoderBlock) and _can_fold(block):
            blocks[at] = FoldedBlock(block)
    return body


def _can_fold(block: Any) -> bool:
    first = block.conv1[0]
    return (
        block.interpolation_mode == "nearest"
        and isinstance(block.attention1.attention, nn.Identity)
        and isinstance(first, nn.Conv2d)
        and (first.kernel_size, first.padding, first.stride) == ((3, 3), (1, 1), (1, 1))
    )
