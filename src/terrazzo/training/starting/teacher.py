"""What keeps a model near the one it started from: on pixels without a label, and on patches that it learnt before.

A few corrected boxes hold few classes, in other shares than the map, and everything around them is unlabelled. Trained
on them alone a network forgets the rest. The losses of `Teacher` hold it to the start model's probabilities: learning
without forgetting (Li and Hoiem 2016, https://arxiv.org/abs/1606.09282), by pixel.
"""

from typing import cast

import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.model.network import Network


class Teacher:
    """The start model, which is never trained."""

    def __init__(self, network: Network, weight: float, kept_weight: float = 0.0) -> None:
        self.network = network.eval().requires_grad_(False)
        self.weight = weight
        """Of `loss`."""
        self.kept_weight = kept_weight
        """Of `loss_of_kept`; 0 where kept patches are learnt from their labels."""

    def loss(self, pixels: Tensor, logits: Tensor, ids: Tensor) -> Tensor:
        """Weight times the mean Kullback-Leibler divergence in nats on unlabelled pixels; a float32 scalar.

        `pixels` (B, C, H, W) are what the network saw, `logits` (B, K, H, W) what it made of them, `ids` (B, H, W).

        Laws: 0 where the network has the teacher's logits, and where every pixel is labelled. Classes that the teacher
        lacks come behind its own and are left out: the others are compared among themselves, so a new class may grow.
        """
        unlabelled = ids == IGNORE
        if not self.weight or not bool(unlabelled.any()):
            return logits.new_zeros((), dtype=torch.float32)
        wanted = self._log_probabilities(pixels)
        found = logits[:, : wanted.shape[1]].float().log_softmax(dim=1)
        return self.weight * _divergence(wanted, found)[unlabelled].mean()

    def loss_of_kept(self, pixels: Tensor, logits: Tensor) -> Tensor:
        """Weight of kept patches times the mean Kullback-Leibler divergence in nats on all their pixels.

        Shapes as those of `loss`. Labels of kept patches teach nothing that the start model does not know, and pull it
        away from what it makes of them; its own probabilities do not.

        Laws: 0 where the network has the teacher's logits and no new class. A class that the teacher lacks has
        probability 0 there, so it does not grow on places that are known.
        """
        wanted = self._log_probabilities(pixels)
        found = logits.float().log_softmax(dim=1)[:, : wanted.shape[1]]
        return self.kept_weight * _divergence(wanted, found).mean()

    def _log_probabilities(self, pixels: Tensor) -> Tensor:
        """The teacher's log-probabilities (B, K, H, W) float32."""
        with torch.no_grad():
            return cast(Tensor, self.network(pixels).float().log_softmax(dim=1))


def _divergence(wanted: Tensor, found: Tensor) -> Tensor:
    """Of log-probabilities (B, K, H, W): the sum over classes of p log(p / q), (B, H, W)."""
    return (wanted.exp() * (wanted - found)).sum(dim=1)
