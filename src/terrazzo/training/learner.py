"""One training step, one validation step, and the optimizer: the network and its losses as a LightningModule.

Randomness is a function of (seed, epoch, step): the order of the patches, their augmentation and dropout are the same
whether or not a run was interrupted.
"""

from collections.abc import Callable
from typing import Any, cast

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError
from terrazzo.evaluation.metrics import Scores
from terrazzo.model.losses import build_loss
from terrazzo.model.network import Network
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import OptimizerSection
from terrazzo.recipe.stages import Leg
from terrazzo.training.augmentation import build_augmentation
from terrazzo.training.batches import Batch
from terrazzo.training.schedules import LR_RATIO, Schedule, settings


def step_seed(seed: int, epoch: int, step: int) -> int:
    """The seed of one training step."""
    return int(np.random.SeedSequence((seed, epoch, step)).generate_state(1, np.uint32)[0])


def shrink(pixels: Tensor, ids: Tensor, size: int) -> Batch:
    """Images (B, C, H, W) averaged over areas and ids (B, H, W) taken at the nearest pixel, both to `size` a side."""
    if ids.shape[-2:] == (size, size):
        return pixels, ids
    small = F.interpolate(pixels.float(), (size, size), mode="area")
    return small, F.interpolate(ids[:, None], (size, size), mode="nearest-exact")[:, 0]


def learning_logits(network: Network, pixels: Tensor) -> Tensor:
    """Logits (B, K, H, W) of a network that learns. Raises InputError where a batch is too small to be normalized."""
    try:
        return cast(Tensor, network(pixels))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"a batch of {len(pixels)} patch of {pixels.shape[-1]} px: batch normalization finds one value a channel, "
            "from which nothing can be learnt; use another --batch-size, more training patches, or larger ones"
        ) from error


