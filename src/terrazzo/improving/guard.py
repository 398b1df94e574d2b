"""What ends self-training before it collapses: two figures of windows that it does not train on.

- agreement: the share of the start model's confident pixels to which the model still gives the same class;
- shares: how much of the windows each class covers, against the start model's map.

The windows, the pixels and the limits are fixed before training. Agreement of a model with its own later labels always
rises and would prove nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.improving.confidence import labels
from terrazzo.improving.windows import Windows

Probs = Callable[[Tensor], Tensor]
"""Pixels (B, C, S, S) to probabilities (B, K, S, S) on the device."""


@dataclass(frozen=True)
class Limits:
    """When the guard ends training."""

    agreement: float = 0.9
    """The least agreement."""
    share: float = 0.5
    """The least share of a class, as a part of its share in the start map."""
    counted: float = 0.01
    """Classes with no more than this share of the start map are not looked at."""


@dataclass(frozen=True)
class Figures:
    """What the guard found at one step."""

    step: int
    agreement: float
    shares: tuple[float, ...]
    """(K,), of the valid pixels."""


class Guard:
    """The guard's windows with the start model's map of them."""

    def __init__(self, windows: Windows, probs: Probs, thresholds: Tensor, batch: int, device: torch.device) -> None:
        self._windows, self._batch, self._device = windows, batch, device
        self._n_classes = len(thresholds)
        at_device = thresholds.to(device)
        sure = [labels(probs(pixels), valid, at_device) for pixels, valid in self._batches()]
        self._sure = torch.cat(sure)
        self.n_confident = int((self._sure != IGNORE).sum())
        self.start = self.measure(probs, 0)

    def measure(self, probs: Probs, step: int) -> Figures:
        """The figures of a model, which is known by its probabilities."""
        agreed = torch.zeros((), dtype=torch.int64, device=self._device)
        counts = torch.zeros(self._n_classes + 1, dtype=torch.int64, device=self._device)
        first = 0
        for pixels, valid in self._batches():
            ids = probs(pixels).argmax(dim=1)
            sure = self._sure[first : first + len(ids)]
            first += len(ids)
            agreed += (ids == sure).sum()
            counts += torch.bincount(torch.where(valid, ids, self._n_classes).flatten(), minlength=len(counts))
        pixels_by_class = counts[:-1].tolist()
        total = max(1, sum(pixels_by_class))
        agreement = int(agreed) / max(1, self.n_confident)
        return Figures(step, agreement, tuple(count / total for count in pixels_by_class))

    def broken(self, found: Figures, limits: Limits, names: Sequence[str]) -> str | None:
        """Which figure is beyond its limit, in words; None if none is."""
        if found.agreement < limits.agreement:
            return f"agreement with the start model fell to {found.agreement:.3f}, below {limits.agreement:g}"
        for name, before, now in zip(names, self.start.shares, found.shares, strict=True):
            if before > limits.counted and now < limits.share * before:
                return f"the share of {name} fell from {before:.2%} to {now:.2%}, below {limits.share:g} of what it was"
        return None

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(self._windows), self._batch):
            part = slice(first, first + self._batch)
            pixels = torch.from_numpy(self._windows.pixels[part]).to(self._device)
            yield pixels, torch.from_numpy(self._windows.valid[part]).to(self._device)
