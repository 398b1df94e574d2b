"""One training step of a recipe, shared by training and the learning-rate range test.

Its random numbers depend on (seed, epoch, step) alone, so a resumed run repeats an uninterrupted one.
"""

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from terrazzo.errors import InputError
from terrazzo.model.losses import build_loss
from terrazzo.model.network import Network
from terrazzo.pixels.bands.light import Light
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import OptimizerSection
from terrazzo.training.augmentation import Augmentation
from terrazzo.training.batches import Batch
from terrazzo.training.ranks.rank import ALONE
from terrazzo.training.schedules import LR_RATIO
from terrazzo.training.starting.teacher import Teacher


class TrainingStep:
    """The loss of one batch: shrunk, augmented, passed through the network. Call it under autocast."""

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        n_classes: int,
        memory_format: torch.memory_format,
        light: Light | None = None,
    ) -> None:
        self.network, self.seed, self.memory_format = network, recipe.train.seed, memory_format
        self.loss = build_loss(recipe.loss, n_classes)
        self.augmentation = Augmentation(recipe.augment, light)
        self.rank = ALONE
        """The place of this process among those that share the batch."""
        self.n_kept = 0
        """How many patches at the end of a batch are old ones that the model must not forget (`train --keep`)."""
        self.teacher: Teacher | None = None
        """The model that training started from, where the recipe keeps the network near it (`train.distill`)."""

    def __call__(self, batch: Batch, size: int, epoch: int, number: int) -> Tensor:
        """The loss, a float32 scalar, of step `number` of an epoch (both from 0), with patches of `size` pixels.

        Sets torch's global seed, for dropout.
        """
        seed = step_seed(self.seed, epoch, number)
        torch.manual_seed(self.rank.seed(seed))
        pixels, ids = self._changed(*batch, size, seed)
        pixels = pixels.contiguous(memory_format=self.memory_format)
        logits = learning_logits(self.network, pixels)
        loss = self._loss(logits, ids)
        if self.teacher is None:
            return loss
        n = len(ids) - self.n_kept  # what is unlabelled in kept patches was so when the model learnt them
        loss = loss + self.teacher.loss(pixels[:n], logits[:n], ids[:n], self.rank.mean)
        return loss + self.teacher.loss_of_kept(pixels[n:], logits[n:]) if self._kept_by_teacher else loss

    def _loss(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The loss by labels of a batch; with kept patches the mean of their loss and that of the others.

        Losses are means over labelled pixels. In one mean, whole masks of kept patches would drown a few corrections.
        Where the teacher holds the network on kept patches, their labels do not count.
        """
        if not self.n_kept:
            return cast(Tensor, self.loss(logits, ids, self.rank.mean))
        n, mean = len(ids) - self.n_kept, self.rank.mean
        own = cast(Tensor, self.loss(logits[:n], ids[:n], mean))
        if self._kept_by_teacher:
            return own
        return (own + cast(Tensor, self.loss(logits[n:], ids[n:], mean))) / 2

    @property
    def _kept_by_teacher(self) -> bool:
        return bool(self.n_kept and self.teacher is not None and self.teacher.kept_weight)

    def _changed(self, pixels: Tensor, ids: Tensor, size: int, seed: int) -> Batch:
        """The batch shrunk and augmented; deep values as grey levels of 0 to 255, so that all bands are alike."""
        normalizer = self.network.normalizer
        if not normalizer.deep:
            return self.augmentation(*shrink(pixels, ids, size), seed, self.rank)
        pixels, ids = shrink(normalizer.filled(pixels), ids, size)
        grey, ids = self.augmentation(normalizer.to_grey(pixels), ids, seed, self.rank)
        return normalizer.from_grey(grey), ids


def step_seed(seed: int, epoch: int, step: int) -> int:
    """The seed of one training step."""
    return int(np.random.SeedSequence((seed, epoch, step)).generate_state(1, np.uint32)[0])


def shrink(pixels: Tensor, ids: Tensor, size: int) -> Batch:
    """Images (B, C, H, W) and ids (B, H, W) at `size` pixels a side: area means, and the nearest pixel."""
    if ids.shape[-2:] == (size, size):
        return pixels, ids
    small = F.interpolate(pixels.float(), (size, size), mode="area")
    return small, F.interpolate(ids[:, None], (size, size), mode="nearest-exact")[:, 0]


def learning_logits(network: Network, pixels: Tensor) -> Tensor:
    """Logits (B, K, H, W) in training. Raises InputError for a batch too small for batch normalization."""
    try:
        return cast(Tensor, network(pixels))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"a batch of {len(pixels)} patch of {pixels.shape[-1]} px: batch normalization finds one value per "
            "channel and cannot learn from it; use another --batch-size, more training patches, or larger ones"
        ) from error


def freezes(recipe: Recipe) -> bool:
    """Whether the encoder is frozen in the first epochs. Random weights never are."""
    return recipe.train.freeze_epochs > 0 and recipe.model.encoder_weights != "none"


def freeze_encoder(network: Network, frozen: bool) -> None:
    """Freeze or unfreeze the encoder, if there is one: its weights and its batch statistics."""
    encoder = getattr(network.body, "encoder", None)
    if isinstance(encoder, nn.Module):
        encoder.requires_grad_(not frozen)
        encoder.train(not frozen)


def freeze_statistics(network: nn.Module) -> None:
    """Let batch normalization use and keep the mean and variance that it has.

    A few boxes of one place have other light and other classes than all that the model saw. Statistics of them alone
    would change the features everywhere, and the map with them, before a weight has learnt anything.
    """
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def build_optimizer(section: OptimizerSection, network: nn.Module) -> Optimizer:
    """Adam or AdamW. AdamW does not decay biases and normalization layers, whose weights have one dimension.

    With `encoder_lr` the encoder's weights form groups of their own.
    """
    body = getattr(network, "body", network)
    encoder = {id(parameter) for parameter in getattr(body, "encoder", nn.Module()).parameters()}
    parameters = list(network.parameters())
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)  # one pass over the weights
    groups: list[dict[str, Any]] = []
    for ratio, own in _by_rate(parameters, encoder, section):
        if section.name == "adam":
            groups.append({"params": own, LR_RATIO: ratio})
        else:
            groups.append({"params": [p for p in own if p.ndim > 1], LR_RATIO: ratio})
            groups.append({"params": [p for p in own if p.ndim <= 1], LR_RATIO: ratio, "weight_decay": 0.0})
    kind = torch.optim.Adam if section.name == "adam" else torch.optim.AdamW
    groups = [{"lr": section.lr * group[LR_RATIO], **group} for group in groups if group["params"]]
    return kind(groups, lr=section.lr, weight_decay=section.weight_decay, fused=fused)


def _by_rate(
    parameters: list[nn.Parameter], encoder: set[int], section: OptimizerSection
) -> list[tuple[float, list[nn.Parameter]]]:
    """The parameters, by the ratio of their learning rate to that of the recipe."""
    if section.encoder_lr is None or not encoder:
        return [(1.0, parameters)]
    return [
        (1.0, [parameter for parameter in parameters if id(parameter) not in encoder]),
        (section.encoder_lr / section.lr, [parameter for parameter in parameters if id(parameter) in encoder]),
    ]
