"""Epochs of a fixed number of batches: passes over the patches that follow on one another."""

from pathlib import Path

import numpy as np
import pytest
import torch

from terrazzo.classes.schema import IGNORE
from terrazzo.patches.folder import open_patches
from terrazzo.training.batches import BatchOrder, PatchDataset, holding
from tests.worlds.striped import striped_patches


@pytest.mark.parametrize("length", [1, 2, 3, 4, 10])
def test_batch_b_of_the_run_is_batch_b_modulo_the_pass(length: int) -> None:
    rows, passes = np.arange(10, 17), BatchOrder(np.arange(10, 17), 3, seed=4)  # 7 patches: 3 batches a pass
    expected = []
    for number in range(12):
        passes.set_epoch(number)
        expected += list(passes)
    order, found = BatchOrder(rows, 3, seed=4, length=length), []
    for epoch in range(36 // length):
        order.set_epoch(epoch)
        batches = list(order)
        assert len(batches) == len(order) == length
        found += batches
    assert found == expected[: len(found)]


def test_weights_are_drawn_anew_in_each_pass() -> None:
    weights = np.array([2.0, 0.5, 0.5, 1.0])
    order = BatchOrder(np.arange(4), 4, seed=1, weights=weights, length=40)
    drawn = np.bincount([row for batch in order for row in batch], minlength=4)
    assert drawn[0] == 80
    assert drawn[3] == 40
    assert drawn[1] + drawn[2] == 40


def test_patches_that_lie_on_a_device_are_the_same_batches(tmp_path: Path) -> None:
    patches = open_patches(striped_patches(tmp_path, 2))
    held = PatchDataset(patches, torch.device("cpu"))
    for rows in ([4, 0, 9], [2], [5, ~5]):
        for found, expected in zip(held[rows], PatchDataset(patches)[rows], strict=True):
            assert torch.equal(found, expected)
            assert found.stride() == expected.stride()
    assert (held[[5, ~5]][1][1] == IGNORE).all()
    assert not (held[[5]][1] == IGNORE).all(), "padding leaves the patch itself as it is"


def test_patches_lie_on_a_gpu_alone_and_where_a_quarter_of_its_free_memory_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = open_patches(striped_patches(tmp_path, 2))
    size, gpu = len(patches.masks) * 32 * 32 * 4, torch.device("cuda", 1)
    for free, expected in ((4 * size, gpu), (4 * size - 4, None)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, free))
        assert holding(patches, gpu) == expected
    assert holding(patches, torch.device("cpu")) is None
