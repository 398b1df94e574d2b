"""Epochs of a fixed number of batches: passes over the patches that follow on one another."""

import numpy as np
import pytest

from terrazzo.training.batches import BatchOrder


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
