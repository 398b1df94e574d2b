"""Networks, built from the names in a recipe's model section.

A network takes pixels (B, C, H, W), normalizes them itself, and gives logits (B, K, H, W). Pixels are uint8 or float in
0..255, or, of a network for deeper values, floats as the raster stores them, where what is not finite is missing.
Heights and widths that are not multiples of `STRIDE` are padded inside, and the logits cropped.
"""

import math
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from terrazzo.errors import RecipeError
from terrazzo.model.decoders.folded import fold_decoder
from terrazzo.model.decoders.lean import decoder_widths, lean_unet
from terrazzo.model.normalization import UINT8_RANGE, Normalization, for_bands
from terrazzo.model.predictor import STRIDE
from terrazzo.model.window_attention import encoder_options, pad_windows
from terrazzo.recipe.encoders import DECODER_CHANNEL_ARCHITECTURES, statistics
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import first_line

NETWORK_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the libraries raise where architecture, encoder and size do not go together."""

WHAT_FITS = "docs/models.md lists what goes together, as unet with resnet34"


class Normalizer(nn.Module):
    """Normalized pixels (B, C, H, W), float32: scaled, then by mean and standard deviation of each band."""

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, normalization: Normalization) -> None:
        super().__init__()
        self.normalization = normalization
        self.deep = normalization.deep
        self.minmax = normalization.scale == "minmax"
        self.value_range = normalization.value_range
        # Not persistent: these numbers belong to the header of the model file.
        self.register_buffer("mean", torch.tensor(normalization.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(normalization.std).view(1, -1, 1, 1), persistent=False)
        spans = zip(normalization.low, normalization.high, normalization.clips, strict=True)
        limits = [(low, high) if clips else (-math.inf, math.inf) for low, high, clips in spans]
        self.clips = any(normalization.clips)
        for name, values in zip(("low", "high"), zip(*limits, strict=True), strict=False):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def filled(self, pixels: Tensor) -> Tensor:
        """Pixels (B, C, H, W) of a deep network, float32, with the band's mean (of the patch) where one is missing.

        Missing is what is not finite. The mean is that of the normalization; with `minmax`, which knows none, that of
        the band in the patch. Pixels of 8 bits are returned as they are.
        """
        if not self.deep:
            return pixels
        x = pixels.float()
        there = torch.isfinite(x)
        if not self.minmax:
            return torch.where(there, x, self.mean)
        known = torch.where(there, x, torch.zeros_like(x))
        count = there.sum(dim=(2, 3), keepdim=True).clamp(min=1)
        return torch.where(there, x, known.sum(dim=(2, 3), keepdim=True) / count)

    def to_grey(self, pixels: Tensor) -> Tensor:
        """Pixels (B, C, H, W) on the scale on which the low value of each band is 0 and the high one is 255."""
        low, high = self._levels(pixels)
        return (pixels - low) * (UINT8_RANGE / (high - low))

    def from_grey(self, pixels: Tensor) -> Tensor:
        """The way back from `to_grey`."""
        low, high = self._levels(pixels)
        return pixels * ((high - low) / UINT8_RANGE) + low

    def _levels(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        # Not waited for: a GPU would otherwise stop here in every step.
        levels = (torch.from_numpy(level).to(pixels.device, non_blocking=True) for level in self.normalization.levels())
        low, high = (level.view(1, -1, 1, 1) for level in levels)
        return low, high

    def forward(self, pixels: Tensor) -> Tensor:
        """`(scaled - mean) / std`; with `minmax` a constant band becomes 0."""
        x = pixels.float()
        if self.deep:
            x = self.filled(x)
            if self.clips:
                x = torch.minimum(torch.maximum(x, self.low), self.high)
            if not self.minmax:
                return (x - self.mean) / self.std
        if self.minmax:
            low = x.amin(dim=(2, 3), keepdim=True)
            spread = x.amax(dim=(2, 3), keepdim=True) - low
            x = (x - low) / torch.where(spread > 0, spread, torch.ones_like(spread))
            return (x - self.mean) / self.std
        # One multiply-add per pixel.
        return x * (1 / (self.value_range * self.std)) - self.mean / self.std


class Network(nn.Module):
    """Normalizer and body: pixels (B, C, H, W) to logits (B, K, H, W), divided by the temperature.

    Law: the temperature changes no order of a pixel's logits, so its most probable class stays.
    """

    def __init__(self, normalization: Normalization, body: nn.Module) -> None:
        super().__init__()
        self.normalizer = Normalizer(normalization)
        self.body = body
        self.temperature = 1.0
        """That of a model file is in its header (`Header.temperature`); networks train at 1."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (B, K, H, W) for pixels (B, C, H, W) of any height and width."""
        x = self.normalizer(pixels)
        height, width = x.shape[-2:]
        pad_h, pad_w = -height % STRIDE, -width % STRIDE
        if pad_h or pad_w:
            x = F.pad(x, (0, pad_w, 0, pad_h), mode="replicate")
        if pixels.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)
        logits = self.calibrated(cast(Tensor, self.body(x)))
        return logits[..., :height, :width] if pad_h or pad_w else logits

    def calibrated(self, logits: Tensor) -> Tensor:
        """Logits divided by the temperature in float32, as bf16 would round close ones to ties; untouched at 1."""
        return logits if self.temperature == 1 else logits.float() / self.temperature


