"""Laws of windows and of their blending, held against the whole-image sum that anyone can check."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from terrazzo.model.windows.blend import Axis, Blender, Block, cover

patient = settings(deadline=None)  # a busy machine is no failure
lengths = st.integers(1, 150)
windows = st.integers(1, 40)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    window = draw(windows)
    return cover(draw(lengths), window, draw(st.integers(0, window - 1)))


@patient
@given(lengths, windows, st.data())
def test_windows_cover_every_pixel_share_the_overlap_and_stay_inside(
    length: int, window: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, window - 1))
    axis = cover(length, window, overlap)
    assert axis.starts[0] == 0
    assert axis.starts[-1] + window == max(length, window)
    assert all(0 < later - earlier <= window - overlap for earlier, later in pairwise(axis.starts))


@patient
@given(lengths, windows, st.data())
def test_no_fewer_windows_would_do(length: int, window: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, window - 1))
    count = len(cover(length, window, overlap).starts)
    assert count == 1 or (count - 1) * (window - overlap) + overlap < length


def test_windows_worked_by_hand() -> None:
    """100 pixels, windows of 40 that share at least 10: 3 windows reach 40 + 30 + 30 = 100 exactly; 101 takes 4."""
    assert cover(100, 40, 10).starts == (0, 30, 60)
    assert cover(101, 40, 10).starts == (0, 20, 40, 61)
    assert cover(39, 40, 10).starts == (0,)
    assert cover(101, 40, 10).spans == ((0, 20), (20, 40), (40, 61), (61, 101))
    assert cover(101, 40, 10).longest_overlap == 20


@patient
@given(axes())
def test_weights_are_positive_and_sum_to_one_in_every_pixel(axis: Axis) -> None:
    total = np.zeros(axis.starts[-1] + axis.window)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        assert (weights > 0).all()
        total[start : start + axis.window] += weights
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_where_two_windows_meet_the_weight_passes_smoothly_from_one_to_the_other() -> None:
    """Two windows of 8 that share 4 of 12 pixels. Hann at pixel i is sin^2((i + 1/2) pi / 8), so in the shared pixel
    i the second window has sin^2(a) / (sin^2(a) + cos^2(a)) with a = (i + 1/2) pi / 8: as cos(a) = sin(pi / 2 - a)."""
    first, second = cover(12, 8, 4).weights
    expected = np.sin((np.arange(4) + 0.5) * np.pi / 8) ** 2
    np.testing.assert_allclose(first[:4], 1, rtol=1e-6)
    np.testing.assert_allclose(second[:4], expected, rtol=1e-6)
    np.testing.assert_allclose(first[4:], 1 - expected, rtol=1e-6)


def naive(rows: Axis, cols: Axis, probs: NDArray[np.float32]) -> NDArray[np.float64]:
    """The weighted mean over the whole image (K, H, W) in double precision, straight from the definition."""
    n_classes = probs.shape[1]
    total = np.zeros((n_classes, rows.starts[-1] + rows.window, cols.starts[-1] + cols.window))
    weight = np.zeros(total.shape[1:])
    hann = [np.sin(np.pi * (np.arange(axis.window) + 0.5) / axis.window) ** 2 for axis in (rows, cols)]
    places = [(row, col) for row in rows.starts for col in cols.starts]
    for (row, col), window in zip(places, probs, strict=True):
        place = np.s_[row : row + rows.window, col : col + cols.window]
        total[:, *place] += window * np.outer(*hann)
        weight[place] += np.outer(*hann)
    return (total / weight)[:, : rows.length, : cols.length]


def assemble(blocks: list[Block], n_classes: int, height: int, width: int) -> NDArray[np.float32]:
    """The blocks in their places; every pixel must be filled exactly once."""
    whole = np.zeros((n_classes, height, width), np.float32)
    filled = np.zeros((height, width), int)
    for block in blocks:
        whole[:, *block.place] = block.probs
        filled[block.place] += 1
    assert (filled == 1).all()
    return whole


@patient
@given(axes(), axes(), st.integers(0, 2**32 - 1))
def test_blending_in_parts_equals_the_weighted_mean_over_the_whole_image(rows: Axis, cols: Axis, seed: int) -> None:
    n = len(rows.starts) * len(cols.starts)
    if n * rows.window * cols.window > 200_000:
        rows = cover(rows.length, rows.window, 0)
        cols = cover(cols.length, cols.window, 0)
        n = len(rows.starts) * len(cols.starts)
    raw = np.random.default_rng(seed).random((n, 3, rows.window, cols.window), np.float32)
    probs = raw / raw.sum(axis=1, keepdims=True)
    blender = Blender(rows, cols, 3)
    whole = assemble([blender.add(window) for window in probs], 3, rows.length, cols.length)
    np.testing.assert_allclose(whole, naive(rows, cols, probs), atol=2e-6)
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=5e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 77), (77, 1), (33, 47), (16, 16), (15, 90)])
def test_constant_probabilities_blend_to_themselves(size: tuple[int, int]) -> None:
    rows, cols = cover(size[0], 16, 4), cover(size[1], 16, 4)
    constant = np.array([0.2, 0.5, 0.3], np.float32)[:, None, None] * np.ones((1, 16, 16), np.float32)
    blender = Blender(rows, cols, 3)
    for _ in range(len(rows.starts) * len(cols.starts)):
        block = blender.add(constant)
        np.testing.assert_allclose(block.probs, constant[:, :1, :1] + np.zeros_like(block.probs), rtol=1e-6)
        assert (block.ids == 1).all()


def test_what_the_blender_holds_does_not_grow_with_the_height() -> None:
    held = []
    for height in (200, 20_000):
        rows, cols = cover(height, 64, 8), cover(150, 64, 8)
        blender = Blender(rows, cols, 3)
        for _ in range(2 * len(cols.starts)):
            blender.add(np.full((3, 64, 64), 1 / 3, np.float32))
        held.append(sum(value.nbytes for value in vars(blender).values() if isinstance(value, np.ndarray)))
    assert held[1] <= held[0]
    assert held[1] <= 3 * 150 * 16 * 4  # classes x width x twice the overlap x float32


def test_most_pixels_of_a_large_image_are_seen_once() -> None:
    """Windows of 512 that share 64: pixels seen / pixels there, for 20 000 x 20 000, stays under 4 / 3."""
    axis = cover(20_000, 512, 64)
    assert (len(axis.starts) * 512 / 20_000) ** 2 < 4 / 3
    assert axis.longest_overlap < 80
