"""How points are shared out."""

import numpy as np
import pytest

from terrazzo.evaluation.map_accuracy.allocation import AT_LEAST, allocate, least_points


def test_small_strata_get_the_least_and_the_others_share_the_rest_in_proportion() -> None:
    """In proportion 3, 27 and 270; after 20 for the first, 280 are left: 25.45 and 254.55."""
    assert allocate(np.array([100, 900, 9000]), 300).tolist() == [20, 25, 255]


def test_in_proportion_where_no_stratum_is_small() -> None:
    assert allocate(np.array([2000, 3000, 5000]), 200).tolist() == [40, 60, 100]


def test_a_stratum_of_fewer_pixels_than_points_gives_them_all() -> None:
    assert allocate(np.array([7, 0, 1000]), 100).tolist() == [7, 0, 93]


def test_more_points_than_pixels_are_all_pixels() -> None:
    assert allocate(np.array([7, 50]), 1000).tolist() == [7, 50]


def test_the_least_points() -> None:
    assert least_points(np.array([7, 0, 20, 1000])).tolist() == [7, 0, 20, 20]


@pytest.mark.parametrize("seed", range(20))
def test_the_sum_is_what_was_asked_for_and_no_stratum_has_less_than_the_least(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = (10 ** rng.uniform(0, 9, rng.integers(1, 12))).astype(np.int64)
    least = least_points(pixels)
    n = int(least.sum() + rng.integers(0, 500))
    found = allocate(pixels, n)
    assert found.sum() == min(n, pixels.sum())
    assert (found >= least).all()
    assert (found <= pixels).all()
    large = found > AT_LEAST
    if large.any() and n < pixels.sum():
        rates = found[large] / pixels[large]
        assert (np.abs(found[large] - rates.mean() * pixels[large]) <= pixels[large] * np.ptp(rates) + 1).all()
