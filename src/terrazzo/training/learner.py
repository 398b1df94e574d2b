"""The network and its losses as a LightningModule: training and validation steps, stages, and checkpoints."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from terrazzo.classes.confusion import class_counts
from terrazzo.classes.schema import IGNORE
from terrazzo.evaluation.metrics import EPOCH_METRICS, Pooled, Scores
from terrazzo.model.network import Network
from terrazzo.pixels.bands.light import Light
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import Leg
from terrazzo.training.batches import Batch
from terrazzo.training.ranks.rank import Rank
from terrazzo.training.schedules import Schedule, settings
from terrazzo.training.step import TrainingStep, build_optimizer, freeze_encoder, freeze_statistics, freezes


class RunningMean(AveragedModel):
    """The exponential moving average of a network's weights and buffers; `update_parameters` adds a step.

    After n steps the decay is min(decay, (1 + n) / (10 + n)), so that the initial weights fade fast (TensorFlow's
    ExponentialMovingAverage with num_updates). torch's `get_ema_avg_fn` has a constant decay.
    """

    n_averaged: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network, use_buffers=True)
        self.requires_grad_(False)
        self.decay = decay
        self._n: int | None = None

    def update_parameters(self, model: nn.Module) -> None:
        """Add the network as it is. Torch's own asks a GPU for the number of steps, several times each step."""
        n = int(self.n_averaged) if self._n is None else self._n
        weight = 1 - min(self.decay, (1 + n) / (10 + n)) if n else 1.0
        mine, theirs = (chain(of.parameters(), of.buffers()) for of in (self.module, model))
        pairs = [(average.detach(), value.detach()) for average, value in zip(mine, theirs, strict=True)]
        floats = [pair for pair in pairs if n and pair[0].is_floating_point()]
        others = [pair for pair in pairs if not (n and pair[0].is_floating_point())]
        for change, chosen in ((_lerp(weight), floats), (torch._foreach_copy_, others)):
            if chosen:
                averages, values = zip(*chosen, strict=True)
                change(averages, values)
        self.n_averaged += 1
        self._n = n + 1


def _lerp(weight: float) -> Callable[..., Any]:
    return lambda averages, values: torch._foreach_lerp_(averages, values, weight)


