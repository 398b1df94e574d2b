"""What each patch adds to the scores. Law: the sums over all patches give the scores of the split."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.evaluation.calibration.reliability import BINS, Reliability

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Tallies:
    """What each of N patches adds to the scores, or each of N draws of patches.

    A few hundred bytes a patch, where the patch itself has hundreds of thousands.
    """

    counts: NDArray[np.int64]
    """(N, 3, K): right, truth and predicted pixels."""
    boundary: NDArray[np.int64]
    """(N, 3, K): the same, near the edges of the classes."""
    true_sums: NDArray[np.float64]
    """(N,): the probabilities of the true class at temperature 1, summed over valid pixels."""
    entropy_sums: NDArray[np.float64]
    """(N,): -log of these, summed."""
    loss_sums: NDArray[np.float64]
    """(N,): the loss times the valid pixels, as `loss_sums` shares it out."""
    gaps: NDArray[np.float64]
    """(N, 15): right pixels less confidences in each bin of confidence (`Reliability.gaps`)."""
    gaps_uncalibrated: NDArray[np.float64]
    """(N, 15): the same at temperature 1."""

    @classmethod
    def none(cls, n: int, n_classes: int) -> "Tallies":
        """Those of n patches without a valid pixel, to be filled in."""
        counts, boundary = np.zeros((2, n, 3, n_classes), np.int64)
        sums, gaps = np.zeros((3, n)), np.zeros((2, n, BINS))
        return cls(counts, boundary, *sums, *gaps)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """(N,) valid pixels."""
        pixels: NDArray[np.int64] = self.counts[:, 1].sum(axis=1)
        return pixels

    def by_part(self, of: NDArray[np.int64]) -> "Tallies":
        """Those of whole parts, in rising order of their numbers, from the number (N,) of each patch's part.

        Parts without a valid pixel are left out.
        """
        kept = np.unique(of[self.pixels > 0])
        here = np.isin(of, kept)
        places = np.searchsorted(kept, of[here])

        def summed(tally: NDArray[Any]) -> NDArray[Any]:
            sums = np.zeros((len(kept), *tally.shape[1:]), tally.dtype)
            np.add.at(sums, places, tally[here])
            return sums

        return self._each(summed)

    def drawn(self, times: NDArray[np.float64]) -> "Tallies":
        """Those of D draws, from how many times (D, N) each draw holds each part. Counts are exact up to 2**53."""

        def summed(tally: NDArray[Any]) -> NDArray[Any]:
            # float64 has a fast matrix product, where int64 has none.
            flat = times @ tally.reshape(len(tally), -1).astype(np.float64)
            return flat.reshape(len(times), *tally.shape[1:]).astype(tally.dtype)

        return self._each(summed)

    def _each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Tallies":
        return Tallies(*(change(getattr(self, field.name)) for field in fields(self)))


def loss_sums(loss: "Callable[[Tensor, Tensor], Tensor]", logits: "Tensor", target: "Tensor") -> NDArray[np.float64]:
    """What each patch (B,) of a batch adds to the sum of losses: logits (B, K, H, W), target (B, H, W), ignore = 255.

    A patch has its own loss, plus what the loss of the batch differs from the mean of its patches' losses; all times
    its valid pixels. Cross-entropy and focal loss are such means, so nothing differs. Dice, Jaccard, Lovasz and class
    weights look at the whole batch. Law: the sums add up to the loss of the batch times its valid pixels.
    """
    import torch

    pixels = (target != IGNORE).sum(dim=(1, 2)).cpu().double().numpy()
    each = [loss(logits[one : one + 1], target[one : one + 1]) for one in range(len(target))]
    *own, batch = torch.stack([*each, loss(logits, target)]).cpu().double().tolist()
    total = pixels.sum()
    difference = batch - float(pixels @ own) / total if total else 0.0
    sums: NDArray[np.float64] = pixels * (np.array(own) + difference)
    return sums


def reliabilities(
    confidence: NDArray[np.float32], right: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> list[Reliability]:
    """The valid pixels of each patch by confidence, from three arrays (B, H, W)."""
    return [Reliability.of(sure[there], hit[there]) for sure, hit, there in zip(confidence, right, valid, strict=True)]
