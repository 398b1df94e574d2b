"""Batches of new and kept patches: half and half, in an order of the seed alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from terrazzo.patches.folder import open_patches
from terrazzo.training.batches import BatchOrder
from terrazzo.training.starting.begun import shares
from terrazzo.training.starting.mixing import MixedOrder, mixed_batches
from tests.worlds.striped import striped_patches


@pytest.mark.parametrize(("batch", "parts"), [(8, (4, 4)), (7, (4, 3)), (2, (1, 1))])
def test_half_of_a_batch_is_kept(batch: int, parts: tuple[int, int]) -> None:
    assert shares(batch) == parts


def mixed(epoch: int, length: int = 5) -> list[tuple[list[int], list[int]]]:
    """The batches of an epoch: 7 patches to train on, 2 a batch; the kept ones are 100 .. 105, 4 a batch."""
    order = MixedOrder(BatchOrder(np.arange(7), 2, 3, length=length), np.arange(100, 106), 4)
    order.set_epoch(epoch)
    assert len(order) == length
    return list(order)


def test_kept_patches_come_once_a_pass_across_batches_and_epochs() -> None:
    kept = [row for epoch in range(3) for _, rows in mixed(epoch) for row in rows]
    assert len(kept) == 60
    passes = [kept[first : first + 6] for first in range(0, 60, 6)]
    assert all(sorted(each) == list(range(100, 106)) for each in passes)
    assert any(one != two for one, two in pairwise(passes))


def test_an_epoch_repeats_itself_whatever_came_before() -> None:
    assert mixed(2) == mixed(2)
    assert mixed(1) != mixed(2)


def test_a_batch_has_the_new_patches_first_and_then_the_kept(tmp_path: Path) -> None:
    patches = open_patches(striped_patches(tmp_path, 3))
    rows = patches.rows("train")
    order = BatchOrder(rows, 2, 0)
    images, masks = next(iter(mixed_batches(patches, patches, order, 3)))
    own, kept = next(iter(MixedOrder(order, rows, 3)))
    np.testing.assert_array_equal(masks.numpy(), patches.masks[[*own, *kept]])
    assert images.shape == (len(own) + 3, 3, 32, 32)
    assert images.is_contiguous(memory_format=torch.channels_last)
