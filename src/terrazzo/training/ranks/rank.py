"""The place of a process among those that share every batch, and what it adds up with the others."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Rank:
    """One of `count` processes, from 0. `mean` and `sum` must be called by all of them, in the same order."""

    number: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether it writes the files of the run and reports."""
        return self.number == 0

    def share(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Its part of the patch numbers `rows` of a batch; all parts are as long.

        Law: the ranks' parts in their order are `rows`, then as few paddings as make the parts equal. Padding is the
        number ~n of the last patch n, which is below 0.
        """
        length = -(-len(rows) // self.count)
        padding = np.full(length * self.count - len(rows), ~rows[-1])
        return np.concatenate((rows, padding))[self.number * length : (self.number + 1) * length]

    def rows_of(self, table: Tensor) -> Tensor:
        """Its rows of a table that has as many rows for each rank."""
        n = len(table) // self.count
        return table[self.number * n : (self.number + 1) * n]

    def seed(self, seed: int) -> int:
        """A seed of its own; that of the leading rank is `seed` itself."""
        if self.leads:
            return seed
        return int(np.random.SeedSequence((seed, self.number)).generate_state(1, np.uint32)[0])

    def mean(self, number: Tensor) -> Tensor:
        """The mean of a tensor over the ranks, without gradient."""
        return number if self.count == 1 else self.sum(number) / self.count

    def sum(self, number: Tensor) -> Tensor:
        """The sum of a tensor over the ranks, without gradient."""
        if self.count == 1:
            return number
        total = number.detach().clone()
        torch.distributed.all_reduce(total)
        return total


ALONE = Rank()
"""The only process."""
