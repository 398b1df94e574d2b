"""What an adaptation made, in lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.system.reporting import how_many

if TYPE_CHECKING:
    from terrazzo.model.header import LineageStep


@dataclass(frozen=True)
class Adapted:
    """An adapted model and how it came about."""

    path: Path
    kept: bool
    """A finished model of the same inputs and options was there already."""
    step: "LineageStep"
    """What was added to the model's lineage."""
    minutes: float | None = None
    """None if it was kept."""

    @property
    def stopped(self) -> str | None:
        """Which limit of the guard ended it early; None if it ran to its end."""
        return self.step.guard.stopped if self.step.guard else None

    def lines(self) -> Iterator[str]:
        """The report: steps and windows, pixels and shares by class, agreement."""
        step, guard = self.step, self.step.guard
        took = "" if self.minutes is None else f", {self.minutes:.1f} min"
        yield f"adapted to {how_many(len(step.scenes), 'scene')}: {how_many(step.steps, 'step')}{took}"
        if guard is None:
            return
        yield f"trained on {how_many(guard.n_training, 'window')}, checked with {guard.n_guard} others"
        names = list(guard.used)
        width = max(len("class"), *map(len, names))
        yield f"{'class':{width}}       pixels  share before  share after"
        for name in names:
            before, after = guard.shares_before[name], guard.shares_after[name]
            yield f"{name:{width}}  {guard.used[name]:11d}  {before:12.2%}  {after:11.2%}"
        yield f"agreement with the start model's confident pixels: {guard.agreement:.3f}"
