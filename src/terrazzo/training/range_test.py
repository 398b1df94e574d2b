"""The learning-rate range test: a few steps of growing learning rate, and the rate that the loss curve suggests.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), section 3.3.

Not Lightning's `Tuner.lr_find`: it takes the slope of the loss over the rate and not over its logarithm, so the lowest
rates win. On six curves of 100 steps (U-Nets of two levels, two data sets) it suggested 4e-6 to 2e-5, ours 0.008 to
0.015. It also writes a checkpoint of the model to the disk and reads it back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.model.hardware import Compute
from terrazzo.model.network import Network
from terrazzo.patches.folder import Patches
from terrazzo.patches.light import light_in
from terrazzo.recipe.stages import legs
from terrazzo.training.batches import BatchOrder, PatchDataset
from terrazzo.training.run_folder import Run
from terrazzo.training.sampling import sampling_weights
from terrazzo.training.schedules import LR_RATIO
from terrazzo.training.step import TrainingStep, build_optimizer, freeze_encoder, freezes

LOWEST, HIGHEST = 1e-6, 1.0
DIVERGED = 4.0
"""The test ends when the smoothed loss is this many times its lowest value."""
_MEMORY = 0.9  # of the smoothing; about ten steps


@dataclass(frozen=True)
class Curve:
    """The loss at each learning rate, and smoothed."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smooth: tuple[float, ...]

    @property
    def suggestion(self) -> float:
        """The learning rate to train with, or the peak of onecycle. Raises InputError where the loss never falls."""
        at = valley(self.smooth)
        if at is None:
            raise InputError(
                f"the loss fell at no learning rate between {self.lrs[0]:.0e} and {self.lrs[-1]:.0e}; "
                "try more --steps, or look at the data with `terrazzo show`"
            )
        return float(f"{self.lrs[at]:.2g}")


def rates(n: int) -> tuple[float, ...]:
    """`n` learning rates from LOWEST to HIGHEST, each a constant factor above the one before."""
    factor = (HIGHEST / LOWEST) ** (1 / (n - 1))
    return tuple(LOWEST * factor**step for step in range(n))


def smoothed(losses: Sequence[float]) -> tuple[float, ...]:
    """The exponential moving average of the losses, corrected for its start at 0."""
    mean, found = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = _MEMORY * mean + (1 - _MEMORY) * loss
        found.append(mean / (1 - _MEMORY**step))
    return tuple(found)


def valley(losses: Sequence[float]) -> int | None:
    """The index two thirds along the longest fall of the curve; None where it never falls.

    The longest fall is the longest strictly decreasing subsequence, the earliest if there are several.
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


def range_test(network: Network, run: Run, patches: Patches, compute: Compute, n_steps: int) -> Curve:
    """The loss over up to `n_steps` training steps of growing learning rate. `network` is trained in place.

    Step, patch order and optimizer are those of the recipe, at the patch size of its first stage. The test ends early
    when the loss diverges or is not a number.
    """
    recipe = run.recipe
    network.to(compute.device).to(memory_format=compute.memory_format).train()
    freeze_encoder(network, freezes(recipe))
    optimizer = build_optimizer(recipe.optimizer, network)
    step = TrainingStep(network, recipe, patches.schema.n_classes, compute.memory_format, light_in(patches))
    step.loss.to(compute.device)
    size = legs(recipe, patches.patch_size)[0].size
    weights = sampling_weights(patches, recipe.train.sampler, run.reporter)
    order = BatchOrder(patches.rows("train"), int(recipe.train.batch_size), recipe.train.seed, weights)
    dataset, lrs = PatchDataset(patches), rates(n_steps)
    losses: list[float] = []
    for number, lr in enumerate(lrs):
        epoch, at = divmod(number, len(order))
        if at == 0:
            order.set_epoch(epoch)
            rows = list(order)
        for group in optimizer.param_groups:
            group["lr"] = lr * group[LR_RATIO]
        pixels, ids = (part.to(compute.device) for part in dataset[rows[at]])
        with compute.autocast():
            loss = step((pixels, ids), size, epoch, at)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
        run.reporter.progress("learning rates", number + 1, n_steps)
        smooth = smoothed(losses)
        if not math.isfinite(losses[-1]) or smooth[-1] > DIVERGED * min(smooth):
            break
    finite = [loss for loss in losses if math.isfinite(loss)]
    return Curve(lrs[: len(finite)], tuple(finite), smoothed(finite))