def running_mean(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential mean of a network's weights and buffers, `update_parameters` adds a step to it.

    After n steps the decay is min(decay, (1 + n) / (10 + n)), so that the first steps do not linger (TensorFlow's
    ExponentialMovingAverage with num_updates).
    """

    def mean(average: Tensor, value: Tensor, n: Tensor | int) -> Tensor:
        if not average.is_floating_point():
            return value
        return average.lerp(value.to(average), 1 - min(decay, (1 + int(n)) / (10 + int(n))))

    return AveragedModel(network, avg_fn=mean, use_buffers=True)


class Learner(lightning.LightningModule):
    """A network with the steps of a recipe. Logged: `train_loss`, and `val_*` from one confusion matrix an epoch."""

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        class_names: tuple[str, ...],
        memory_format: torch.memory_format,
        plan: tuple[Leg, ...],
    ) -> None:
        super().__init__()
        self.network = network
        self.average = running_mean(network, recipe.train.ema) if recipe.train.ema else None
        self.recipe = recipe
        self.class_names = class_names
        self.n_classes = n_classes = len(class_names)
        self.memory_format = memory_format
        self.plan = plan
        self.leg = plan[0]
        self._lrs: list[float] = []
        self.augmentation = build_augmentation(recipe.augment)
        self.loss = build_loss(recipe.loss, n_classes)
        self._schedule: Schedule | None = None
        self._resumed: dict[str, Any] | None = None
        self._confusion = torch.zeros(n_classes, n_classes, dtype=torch.int64)
        self._train_loss = torch.zeros(2)
        self._val_loss = torch.zeros(2)

    @property
    def lr(self) -> float:
        """The mean learning rate of the epoch's steps of the weights so far; that of the leg before the first."""
        return sum(self._lrs) / len(self._lrs) if self._lrs else self.leg.lr

    @property
    def scored(self) -> nn.Module:
        """The network that validation scores and the model file keeps: the running mean where there is one."""
        return self.network if self.average is None else self.average.module

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (B, K, H, W)."""
        return cast(Tensor, self.network(pixels))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, shrunk to the leg's size and augmented."""
        seed = step_seed(self.recipe.train.seed, self.current_epoch, batch_idx)
        torch.manual_seed(seed)
        pixels, ids = self.augmentation(*shrink(*batch, self.leg.size), seed)
        logits = learning_logits(self.network, pixels.contiguous(memory_format=self.memory_format))
        loss = cast(Tensor, self.loss(logits, ids))
        self._train_loss += torch.stack((loss.detach().float() * len(ids), loss.new_tensor(len(ids)))).to(
            self._train_loss
        )
        return loss

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's mean loss and learning rate anew; begin or take up its leg; freeze or free the encoder."""
        self._train_loss = torch.zeros(2, device=self.device)
        self._lrs = []
        epoch = self.current_epoch
        leg = next((leg for leg in self.plan if epoch in leg), self.plan[-1])
        if self._schedule is None or leg != self.leg:
            self.leg = leg
            self._schedule = self._begin(leg, epoch)
        freeze_encoder(self.network, freezes(self.recipe) and epoch < self.recipe.train.freeze_epochs)

    def _begin(self, leg: Leg, epoch: int) -> Schedule:
        optimizer = self.trainer.optimizers[0]
        before = settings(optimizer)
        batches = int(self.trainer.num_training_batches)
        steps = leg.epochs * -(-batches // self.recipe.train.accumulate)
        schedule = Schedule(self.recipe.schedule, optimizer, leg.lr, steps)
        if self._resumed is not None and epoch > leg.first:
            schedule.go_on(self._resumed, before)
        self._resumed = None
        return schedule

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """One step of the weights, then of the running mean and of the learning rate."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self._lrs.append(float(optimizer.param_groups[0]["lr"]))
        if self.average is not None:
            self.average.update_parameters(self.network)
        if self._schedule is not None:
            self._schedule.after_step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add where the schedule stands."""
        checkpoint["schedule"] = {} if self._schedule is None else self._schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember where the schedule stood; the next epoch takes it up."""
        self._resumed = checkpoint["schedule"]

    def on_validation_epoch_start(self) -> None:
        """Begin the epoch's confusion matrix anew."""
        self._confusion = torch.zeros(self.n_classes, self.n_classes, dtype=torch.int64, device=self.device)
        self._val_loss = torch.zeros(2, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch to the confusion matrix and to the loss, weighted by valid pixels."""
        pixels, ids = batch
        logits = self.scored(pixels.contiguous(memory_format=self.memory_format))
        valid = ids != IGNORE
        n_valid = valid.sum()
        self._val_loss += torch.stack((self.loss(logits, ids).float() * n_valid, n_valid.float()))
        predicted = logits.argmax(dim=1)
        pairs = (ids.long() * self.n_classes + predicted)[valid]
        self._confusion += torch.bincount(pairs, minlength=self.n_classes**2).view(self.n_classes, self.n_classes)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's figures, and let the schedule see the loss."""
        scores = Scores.from_confusion(self._confusion.cpu().numpy(), self.class_names)
        figures = {
            "train_loss": float(self._train_loss[0] / self._train_loss[1].clamp(min=1)),
            "val_loss": float(self._val_loss[0] / self._val_loss[1].clamp(min=1)),
            "val_accuracy": scores.accuracy,
            "val_mean_iou": scores.mean_iou,
            "val_mean_dice": scores.mean_dice,
        }
        self.log_dict(figures, batch_size=1)
        if self._schedule is not None:
            self._schedule.after_validation(figures["val_loss"])

    def configure_optimizers(self) -> Optimizer:
        """The recipe's optimizer; `on_train_epoch_start` sets its learning rates."""
        return build_optimizer(self.recipe.optimizer, self.network)


def freezes(recipe: Recipe) -> bool:
    """Whether the recipe's first epochs leave the encoder alone: only weights worth keeping are kept."""
    return recipe.train.freeze_epochs > 0 and recipe.model.encoder_weights != "none"


def freeze_encoder(network: Network, frozen: bool) -> None:
    """Let the encoder, where the network has one, learn or keep its weights and its batch statistics."""
    encoder = getattr(network.body, "encoder", None)
    if isinstance(encoder, nn.Module):
        encoder.requires_grad_(not frozen)
        encoder.train(not frozen)


def build_optimizer(section: OptimizerSection, network: nn.Module) -> Optimizer:
    """Adam or AdamW; AdamW's decay leaves biases and normalization layers alone (they have one dimension).

    The encoder's weights form groups of their own where `encoder_lr` gives them another learning rate.
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
    """Parameters by the ratio of their learning rate to the recipe's."""
    if section.encoder_lr is None or not encoder:
        return [(1.0, parameters)]
    return [
        (1.0, [parameter for parameter in parameters if id(parameter) not in encoder]),
        (section.encoder_lr / section.lr, [parameter for parameter in parameters if id(parameter) in encoder]),
    ]
