"""What keeps a model near the one it started from, where the new patches say nothing.

A few corrected boxes hold few classes, in other shares than the map, and everything around them is unlabelled. Trained
on them alone a network forgets the rest. The loss of `Teacher` holds it to the start model's probabilities on
unlabelled pixels: learning without forgetting (Li and Hoiem 2016, https://arxiv.org/abs/1606.09282), by pixel.
"""

from typing import cast

import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.model.network import Network


class Teacher:
    """The start model, which is never trained."""

    def __init__(self, network: Network, weight: float) -> None:
        self.network = network.eval().requires_grad_(False)
        self.weight = weight

    def loss(self, pixels: Tensor, logits: Tensor, ids: Tensor) -> Tensor:
        """Weight times the mean Kullback-Leibler divergence in nats on unlabelled pixels; a float32 scalar.

        `pixels` (B, C, H, W) are what the network saw, `logits` (B, K, H, W) what it made of them, `ids` (B, H, W).

        Laws: 0 where the network has the teacher's logits, and where every pixel is labelled. Classes that the teacher
        lacks come behind its own and are left out: the others are compared among themselves, so a new class may grow.
        """
        unlabelled = ids == IGNORE
        if not bool(unlabelled.any()):
            return logits.new_zeros((), dtype=torch.float32)
        with torch.no_grad():
            wanted = self.network(pixels).float().log_softmax(dim=1)
        found = logits[:, : wanted.shape[1]].float().log_softmax(dim=1)
        divergence = (wanted.exp() * (wanted - found)).sum(dim=1)
        return cast(Tensor, self.weight * divergence[unlabelled].mean())
