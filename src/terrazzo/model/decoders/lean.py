"""A U-Net with less work at high resolution: a halved input, logits at half or a quarter of it, separable convolutions.

Of `best`'s network the decoder has 77 % of the products: 1.7 of 2.2 billion for a window of 256 px.
"""

from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional as F

from terrazzo.recipe.encoders import DECODER_BLOCKS, blocks_left_out
from terrazzo.recipe.sections import ModelSection


def decoder_widths(section: ModelSection) -> tuple[int, ...] | None:
    """The widths that the library builds a decoder of, one for each of its blocks; None is its own.

    Blocks that `lean_unet` leaves out have none in the section, and one of no effect here.
    """
    given = section.decoder_channels
    return (
        given
        if given is None or section.logits_stride == 1
        else (*given, *given[-1:] * blocks_left_out(section.logits_stride))
    )


def lean_unet(body: nn.Module, section: ModelSection) -> nn.Module:
    """The library's U-Net, made lean as the section says, in place; unchanged for a section of defaults.

    Law: logits (B, K, H, W) as of the whole network, bilinear between those of every `input_stride * logits_stride`
    pixels.
    """
    network = cast(Any, body)
    if section.logits_stride > 1:
        network.decoder.blocks = network.decoder.blocks[: DECODER_BLOCKS - blocks_left_out(section.logits_stride)]
    if section.input_stride > 1:
        network.encoder.register_forward_pre_hook(_halve)
    if (stride := section.input_stride * section.logits_stride) > 1:
        network.segmentation_head = _enlarging_head(network, stride)
    if section.decoder_conv == "separable":
        for block in network.decoder.blocks:
            block.conv1[0], block.conv2[0] = _separable(block.conv1[0]), _separable(block.conv2[0])
    return body


def _halve(module: nn.Module, given: tuple[Tensor]) -> Tensor:
    """Means (B, C, H / 2, W / 2) of each 2x2 pixels; H and W are even, as networks pad to the encoder's stride."""
    (pixels,) = given
    return F.avg_pool2d(pixels, 2)


def _enlarging_head(network: Any, stride: int) -> nn.Sequential:
    """A head for what the decoder gives at this stride. Weights have the names that they have in the library's head."""
    from segmentation_models_pytorch.base.initialization import initialize_head

    n_channels, n_classes = network.decoder.blocks[-1].conv2[0].out_channels, network.segmentation_head[0].out_channels
    head = nn.Sequential(nn.Conv2d(n_channels, n_classes, 3, padding=1), _Enlarging(stride))
    initialize_head(head)
    return head


class _Enlarging(nn.Module):
    """Logits (B, K, h, w) to float32 (B, K, h * stride, w * stride), bilinear.

    The library's own aligns corners, which would shift the logits of a window by up to half a pixel.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, logits: Tensor) -> Tensor:
        # In bfloat16 it would round to fewer digits and take more than twice as long on a CPU.
        return F.interpolate(logits.float(), scale_factor=self.stride, mode="bilinear", align_corners=False)


def _separable(convolution: nn.Conv2d) -> nn.Sequential:
    """A 3x3 convolution of each channel, then one of 1x1 across them: 9 I + I O products a pixel, not 9 I O."""
    from segmentation_models_pytorch.base.initialization import initialize_decoder

    wide, narrow = convolution.in_channels, convolution.out_channels
    depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False)
    both = nn.Sequential(depthwise, nn.Conv2d(wide, narrow, 1, bias=convolution.bias is not None))
    initialize_decoder(both)
    return both