class Learner(lightning.LightningModule):
    """A network with the steps of a recipe. Logs `train_loss`, and `val_*` from one confusion matrix per epoch."""

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        class_names: tuple[str, ...],
        memory_format: torch.memory_format,
        plan: tuple[Leg, ...],
        light: Light | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.average = RunningMean(network, recipe.train.ema) if recipe.train.ema else None
        self.recipe = recipe
        self.class_names = class_names
        self.n_classes = n_classes = len(class_names)
        self.memory_format = memory_format
        self.plan = plan
        self.leg = plan[0]
        self._lrs: list[float] = []
        self.n_patches: Callable[[int, int], int] | None = None
        """How many patches a batch (epoch, number) has on all ranks; None: as many as it has here."""
        self.step = TrainingStep(network, recipe, n_classes, memory_format, light)
        self.loss = self.step.loss  # a submodule, so that its class weights move to the device
        self._schedule: Schedule | None = None
        self._resumed: dict[str, Any] | None = None
        self._confusion = torch.zeros(n_classes, n_classes, dtype=torch.int64)
        self._train_loss = torch.zeros(2)
        self._val_loss = torch.zeros(2)

    @property
    def lr(self) -> float:
        """The mean learning rate of the epoch's steps so far; before the first step, that of the leg."""
        return sum(self._lrs) / len(self._lrs) if self._lrs else self.leg.lr

    @property
    def train_loss(self) -> float:
        """The mean loss of the epoch's training patches so far."""
        return float(self._train_loss[0] / self._train_loss[1].clamp(min=1))

    @property
    def scored(self) -> nn.Module:
        """The network that is validated and saved: the moving average, if there is one."""
        return self.network if self.average is None else self.average.module

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        loss = self.step(batch, self.leg.size, self.current_epoch, batch_idx)
        n = len(batch[1]) if self.n_patches is None else self.n_patches(self.current_epoch, batch_idx)
        self._train_loss[0] += self.rank.mean(loss.detach().float()) * n
        self._train_loss[1] += n
        return loss

    @property
    def rank(self) -> Rank:
        """The place of this process among those that share the batch."""
        return self.step.rank

    def on_train_epoch_start(self) -> None:
        """Reset the epoch's sums, start or resume its leg, and freeze or unfreeze encoder and batch statistics."""
        self._train_loss = torch.zeros(2, device=self.device)
        self._lrs = []
        epoch = self.current_epoch
        leg = next((leg for leg in self.plan if epoch in leg), self.plan[-1])
        if self._schedule is None or leg != self.leg:
            self.leg = leg
            self._schedule = self._begin(leg, epoch)
        freeze_encoder(self.network, freezes(self.recipe) and epoch < self.recipe.train.freeze_epochs)
        if self.recipe.train.freeze_statistics:
            freeze_statistics(self.network)

    def _begin(self, leg: Leg, epoch: int) -> Schedule:
        optimizer = self.trainer.optimizers[0]
        before = settings(optimizer)
        batches = int(self.trainer.num_training_batches)
        steps = leg.epochs * -(-batches // self.recipe.train.accumulate)
        schedule = Schedule(self.recipe.schedule, optimizer, leg.lr, steps)
        if self._resumed is not None and epoch > leg.first:
            schedule.resume(self._resumed, before)
        self._resumed = None
        return schedule

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Update the weights, then the moving average and the learning rate."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self._lrs.append(float(optimizer.param_groups[0]["lr"]))
        if self.average is not None:
            self.average.update_parameters(self.network)
        if self._schedule is not None:
            self._schedule.after_step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state of the schedule, and how many processes share a batch."""
        checkpoint["ranks"] = self.rank.count
        checkpoint["schedule"] = {} if self._schedule is None else self._schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of the schedule for the next epoch."""
        self._resumed = checkpoint["schedule"]

    def on_validation_epoch_start(self) -> None:
        """Reset the confusion matrix and the loss."""
        self._confusion = torch.zeros(self.n_classes, self.n_classes, dtype=torch.int64, device=self.device)
        self._val_loss = torch.zeros(2, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch to the confusion matrix, and to the loss by its valid pixels."""
        pixels, ids = batch
        logits = self.scored(pixels.contiguous(memory_format=self.memory_format))
        valid = ids != IGNORE
        n_valid = valid.sum()
        self._val_loss += torch.stack((self.loss(logits, ids).float() * n_valid, n_valid.float()))
        # Counted without a look at the values, for which a GPU would wait: ignored pixels count 0, as class 0.
        pairs = ids.long().masked_fill(~valid, 0) * self.n_classes + logits.argmax(dim=1)
        rows = pairs.flatten(0, 1)
        counts = rows.new_zeros((len(rows), self.n_classes**2)).scatter_add(1, rows, valid.flatten(0, 1).long())
        self._confusion += counts.sum(dim=0).view(self.n_classes, self.n_classes)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the epoch, and pass the loss to the schedule."""
        confusion, loss = self.rank.sum(self._confusion), self.rank.sum(self._val_loss)
        pooled = Pooled(class_counts(confusion.cpu().numpy()), loss=float(loss[0] / loss[1].clamp(min=1)))
        scores = Scores.of(pooled, self.class_names, "counts", "loss")
        figures = {"train_loss": self.train_loss}
        figures |= {f"val_{metric.name}": scores[metric.name] for metric in EPOCH_METRICS}
        self.log_dict(figures, batch_size=1)
        if self._schedule is not None:
            self._schedule.after_validation(figures["val_loss"])

    def configure_optimizers(self) -> Optimizer:
        """The recipe's optimizer. `on_train_epoch_start` sets its learning rates."""
        return build_optimizer(self.recipe.optimizer, self.network)
