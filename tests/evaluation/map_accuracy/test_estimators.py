"""The worked example of Olofsson et al. (2014), and laws of the estimators."""

import numpy as np
import pytest

from terrazzo.evaluation.map_accuracy.estimators import FEW, UNSEEN, Sample, Strata, Z, estimate
from tests.worlds.confusions import OLOFSSON_COUNTS, OLOFSSON_PIXELS, confused, coverage, sample_of

PIXELS = OLOFSSON_PIXELS.sum()
EXAMPLE = estimate(
    sample_of(OLOFSSON_COUNTS), Strata(OLOFSSON_PIXELS.astype(float), OLOFSSON_PIXELS), len(OLOFSSON_COUNTS)
)


def test_the_worked_example_has_the_papers_accuracies() -> None:
    """Overall 0.95 +- 0.02; deforestation 0.88 +- 0.07 by user and 0.75 +- 0.21 by producer."""
    assert round(float(EXAMPLE.accuracy.value), 2) == 0.95
    assert round(float(Z * EXAMPLE.accuracy.error), 2) == 0.02
    assert EXAMPLE.user.value.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert (Z * EXAMPLE.user.error).round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert EXAMPLE.producer.value.round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    assert (Z * EXAMPLE.producer.error).round(2).tolist() == [0.21, 0.25, 0.03, 0.02]


def test_the_worked_example_has_the_papers_areas() -> None:
    """Deforestation: 235,086 pixels +- 68,418, which are 21,158 ha +- 6,158."""
    share = EXAMPLE.share
    assert round(float(share.value[0] * PIXELS)) == 235_086
    assert round(float(share.error[0] * PIXELS)) == 34_907
    assert round(float(share.low[0] * PIXELS)) == 235_086 - 68_418
    assert round(float(share.high[0] * PIXELS)) == 235_086 + 68_418
    ha = PIXELS * 30 * 30 / 10_000
    assert round(float(share.value[0] * ha)) == 21_158
    assert round(float((share.high - share.value)[0] * ha)) == 6_158


def test_the_worked_example_has_the_papers_error_matrix_of_area_proportions() -> None:
    expected = [
        [0.0176, 0.0000, 0.0013, 0.0011],
        [0.0000, 0.0110, 0.0016, 0.0024],
        [0.0019, 0.0000, 0.2967, 0.0213],
        [0.0040, 0.0020, 0.0179, 0.6212],
    ]
    assert EXAMPLE.proportions.round(4).tolist() == expected
    assert EXAMPLE.counts.tolist() == OLOFSSON_COUNTS.tolist()


def test_the_producers_error_is_equation_7_of_the_paper() -> None:
    n, weights = OLOFSSON_COUNTS.sum(axis=1), OLOFSSON_PIXELS
    q = OLOFSSON_COUNTS / n[:, None]
    for j in range(4):
        area, p, u = (weights * q[:, j]).sum(), EXAMPLE.producer.value[j], q[j, j]
        variance = weights[j] ** 2 * (1 - p) ** 2 * u * (1 - u) / (n[j] - 1)
        others = [i for i in range(4) if i != j]
        variance += p**2 * sum(weights[i] ** 2 * q[i, j] * (1 - q[i, j]) / (n[i] - 1) for i in others)
        assert EXAMPLE.producer.error[j] == pytest.approx(np.sqrt(variance) / area, rel=1e-12)


def test_a_map_made_again_is_scored_by_the_strata_of_its_sample() -> None:
    """Two strata of 30 and 70 % with 4 and 2 points; the new map calls half of the first one's points 1.

    Right are points 1, 2, 4 of the first stratum and both of the second: 0.3 * 3/4 + 0.7. Of class 1 the map has
    0.3 / 2 + 0.7 of the area, of which 0.3 / 4 + 0.7 is right.
    """
    stratum = np.array([0, 0, 0, 0, 1, 1])
    mapped = np.array([0, 0, 1, 1, 1, 1])
    reference = np.array([0, 0, 0, 1, 1, 1])
    found = estimate(Sample(stratum, mapped, reference), Strata(np.array([30.0, 70.0]), np.array([300, 700])), 2)
    assert float(found.accuracy.value) == pytest.approx(0.925)
    assert found.user.value == pytest.approx([1, 0.775 / 0.85])
    assert found.share.value == pytest.approx([0.225, 0.775])
    # s2 of (1, 1, 0, 1) is 1/4, so the error of the first stratum's mean is sqrt(1/16), and it weighs 0.3.
    assert float(found.accuracy.error) == pytest.approx(0.3 / 4)


