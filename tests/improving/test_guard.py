"""The figures that end self-training, worked by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor

from terrazzo.improving.guard import Figures, Guard, Limits
from terrazzo.improving.windows import Windows

NAMES = ("a", "b", "c")


def one_hot(pixels: Tensor) -> Tensor:
    """A model whose class is the first band's value, with 0.9."""
    ids = pixels[:, 0].long()
    return torch.stack([torch.where(ids == number, 0.9, 0.05) for number in range(3)], dim=1)


@pytest.fixture
def guard() -> Guard:
    """Two windows of 10 pixels: 12 of class 0, 7 of class 1 and 1 of class 2, of which class 1 is never confident."""
    pixels = np.array([0] * 12 + [1] * 7 + [2], np.uint8).reshape(2, 1, 1, 10)
    windows = Windows(pixels, np.ones((2, 1, 10), bool))
    return Guard(windows, one_hot, torch.tensor([0.5, 0.95, 0.5]), 1, torch.device("cpu"))


def test_figures_by_hand(guard: Guard) -> None:
    assert guard.start == Figures(0, 1.0, (0.6, 0.35, 0.05))
    assert guard.n_confident == 13

    def all_first(pixels: Tensor) -> Tensor:
        return one_hot(torch.zeros_like(pixels))

    found = guard.measure(all_first, 7)
    assert found == Figures(7, pytest.approx(12 / 13), (1.0, 0.0, 0.0))


def test_which_figure_broke(guard: Guard) -> None:
    limits = Limits()
    assert guard.broken(Figures(1, 0.9, (0.7, 0.175, 0.125)), limits, NAMES) is None
    words = guard.broken(Figures(1, 0.89, (0.6, 0.35, 0.05)), limits, NAMES)
    assert words == "agreement with the start model fell to 0.890, below 0.9"
    words = guard.broken(Figures(1, 0.95, (0.8, 0.17, 0.03)), limits, NAMES)
    assert words == "the share of b fell from 35.00% to 17.00%, below 0.5 of what it was"


def test_a_class_of_a_hundredth_of_the_map_is_not_looked_at() -> None:
    ids = np.array([0] * 99 + [1], np.uint8).reshape(1, 1, 10, 10)
    rare = Guard(Windows(ids, np.ones((1, 10, 10), bool)), one_hot, torch.full((3,), 0.5), 1, torch.device("cpu"))
    assert rare.broken(Figures(1, 0.99, (1.0, 0.0, 0.0)), Limits(), NAMES) is None


def test_invalid_pixels_are_in_no_figure() -> None:
    ids = np.array([0, 0, 1, 2], np.uint8).reshape(1, 1, 2, 2)
    valid = np.array([[[True, True], [True, False]]])
    found = Guard(Windows(ids, valid), one_hot, torch.full((3,), 0.5), 1, torch.device("cpu"))
    assert found.n_confident == 3
    assert found.start.shares == (pytest.approx(2 / 3), pytest.approx(1 / 3), 0.0)
