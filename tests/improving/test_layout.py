"""Where the windows of a scene lie."""

import itertools

import pytest

from terrazzo.improving.layout import kinds, lay_out, least_size

SIDE = 32


@pytest.mark.parametrize("size", [(168, 96), (96, 168), (68, 32), (400, 70), (333, 555), (1000, 1000)])
def test_windows_lie_inside_apart_and_training_does_not_touch_the_guard(size: tuple[int, int]) -> None:
    layout = lay_out(size, SIDE)
    assert layout is not None
    assert layout.training
    assert layout.guard
    for row, col in layout.training + layout.guard:
        assert 0 <= row <= size[0] - SIDE
        assert 0 <= col <= size[1] - SIDE
    for (row, col), (other_row, other_col) in itertools.combinations(layout.training + layout.guard, 2):
        assert abs(row - other_row) >= SIDE or abs(col - other_col) >= SIDE
    for (row, col), (other_row, other_col) in itertools.product(layout.training, layout.guard):
        assert max(abs(row - other_row), abs(col - other_col)) >= SIDE + SIDE // 8


def test_five_strips_by_hand() -> None:
    """168 = 5 windows of 32 and two gaps of 4; the third strip is the guard's, three windows lie beside each other."""
    layout = lay_out((168, 96), SIDE)
    assert layout is not None
    assert layout.guard == ((68, 0), (68, 32), (68, 64))
    assert sorted({row for row, _ in layout.training}) == [0, 32, 104, 136]


def test_about_a_fifth_is_the_guard_s() -> None:
    for n in range(2, 100):
        assert any(kinds(n))
        assert not all(kinds(n))
    assert sum(kinds(100)) == 20
    layout = lay_out((256 * 13, 256 * 12), 256)  # 10 megapixels
    assert layout is not None
    assert 0.15 < len(layout.guard) / (len(layout.guard) + len(layout.training)) < 0.25


def test_the_smallest_scene() -> None:
    assert least_size(SIDE) == (32, 68)
    assert lay_out((68, 32), SIDE) is not None
    assert lay_out((67, 32), SIDE) is None
    assert lay_out((68, 31), SIDE) is None
