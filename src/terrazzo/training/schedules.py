"""The learning rate over one leg of a run, by torch's schedulers.

The learner steps it, not Lightning: it starts again with each stage, and a resumed run may ask for more epochs than
before, which moves the end of onecycle.
"""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from terrazzo.recipe.sections import ScheduleSection

LR_RATIO = "lr_ratio"
"""A key of parameter groups: the ratio of their learning rate to that of the recipe."""

_OF_THE_RUN = ("total_steps", "_schedule_phases")  # depend on the epochs, which a resumed run may raise


class Schedule:
    """The learning rate of one leg. Call `after_step` and `after_validation`."""

    def __init__(self, section: ScheduleSection, optimizer: Optimizer, lr: float, steps: int) -> None:
        self.optimizer = optimizer
        peaks = [lr * group.get(LR_RATIO, 1.0) for group in optimizer.param_groups]
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak
        self._onecycle: OneCycleLR | None = None
        self._plateau: ReduceLROnPlateau | None = None
        if section.name == "onecycle":
            # torch divides by the number of warm-up steps minus one, which must not be 0.
            rise = section.warmup if section.warmup * steps != 1 else section.warmup * (1 + 1e-9)
            self._onecycle = OneCycleLR(optimizer, peaks, total_steps=steps, pct_start=rise)
        elif section.name == "plateau":
            self._plateau = ReduceLROnPlateau(
                optimizer, factor=section.factor, patience=section.patience, min_lr=section.min_lr
            )

    def after_step(self) -> None:
        """Advance after one update of the weights."""
        if self._onecycle is not None and self._onecycle.last_epoch + 1 < self._onecycle.total_steps:
            self._onecycle.step()

    def after_validation(self, loss: float) -> None:
        """Advance after one epoch, with its validation loss."""
        if self._plateau is not None:
            self._plateau.step(loss)

    def state_dict(self) -> dict[str, Any]:
        """The state, for a checkpoint."""
        scheduler = self._onecycle or self._plateau
        state = {} if scheduler is None else scheduler.state_dict()
        return {name: value for name, value in state.items() if name not in _OF_THE_RUN and not callable(value)}

    def resume(self, state: dict[str, Any], groups: list[dict[str, Any]]) -> None:
        """Resume from a checkpoint: its `state_dict`, and the settings of its parameter groups."""
        scheduler = self._onecycle or self._plateau
        if scheduler is not None:
            scheduler.load_state_dict(state)
        for group, settings in zip(self.optimizer.param_groups, groups, strict=True):
            group.update(settings)


def settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """The settings of each parameter group, without the parameters."""
    return [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
