"""The learning-rate range test: a few steps of growing learning rate, and the rate that the loss curve suggests.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), section 3.3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from terrazzo.errors import InputError
from terrazzo.model.hardware import Compute
from terrazzo.model.losses import build_loss
from terrazzo.model.network import Network
from terrazzo.patches.folder import Patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import legs
from terrazzo.system.reporting import Progress
from terrazzo.training.augmentation import build_augmentation
from terrazzo.training.batches import BatchOrder, PatchDataset
from terrazzo.training.learner import build_optimizer, freeze_encoder, freezes, learning_logits, shrink, step_seed
from terrazzo.training.schedules import LR_RATIO

LOWEST, HIGHEST = 1e-6, 1.0
DIVERGED = 4.0
"""The test ends where the smoothed loss is so many times its least value."""
_MEMORY = 0.9  # of the smoothing; about ten steps


@dataclass(frozen=True)
class Curve:
    """The loss at each learning rate, and smoothed."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smooth: tuple[float, ...]

    @property
    def suggestion(self) -> float:
        """The learning rate to train with; onecycle: as its peak. Raises InputError where the loss never falls."""
        at = valley(self.smooth)
        if at is None:
            raise InputError(
                f"the loss fell at no learning rate between {self.lrs[0]:.0e} and {self.lrs[-1]:.0e}; "
                "try more --steps, or look at the data with `terrazzo show`"
            )
        return float(f"{self.lrs[at]:.2g}")


def rates(n: int) -> tuple[float, ...]:
    """`n` learning rates from LOWEST to HIGHEST, each the same factor above the one before."""
    factor = (HIGHEST / LOWEST) ** (1 / (n - 1))
    return tuple(LOWEST * factor**step for step in range(n))


def smoothed(losses: Sequence[float]) -> tuple[float, ...]:
    """The exponential mean of the losses so far, without the pull towards 0 at its start."""
    mean, found = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = _MEMORY * mean + (1 - _MEMORY) * loss
        found.append(mean / (1 - _MEMORY**step))
    return tuple(found)


def valley(losses: Sequence[float]) -> int | None:
    """The place two thirds down the longest falling run of the curve; None where it never falls.

    A run may skip what lies above it: it is a longest strictly decreasing subsequence, the earliest of several.
    """
    best_length = [1] * len(losses)
    before: list[int | None] = [None] * len(losses)
    for here, loss in enumerate(losses):
        for there in range(here):
            if losses[there] > loss and best_length[there] + 1 > best_length[here]:
                best_length[here], before[here] = best_length[there] + 1, there
    end = max(range(len(losses)), key=lambda at: (best_length[at], -at), default=0)
    if not losses or best_length[end] < 2:
        return None
    start = end
    while (previous := before[start]) is not None:
        start = previous
    return start + round((end - start) * 2 / 3)


def range_test(
    network: Network, recipe: Recipe, patches: Patches, n_steps: int, compute: Compute, progress: Progress
) -> Curve:
    """Train `network` (it is changed) for up to `n_steps` steps of growing learning rate, as the recipe's run begins.

    The batches, their size, augmentation, loss and optimizer are the recipe's, at the size of its first stage. Ends
    early where the loss diverges or stops being a number.
    """
    network.to(compute.device).to(memory_format=compute.memory_format).train()
    freeze_encoder(network, freezes(recipe))
    optimizer = build_optimizer(recipe.optimizer, network)
    loss_of = build_loss(recipe.loss, patches.schema.n_classes).to(compute.device)
    augmentation = build_augmentation(recipe.augment)
    size = legs(recipe, patches.patch_size)[0].size
    order = BatchOrder(patches.rows("train"), int(recipe.train.batch_size), recipe.train.seed)
    dataset, lrs = PatchDataset(patches), rates(n_steps)
    losses: list[float] = []
    for step, lr in enumerate(lrs):
        epoch, at = divmod(step, len(order))
        if at == 0:
            order.set_epoch(epoch)
            rows = list(order)
        for group in optimizer.param_groups:
            group["lr"] = lr * group[LR_RATIO]
        seed = step_seed(recipe.train.seed, epoch, at)
        torch.manual_seed(seed)
        pixels, ids = (part.to(compute.device) for part in dataset[rows[at]])
        pixels, ids = augmentation(*shrink(pixels, ids, size), seed)
        with compute.autocast():
            logits = learning_logits(network, pixels.contiguous(memory_format=compute.memory_format))
        loss = loss_of(logits, ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        progress("learning rates", step + 1, n_steps)
        smooth = smoothed(losses)
        if not math.isfinite(losses[-1]) or smooth[-1] > DIVERGED * min(smooth):
            break
    finite = [loss for loss in losses if math.isfinite(loss)]
    return Curve(lrs[: len(finite)], tuple(finite), smoothed(finite))
