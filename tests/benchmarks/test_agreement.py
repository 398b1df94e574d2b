"""The agreement of two labellings of the same ground, found again in pictures that share a part."""

import numpy as np
import pytest

from benchmarks import agreement
from terrazzo.errors import InputError


def _ground(seed: int, height: int = 1300, width: int = 1300) -> np.ndarray:
    """A picture (H, W, 3) of blocks of random size and grey."""
    numbers = np.random.default_rng(seed)
    picture = np.full((height, width), 120, np.uint8)
    for _ in range(5000):
        row, col = numbers.integers(0, height), numbers.integers(0, width)
        high, wide = numbers.integers(8, 60, 2)
        picture[row : row + high, col : col + wide] = numbers.integers(0, 255)
    return np.repeat(picture[..., None], 3, axis=2)


def test_a_shift_is_found_and_labels_of_the_same_ground_agree() -> None:
    whole = _ground(0)
    ids = (whole[..., 0] // 52).astype(np.uint8)  # 0 to 4
    first, second = whole[:1100], whole[120:, 60:]
    shared = agreement.shared_ground(first, second)
    assert shared.residual <= 4
    np.testing.assert_allclose(shared.affine, [[1, 0], [0, 1], [60, 120]], atol=2)
    assert len(shared.first) == pytest.approx(980 * 1240, rel=0.02)
    found = agreement.confusion(ids[:1100], ids[120:, 60:], shared)
    assert np.trace(found) / found.sum() > 0.9


def test_confusion_counts_the_pixels_that_both_label_by_hand() -> None:
    first = np.array([[0, 1], [2, 255]], np.uint8)
    second = np.array([[1, 1], [255, 2]], np.uint8)
    places = np.indices((2, 2)).reshape(2, -1).T
    shared = agreement.Shared(places, places, np.eye(3)[:, :2], 0.0)
    found = agreement.confusion(first, second, shared)
    assert found.sum() == 2
    assert found[0, 1] == 1
    assert found[1, 1] == 1


def test_a_map_is_scored_against_both_on_the_same_pixels_by_hand() -> None:
    first = np.array([[0, 1], [2, 255]], np.uint8)
    second = np.array([[1, 1], [2, 2]], np.uint8)
    mapped = np.array([[1, 1], [255, 2]], np.uint8)
    places = np.indices((2, 2)).reshape(2, -1).T
    shared = agreement.Shared(places, places, np.eye(3)[:, :2], 0.0)
    own, other = agreement.habits(mapped, first, second, shared)
    assert own.sum() == other.sum() == 2  # unlabelled and unmapped pixels count for neither
    assert (own[0, 1], own[1, 1], other[1, 1]) == (1, 1, 2)


def test_pictures_of_different_ground_are_refused() -> None:
    with pytest.raises(InputError, match="pieces of one tile are found"):
        agreement.shared_ground(_ground(1), _ground(2))
