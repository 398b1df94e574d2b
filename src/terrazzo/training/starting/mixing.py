"""Batches of which half are patches that the model was trained on before, so that it does not forget them."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from terrazzo.patches.folder import Patches
from terrazzo.training.batches import Batch, BatchOrder, PatchDataset, pinned

Rows = tuple[list[int], list[int]]
"""Patch numbers of one batch: of those to train on, and of the kept ones."""


class MixedOrder(Sampler[Rows]):
    """The batches of an order, each with `n_kept` patches of the kept ones.

    Law: the kept patches come in passes, each of them once a pass, and their order depends on (seed, pass) alone.
    """

    def __init__(self, order: BatchOrder, kept: NDArray[np.int64], n_kept: int) -> None:
        self.order = order
        self.kept = kept
        self.n_kept = n_kept

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass. The trainer calls it."""
        self.order.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.order)

    def n_patches(self, epoch: int, number: int) -> int:
        """How many patches batch `number` of an epoch has on all ranks together, paddings apart."""
        return self.order.n_patches(epoch, number) + self.n_kept * self.order.rank.count

    def __iter__(self) -> Iterator[Rows]:
        first = self.order.epoch * len(self.order)
        for number, rows in enumerate(self.order, start=first):
            yield rows, self._kept(number)

    def _kept(self, number: int) -> list[int]:
        """The kept patches of batch `number`, counted over all epochs, that are this rank's."""
        number = number * self.order.rank.count + self.order.rank.number
        at = np.arange(number * self.n_kept, (number + 1) * self.n_kept)
        passes = {each: self._pass(each) for each in np.unique(at // len(self.kept)).tolist()}
        return [int(passes[place // len(self.kept)][place % len(self.kept)]) for place in at.tolist()]

    def _pass(self, number: int) -> NDArray[np.int64]:
        # The third number keeps the order apart from that of the patches to train on.
        return np.random.default_rng((self.order.seed or 0, number, 1)).permutation(self.kept)


class MixedDataset(Dataset[Batch]):
    """Batches by two lists of patch numbers: `dataset[[4, 0], [9, 7]]` has patches 4 and 0, then the kept 9 and 7."""

    def __init__(self, patches: Patches, kept: Patches) -> None:
        self.parts = PatchDataset(patches), PatchDataset(kept)

    def __getitem__(self, rows: Rows) -> Batch:
        """One batch: pixels (B, C, S, S) and ids (B, S, S)."""
        (pixels, ids), (kept_pixels, kept_ids) = (part[each] for part, each in zip(self.parts, rows, strict=True))
        mixed = torch.cat((pixels, kept_pixels)).contiguous(memory_format=torch.channels_last)
        return mixed, torch.cat((ids, kept_ids))


def mixed_batches(patches: Patches, kept: Patches, order: BatchOrder, n_kept: int) -> DataLoader[Batch]:
    """The batches of an order, each with `n_kept` kept training patches behind."""
    mixed = MixedOrder(order, kept.rows("train"), n_kept)
    return DataLoader(MixedDataset(patches, kept), batch_size=None, sampler=mixed, pin_memory=pinned())
