"""A network whose weights learn no more: what each batch would compute from them anew is computed once.

Autocast rounds every weight to bfloat16 in each batch, and `FoldedBlock` adds up those of its kernels. A batch of four
windows of 256 px took 83.7 ms in place of 91.2 (U-Net ResNet34) and 45.2 in place of 48.6 (EfficientNet-Lite0). In
float32 it took 156.7 and 71.9 in place of 159.8 and 76.3 (two cores of an AMD EPYC with AVX-512 bf16).
"""

import copy

import torch
from torch import nn

from terrazzo.model.decoders.folded import FoldedBlock
from terrazzo.model.hardware import Compute
from terrazzo.model.network import Network

_ROUNDED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
"""Layers that use their weights for one product alone, which autocast rounds them for; subclasses may do more."""


def settled(network: Network, compute: Compute) -> Network:
    """A copy for inference, which shares the weights that it does not round.

    Law: inside `compute.autocast()` its logits are those of `network`, bit for bit, as long as the weights of `network`
    stay as they are.
    """
    rounded = compute.precision == "bf16"
    found = copy.deepcopy(network, {id(tensor): tensor for tensor in network.parameters()})
    blocks = [module for module in found.modules() if isinstance(module, FoldedBlock)]
    for block in blocks:
        block.keeps = torch.bfloat16 if rounded else torch.float32
    exact = {id(block.conv1[0]) for block in blocks}  # their kernels are sums of the weights before rounding
    for module in found.modules() if rounded else ():
        if type(module) in _ROUNDED and id(module) not in exact:
            for name, weights in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(weights.detach().to(torch.bfloat16), requires_grad=False))
    return found.eval()