class ClassicUNet(nn.Module):
    """The U-Net of Ronneberger et al. 2015 (arXiv 1505.04597), with padded convolutions as published projects use it.

    `filters` are those of the levels, top first. A block is two 3x3 convolutions with ReLU, dropout between them, and
    optional batch normalization. 2x2 max pooling leads down, a 2x2 transposed convolution up. Skip connections are
    concatenated.
    """

    def __init__(self, bands: int, n_classes: int, section: ModelSection) -> None:
        super().__init__()
        filters = section.filters
        widths = (bands, *filters)
        self.down = nn.ModuleList(_block(widths[i], widths[i + 1], section) for i in range(len(filters)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(below, here, 2, stride=2) for here, below in pairwise(filters))
        self.merge = nn.ModuleList(_block(2 * here, here, section) for here in filters[:-1])
        self.head = nn.Conv2d(filters[0], n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K, H, W) for (B, C, H, W); H and W multiples of 2 ** (levels - 1)."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.merge[level](torch.cat((skips[level], self.up[level](x)), dim=1))
        return cast(Tensor, self.head(x))


def build_model(section: ModelSection, bands: int, n_classes: int, normalization: Normalization) -> Network:
    """The network of a model section, with random weights; `load_encoder_weights` loads others.

    Nothing is downloaded. Raises RecipeError if the library refuses the combination.
    """
    if section.encoder is None:
        if len(section.filters) > 6:
            raise RecipeError(f"model.filters has {len(section.filters)} levels; at most 6 fit a stride of {STRIDE}")
        return Network(normalization, _he_init(ClassicUNet(bands, n_classes, section)))
    import segmentation_models_pytorch as smp

    options = encoder_options(section.arch, section.encoder)
    if section.decoder_channels is not None:
        if section.arch not in DECODER_CHANNEL_ARCHITECTURES:
            raise RecipeError(f"model.decoder_channels: {section.arch} has no such option; leave it out")
        options["decoder_channels"] = decoder_widths(section)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # timm- names are old but still work
            warnings.filterwarnings("ignore", "Encoder does not have prefix tokens")  # dpt, whose weights stay as is
            body = smp.create_model(
                section.arch, section.encoder, encoder_weights=None, in_channels=bands, classes=n_classes, **options
            )
    except NETWORK_ERRORS as error:
        raise RecipeError(
            f"model: {section.arch} with encoder {section.encoder} cannot be built: {first_line(error)}; {WHAT_FITS}"
        ) from error
    return Network(normalization, pad_windows(fold_decoder(lean_unet(body, section))))


def normalization_for(section: ModelSection, bands: int, names: Sequence[str] = ()) -> Normalization:
    """The normalization of a model section: its own mean and std per band if given, else the encoder's.

    The encoder's are those of red, green and blue, by the names of the bands where they say so (`for_bands`).
    """
    own = statistics(section.encoder)
    for field, values in (("mean", section.mean), ("std", section.std)):
        if values is not None and len(values) != bands:
            raise RecipeError(f"model.{field} has {len(values)} values, the images {bands} bands; give one each")
    mean = section.mean if section.mean is not None else for_bands(own.mean, bands, 0.0, names)
    std = section.std if section.std is not None else for_bands(own.std, bands, 1.0, names)
    return Normalization(section.scale, mean, std)


def _block(into: int, out: int, section: ModelSection) -> nn.Sequential:
    def convolution(channels: int) -> list[nn.Module]:
        layers: list[nn.Module] = [nn.Conv2d(channels, out, 3, padding=1, bias=not section.batch_norm)]
        return [*layers, *([nn.BatchNorm2d(out)] if section.batch_norm else []), nn.ReLU(inplace=True)]

    return nn.Sequential(*convolution(into), nn.Dropout(section.dropout), *convolution(out))


def _he_init(network: nn.Module) -> nn.Module:
    """He et al. 2015 initialization, the `he_normal` of published projects."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
