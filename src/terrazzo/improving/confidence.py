"""Which pixels of a map the start model is sure of: the most confident ones of each class.

The threshold of a class is the same quantile of that class's confidences, so that a rare class, which is seldom sure,
keeps some (class-balanced thresholds: Zou et al. 2018). It is never below `LEAST`. The guard watches these pixels.
"""

import math

import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE

QUANTILE = 0.5
LEAST = 0.5
BINS = 1000


class Confidences:
    """How many pixels of each class have which confidence, in `BINS` steps: `counts` (K, BINS)."""

    def __init__(self, n_classes: int, device: torch.device) -> None:
        self.counts = torch.zeros((n_classes, BINS), dtype=torch.int64, device=device)

    def add(self, probs: Tensor, valid: Tensor) -> None:
        """Count the valid pixels (B, H, W) of probabilities (B, K, H, W)."""
        n_classes = len(self.counts)
        confidence, ids = probs.max(dim=1)
        steps = (confidence * BINS).long().clamp(max=BINS - 1)
        cells = torch.where(valid, ids * BINS + steps, n_classes * BINS)
        counts = torch.bincount(cells.flatten(), minlength=n_classes * BINS + 1)
        self.counts += counts[:-1].view(n_classes, BINS)

    def thresholds(self, quantile: float = QUANTILE, least: float = LEAST) -> Tensor:
        """The least confidence (K,) of a label of each class, on the CPU.

        It is the lower end of the step that holds the quantile, or `least`. A class without pixels has infinity: none.
        """
        counts = self.counts.cpu()
        totals = counts.sum(dim=1)
        below = (counts.cumsum(dim=1) <= quantile * totals[:, None].double()).sum(dim=1)
        found = (below.double() / BINS).clamp(min=least)
        return torch.where(totals > 0, found, math.inf).float()

    @property
    def pixels(self) -> tuple[int, ...]:
        """How many pixels of each class were counted."""
        return tuple(int(n) for n in self.counts.sum(dim=1))

    def sure(self, thresholds: Tensor) -> int:
        """How many pixels are at or above their class's threshold, of `thresholds` (K,)."""
        steps = torch.arange(BINS) / BINS
        kept = steps[None] >= thresholds.cpu()[:, None] - 0.5 / BINS
        return int((self.counts.cpu() * kept).sum())


def labels(probs: Tensor, valid: Tensor, thresholds: Tensor) -> Tensor:
    """Ids (B, H, W) uint8 of the confident valid pixels of probabilities (B, K, H, W); the others are ignore.

    Law: a pixel has a label exactly if it is valid and its confidence is at least its class's threshold.
    """
    confidence, ids = probs.max(dim=1)
    sure = valid & (confidence >= thresholds[ids])
    return torch.where(sure, ids, IGNORE).to(torch.uint8)
