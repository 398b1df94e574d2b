"""What an encoder sees of images: mean and standard deviation of each channel over the image, level by level.

Sensors, colours and sharpness show in shallow levels, what is on the ground in the deepest one. All is computed in
float32, whatever the precision of maps: in bfloat16 distances differed by up to 10 % (EfficientNet-Lite0).
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from terrazzo.model.network import ClassicUNet, Network
from terrazzo.model.predictor import STRIDE

SHALLOW = 2
"""How many shallow levels are looked at, besides the deepest one."""


def looked_at(n_levels: int) -> tuple[int, ...]:
    """The levels to look at, 0 the shallowest: the first two and the deepest."""
    return tuple(dict.fromkeys((*range(min(SHALLOW, n_levels)), n_levels - 1)))


def features(network: Network, pixels: Tensor) -> dict[int, Tensor]:
    """(B, 2 D) float32 by the number of the level that is looked at, for pixels (B, C, H, W) as `Network` takes them.

    First the means of the D channels, then their standard deviations. The network is in inference mode.
    """
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        found = _levels(network, pixels.to(device))
        wanted = {level: found[level].float().flatten(2) for level in looked_at(len(found))}
        return {at: torch.cat((x.mean(dim=2), x.std(dim=2, correction=0)), dim=1) for at, x in wanted.items()}


def _levels(network: Network, pixels: Tensor) -> list[Tensor]:
    """The maps (B, D, h, w) of the encoder's levels, the shallowest first, without the image that it gives back."""
    x = network.normalizer(pixels)
    pad_h, pad_w = -x.shape[-2] % STRIDE, -x.shape[-1] % STRIDE
    if pad_h or pad_w:
        x = F.pad(x, (0, pad_w, 0, pad_h), mode="replicate")
    if isinstance(network.body, ClassicUNet):
        return _of_classic(network.body, x)
    found = cast(nn.Module, network.body.encoder)(x)
    if isinstance(found, tuple) and not isinstance(found[0], Tensor):
        found = found[0]  # dpt: maps, and tokens
    maps = [level for level in found if level.ndim == 4 and level.shape[1]]
    return [level for level in maps if level.shape[-2:] != found[0].shape[-2:]] or maps


def _of_classic(body: ClassicUNet, x: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    for level, block in enumerate(body.down):
        x = block(x if level == 0 else F.max_pool2d(x, 2))
        found.append(x)
    return found
