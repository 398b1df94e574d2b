"""Patches in batches, in an order that depends on seed and epoch alone.

A batch is one indexing of the memory-mapped patches. It needs no collation and no worker process, and loading is far
faster than any network.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from terrazzo.classes.schema import IGNORE
from terrazzo.patches.folder import Patches
from terrazzo.training.ranks.rank import ALONE, Rank
from terrazzo.training.sampling import drawn

Batch = tuple[Tensor, Tensor]
"""Pixels (B, C, S, S) in channels-last layout, uint8 or float32 with NaN where missing; ids (B, S, S) uint8."""


HELD_SHARE = 0.25
"""The share of a GPU's free memory that all patches may take; the batch size is settled with 0.6 of it."""
_AT_ONCE = 256


class PatchDataset(Dataset[Batch]):
    """Batches by patch numbers: `dataset[[4, 0, 9]]` is one batch of three."""

    def __init__(self, patches: Patches, on: torch.device | None = None) -> None:
        """Patches read from the disk for each batch; or, once, all of them into the memory of the device `on`."""
        self.patches = patches
        self.held = None if on is None else tuple(_copied(part, on) for part in (patches.images, patches.masks))

    def __getitem__(self, rows: list[int]) -> Batch:
        """One batch of the patches with these numbers; ~n is patch n with all its pixels ignored (`Rank.share`)."""
        numbers = [row if row >= 0 else ~row for row in rows]
        if self.held is None:
            images, ids = torch.from_numpy(self.patches.pixels(numbers)), torch.from_numpy(self.patches.masks[numbers])
        else:
            images, ids = (part.index_select(0, _on(part.device, numbers)) for part in self.held)
        for place, row in enumerate(rows):
            if row < 0:
                ids[place] = IGNORE
        return images.permute(0, 3, 1, 2), ids


class BatchOrder(Sampler[list[int]]):
    """Patch numbers in batches whose sizes differ by one at most, so that no last batch is a stub.

    Shuffled by (seed, epoch) if there is a seed, else ascending. With weights (N,), of mean 1, a pass has as many
    patches, drawn by them (`sampling.drawn`); without, each patch comes once.

    An epoch is one pass, or `length` batches of passes that follow on one another. Law: batch b of the run, counted
    over its epochs, is batch b modulo B of pass b // B, where a pass has B batches.

    Several ranks share each batch, which has `batch_size` patches for each of them. Law: their batches together are
    those of one process with that many times the batch size, and paddings (`Rank.share`).
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        batch_size: int,
        seed: int | None = None,
        weights: NDArray[np.float64] | None = None,
        length: int | None = None,
        rank: Rank = ALONE,
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size * rank.count
        self.rank = rank
        self.seed = seed
        self.weights = weights
        self.length = length
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass. The trainer calls it."""
        self.epoch = epoch

    @property
    def batches_a_pass(self) -> int:
        """How many batches show each patch once."""
        return -(-len(self.rows) // self.batch_size)

    def __len__(self) -> int:
        return self.length or self.batches_a_pass

    def __iter__(self) -> Iterator[list[int]]:
        first = self.epoch * len(self)
        last = first + len(self)
        per_pass = self.batches_a_pass
        for number in range(first // per_pass, -(-last // per_pass)):
            parts = np.array_split(self._pass(number), per_pass)
            for part in parts[max(0, first - number * per_pass) : last - number * per_pass]:
                yield self.rank.share(part).tolist()

    def n_patches(self, epoch: int, number: int) -> int:
        """How many patches batch `number` of an epoch has on all ranks together, paddings apart."""
        share, longer = divmod(len(self.rows), self.batches_a_pass)
        return share + ((epoch * len(self) + number) % self.batches_a_pass < longer)

    def _pass(self, number: int) -> NDArray[np.int64]:
        """The patches of a pass in their order."""
        if self.seed is None:
            return self.rows
        rng = np.random.default_rng((self.seed, number))
        return rng.permutation(self.rows) if self.weights is None else self.rows[drawn(self.weights, rng)]


def batches(
    patches: Patches,
    split: str,
    batch_size: int,
    seed: int | None = None,
    weights: NDArray[np.float64] | None = None,
    rank: Rank = ALONE,
) -> DataLoader[Batch]:
    """The batches of one split in the order of `BatchOrder`. Raises PatchesError where the split is empty."""
    return in_order(patches, BatchOrder(patches.rows(split), batch_size, seed, weights, rank=rank))


def pinned() -> bool:
    """Whether batches lie where a GPU fetches them by itself while the host works on: there, where there is one."""
    return torch.cuda.is_available()


def holding(patches: Patches, device: torch.device) -> torch.device | None:
    """The GPU that all patches are to lie on, if it is one and `HELD_SHARE` of its free memory is enough."""
    if device.type != "cuda" or patches.deep:
        return None
    size = patches.images.nbytes + patches.masks.nbytes
    return device if size <= HELD_SHARE * torch.cuda.mem_get_info(device)[0] else None


def _copied(part: NDArray[np.uint8], device: torch.device) -> Tensor:
    """An array on a device, read a few patches at a time."""
    held = torch.empty(part.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(part), _AT_ONCE):
        held[start : start + _AT_ONCE] = torch.from_numpy(np.array(part[start : start + _AT_ONCE]))
    return held


def _on(device: torch.device, numbers: list[int]) -> Tensor:
    """Numbers on a device, which is not waited for."""
    there = torch.tensor(numbers)
    return there.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else there.to(device)


def in_order(patches: Patches, order: BatchOrder, on: torch.device | None = None) -> DataLoader[Batch]:
    """The batches of an order; with `on` of patches that all lie on that device."""
    return DataLoader(PatchDataset(patches, on), batch_size=None, sampler=order, pin_memory=on is None and pinned())
