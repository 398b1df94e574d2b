"""Boxes lie side by side, and what they add up does not depend on how a map comes in parts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.improving.suggesting.boxes import BoxGrid, Tally, unsure_percent
from terrazzo.maps.pieces.sums import CLASSES, PROBABILITIES, Part


def layers(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Class ids (H, W) with holes, and probabilities in percent (3, H, W)."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, (height, width)).astype(np.uint8)
    shares = rng.integers(0, 101, (3, height, width)).astype(np.uint8)
    hole = rng.random((height, width)) < 0.2
    ids[hole], shares[:, hole] = 255, 255
    return ids, shares


def parts(ids: NDArray[np.uint8], shares: NDArray[np.uint8], step: tuple[int, int]) -> list[Part]:
    height, width = ids.shape
    return [
        Part(
            row,
            col,
            {
                CLASSES: ids[None, row : row + step[0], col : col + step[1]],
                PROBABILITIES: shares[:, row : row + step[0], col : col + step[1]],
            },
        )
        for row in range(0, height, step[0])
        for col in range(0, width, step[1])
    ]


@pytest.mark.parametrize("step", [(47, 61), (16, 16), (5, 7), (47, 1), (1, 61), (20, 33)])
def test_the_sums_of_boxes_are_those_of_their_pixels_however_the_map_is_cut(step: tuple[int, int]) -> None:
    ids, shares = layers(47, 61)
    grid = BoxGrid((47, 61), 16)
    assert (grid.rows, grid.cols, grid.n_boxes) == (2, 3, 6)
    tally = Tally(grid, 3)
    for part in parts(ids, shares, step):
        tally.add(part)
    top, second = np.sort(shares, axis=0)[::-1][:2].astype(int)
    for i, j in np.ndindex(2, 3):
        box = slice(16 * i, 16 * i + 16), slice(16 * j, 16 * j + 16)
        there = ids[box] != 255
        assert tally.valid[i, j] == there.sum()
        assert tally.percent[i, j] == (100 - (top - second)[box])[there].sum()
        assert tally.classes[i, j].tolist() == [(ids[box] == number).sum() for number in range(3)]


def test_uncertainty_is_what_the_likeliest_class_leads_by_less_than_all() -> None:
    shares = np.array([[[70, 50, 100, 34]], [[20, 50, 0, 33]], [[10, 0, 0, 33]]], np.uint8)
    assert unsure_percent(shares).tolist() == [[50, 100, 0, 99]]
    assert unsure_percent(np.array([[[100]]], np.uint8)).tolist() == [[0]], "a single class is sure"


def test_a_scene_smaller_than_a_box_has_none() -> None:
    assert BoxGrid((15, 200), 16).n_boxes == 0
    tally = Tally(BoxGrid((200, 15), 16), 3)
    for part in parts(*layers(200, 15), (64, 64)):
        tally.add(part)
    assert tally.valid.shape == (12, 0)