def test_a_stratum_that_was_sampled_whole_adds_no_error() -> None:
    sample = Sample(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 1, 1]))
    whole = estimate(sample, Strata(np.array([3.0, 97.0]), np.array([3, 97])), 2)
    part = estimate(sample, Strata(np.array([3.0, 97.0]), np.array([4, 97])), 2)
    assert float(whole.accuracy.error) == 0
    assert float(part.accuracy.error) > 0


def test_a_class_that_no_point_tells_of_has_no_accuracy() -> None:
    found = estimate(sample_of(np.array([[3, 1, 0], [0, 5, 0], [0, 0, 0]])), Strata(np.ones(3), np.full(3, 9)), 3)
    assert np.isnan(found.user.value).tolist() == [False, False, True]
    assert np.isnan(found.producer.value).tolist() == [False, False, True]
    assert found.share.value[2] == 0


def test_errors_that_no_point_shows_widen_the_interval_of_an_area() -> None:
    """No point of class 0 lies in the stratum of class 1, whose 10 points stand for 6 % of the map each."""
    found = estimate(sample_of(np.array([[8, 2], [0, 10]])), Strata(np.array([40.0, 60.0]), np.array([400, 600])), 2)
    share = found.share
    assert share.value.tolist() == pytest.approx([0.32, 0.68])
    # Wilson's interval of 8 of 10 with the effective size 0.8 * 0.2 / (0.8 * 0.2 / 9) = 9 is 0.4738 to 0.9467; the
    # class is mapped on 0.4 of the area, so it reaches 0.1305 down and 0.0587 up.
    assert share.low[0] == pytest.approx(0.32 - 0.1305, abs=1e-4)
    assert share.high[0] == pytest.approx(0.32 + np.hypot(0.0587, UNSEEN * 0.06), abs=1e-4)
    assert share.low[1] == pytest.approx(0.68 - np.hypot(0.0587, UNSEEN * 0.06), abs=1e-4)
    assert share.high[1] == pytest.approx(0.68 + 0.1305, abs=1e-4)


def test_with_many_points_of_a_class_its_interval_is_that_of_the_paper() -> None:
    """With FEW points or more of both classes on the ground it is 1.96 standard errors to both sides."""
    few, many = (
        estimate(sample_of(np.array([[n - 2, 1], [1, 99]])), Strata(np.array([40.0, 60.0]), np.array([4000, 6000])), 2)
        for n in (FEW, FEW + 1)  # one point less than FEW of class 0, and just as many
    )
    assert (many.share.high - many.share.value).tolist() == pytest.approx((Z * many.share.error).tolist())
    assert (many.share.value - many.share.low).tolist() == pytest.approx((Z * many.share.error).tolist())
    assert few.share.high[0] - few.share.value[0] > Z * few.share.error[0] * 1.2


def test_an_area_of_which_no_point_is_mapped_reaches_further_up_than_down() -> None:
    """Class 0 is on no map; 4 of 50 points are it. Wilson's of 0.08 with n = 49 is 0.0313 to 0.1898."""
    found = estimate(sample_of(np.array([[0, 0], [4, 46]])), Strata(np.array([0.0, 1.0]), np.array([0, 9999])), 2)
    assert float(found.share.value[0]) == pytest.approx(0.08)
    assert float(found.share.low[0]) == pytest.approx(0.0313, abs=1e-4)
    assert float(found.share.high[0]) == pytest.approx(0.1898, abs=1e-4)


SHARES = np.array([0.005, 0.02, 0.045, 0.13, 0.3, 0.5])
RECALLS = {"good": (0.78, 0.93), "fair": (0.7, 0.85), "poor": (0.45, 0.6)}


@pytest.mark.parametrize("name", RECALLS)
def test_intervals_hold_the_true_area_of_every_class_of_at_least_2_percent(name: str) -> None:
    rare, common = RECALLS[name]
    found = coverage(confused(SHARES, np.array([rare] * 3 + [common] * 3)), draws=200, seed=1)
    assert (found[SHARES >= 0.02] >= 0.9).all(), found


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40))
def test_intervals_hold_the_true_areas_whatever_the_map(seed: int) -> None:
    """Random shares and recalls of 3 to 9 classes, 1,000 draws each."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(rng.integers(3, 10)))
    found = coverage(confused(shares, rng.uniform(0.4, 0.95, len(shares))), draws=1000, seed=seed)
    assert (found[shares >= 0.02] >= 0.9).all(), (shares, found)
