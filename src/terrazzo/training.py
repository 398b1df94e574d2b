"""One training step, one validation step, and the optimizer: the network and its losses as a LightningModule.

Randomness is a function of (seed, epoch, step): the order of the patches, their augmentation and dropout are the same
whether or not a run was interrupted.
"""

from typing import Any, cast

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau

from terrazzo.augment import build_augmentation
from terrazzo.batches import Batch
from terrazzo.losses import build_loss
from terrazzo.metrics import Scores
from terrazzo.models import Network
from terrazzo.recipe import OptimizerSection, Recipe
from terrazzo.schema import IGNORE


def step_seed(seed: int, epoch: int, step: int) -> int:
    """The seed of one training step."""
    return int(np.random.SeedSequence((seed, epoch, step)).generate_state(1, np.uint32)[0])


class Learner(lightning.LightningModule):
    """A network with the steps of a recipe. Logged: `train_loss`, and `val_*` from one confusion matrix an epoch."""

    def __init__(
        self, network: Network, recipe: Recipe, class_names: tuple[str, ...], memory_format: torch.memory_format
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.class_names = class_names
        self.n_classes = n_classes = len(class_names)
        self.memory_format = memory_format
        self.augmentation = build_augmentation(recipe.augment)
        self.loss = build_loss(recipe.loss, n_classes)
        self._confusion = torch.zeros(n_classes, n_classes, dtype=torch.int64)
        self._train_loss = torch.zeros(2)
        self._val_loss = torch.zeros(2)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (B, K, H, W)."""
        return cast(Tensor, self.network(pixels))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one augmented batch."""
        seed = step_seed(self.recipe.train.seed, self.current_epoch, batch_idx)
        torch.manual_seed(seed)
        pixels, ids = self.augmentation(*batch, seed)
        logits = self(pixels.contiguous(memory_format=self.memory_format))
        loss = cast(Tensor, self.loss(logits, ids))
        self._train_loss += torch.stack((loss.detach().float() * len(ids), loss.new_tensor(len(ids)))).to(
            self._train_loss
        )
        return loss

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's mean training loss anew."""
        self._train_loss = torch.zeros(2, device=self.device)

    def on_validation_epoch_start(self) -> None:
        """Begin the epoch's confusion matrix anew."""
        self._confusion = torch.zeros(self.n_classes, self.n_classes, dtype=torch.int64, device=self.device)
        self._val_loss = torch.zeros(2, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch to the confusion matrix and to the loss, weighted by valid pixels."""
        pixels, ids = batch
        logits = self(pixels.contiguous(memory_format=self.memory_format))
        valid = ids != IGNORE
        n_valid = valid.sum()
        self._val_loss += torch.stack((self.loss(logits, ids).float() * n_valid, n_valid.float()))
        predicted = logits.argmax(dim=1)
        pairs = (ids.long() * self.n_classes + predicted)[valid]
        self._confusion += torch.bincount(pairs, minlength=self.n_classes**2).view(self.n_classes, self.n_classes)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's figures."""
        scores = Scores.from_confusion(self._confusion.cpu().numpy(), self.class_names)
        figures = {
            "train_loss": float(self._train_loss[0] / self._train_loss[1].clamp(min=1)),
            "val_loss": float(self._val_loss[0] / self._val_loss[1].clamp(min=1)),
            "val_accuracy": scores.accuracy,
            "val_mean_iou": scores.mean_iou,
            "val_mean_dice": scores.mean_dice,
        }
        self.log_dict(figures, batch_size=1)

    def configure_optimizers(self) -> Any:
        """The recipe's optimizer and schedule, as the trainer wants them."""
        optimizer = build_optimizer(self.recipe.optimizer, self)
        scheduler = self._scheduler(optimizer)
        if scheduler is None:
            return optimizer
        config: dict[str, Any] = {"scheduler": scheduler, "interval": "step"}
        if isinstance(scheduler, ReduceLROnPlateau):
            config = {"scheduler": scheduler, "interval": "epoch", "monitor": "val_loss"}
        return {"optimizer": optimizer, "lr_scheduler": config}

    def _scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        section = self.recipe.schedule
        if section.name == "plateau":
            return ReduceLROnPlateau(optimizer, factor=section.factor, patience=section.patience, min_lr=section.min_lr)
        if section.name == "onecycle":
            steps = int(self.trainer.estimated_stepping_batches)
            return OneCycleLR(optimizer, self.recipe.optimizer.lr, total_steps=steps, pct_start=section.warmup)
        return None


def build_optimizer(section: OptimizerSection, module: torch.nn.Module) -> Optimizer:
    """Adam or AdamW; AdamW's decay leaves biases and normalization layers alone (they have one dimension)."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)  # one pass over the weights
    if section.name == "adam":
        return torch.optim.Adam(parameters, lr=section.lr, weight_decay=section.weight_decay, fused=fused)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": section.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=section.lr, fused=fused)
