"""The rule by which boxes are chosen, worked by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.improving.suggesting.ranking import Candidates, choose, information, likeness, scaled, shortlist


def row_of(uncertainty: list[float], rarity: list[float] | None = None, valid: list[float] | None = None) -> Candidates:
    """Boxes of 10 px side by side."""
    n = len(uncertainty)
    places = np.array([(0, 10 * i) for i in range(n)])
    scene, whole, rare = np.zeros(n, np.int64), np.array(valid or [1.0] * n), np.array(rarity or [0.0] * n)
    return Candidates(scene, places, 10, whole, np.array(uncertainty), rare, np.ones((n, 1)))


def alike(n: int) -> NDArray[np.float64]:
    return np.ones((n, 2))


def test_figures_go_from_0_to_1_and_equal_ones_do_not_weigh() -> None:
    assert scaled(np.array([5.0, 1.0, 2.0])).tolist() == [1, 0, 0.25]
    assert scaled(np.array([7.0, 7.0])).tolist() == [0, 0]


def test_rarity_is_the_mean_of_the_bits_of_the_classes() -> None:
    """Shares of 1/2, 1/4 and 1/4 are 1, 2 and 2 bits."""
    found = information(np.array([[8, 0, 0], [0, 4, 4], [4, 2, 2], [4, 2, 2]], np.int32))
    assert found.tolist() == [1, 2, 1.5, 1.5]


def test_the_most_uncertain_box_is_the_first() -> None:
    (first, reason), *_ = choose(row_of([0.1, 0.7, 0.3, 0.2]), alike(4), None, 1)
    assert (first, reason) == (1, "uncertain")


def test_boxes_are_alike_by_their_distance_over_the_root_mean_square_distance() -> None:
    """At 0, 3, 4 and 9, whatever the unit: the mean square over all pairs is twice the variance, 2 x 10.5.

    A feature that is the same everywhere does not count. Where none varies, all boxes are alike.
    """
    features = np.array([[0.0, 7], [30, 7], [40, 7], [90, 7]])
    wanted = [1, 1 - 3 / 21**0.5, 1 - 4 / 21**0.5, 0]
    assert likeness(features, np.arange(4))[0].tolist() == pytest.approx(wanted, abs=1e-6)
    assert likeness(features[:, 1:], np.arange(4)).tolist() == [[1] * 4] * 4


def test_the_boxes_are_those_that_the_rule_covers_most_with() -> None:
    """Features at 0, 1, 3, 4 and 9: their variance is 9.84, so likeness is 1 - distance / 4.436.

    Uncertainty is 0, 0, 0, 0, 1, so the needs are 0.1 four times and 0.6 (rarity is 0, so its half of the mean is too).
    At distances 1, 2, 3 and 4 the likeness is 0.775, 0.549, 0.324 and 0.098. The box at 9 covers its own 0.6 alone and
    is first. The boxes at 0 and 4 add 0.1 x (1 + 0.775 + 0.324 + 0.098) = 0.220, those at 1 and 3 add
    0.1 x (0.775 + 1 + 0.549 + 0.324) = 0.265: 1 is the first of these. After it the box at 3 adds
    0.1 x ((1 - 0.549) + (0.775 - 0.324)), the box at 4 0.1 x ((0.775 - 0.549) + (1 - 0.324)): both 0.090, so 3 is next.
    """
    features = np.array([[0.0], [1], [3], [4], [9]])
    boxes = row_of([0, 0, 0, 0, 1])
    assert [number for number, _ in choose(boxes, features, None, 3)] == [4, 1, 2]


def test_one_box_of_many_that_look_alike_stands_for_them() -> None:
    """Nine boxes of one kind need 0.1 each, 0.9 together; one of another kind needs 0.6, and is second."""
    found = choose(row_of([0.0] * 9 + [1.0]), np.array([[0.0]] * 9 + [[1.0]]), None, 3)
    assert [number for number, _ in found] == [0, 9, 1]


def test_what_is_covered_counts_no_more_and_then_need_decides() -> None:
    """All look the same, so the first box covers all: the others follow by what they need."""
    found = choose(row_of([0.9, 0.1, 0.5, 0.7]), alike(4), None, 4)
    assert [number for number, _ in found] == [0, 3, 2, 1]


def test_the_order_is_that_of_counting_every_box_anew() -> None:
    """The queue is a shortcut: it finds the order of a plain search."""
    rng = np.random.default_rng(1)
    boxes, features = row_of(rng.random(40).tolist(), rng.random(40).tolist()), rng.random((40, 3))
    alike_all = likeness(features, np.arange(40)).astype(float)
    need = 0.1 + (scaled(boxes.uncertainty) + scaled(boxes.rarity)) / 2
    covered, wanted = np.zeros(40), []
    for _ in range(10):
        adds = (need * np.maximum(0, alike_all - covered)).sum(axis=1)
        adds[wanted] = -1
        wanted.append(int(adds.argmax()))
        covered = np.maximum(covered, alike_all[wanted[-1]])
    assert [number for number, _ in choose(boxes, features, None, 10)] == wanted


def test_many_boxes_are_covered_by_a_sample_of_them() -> None:
    rng = np.random.default_rng(2)
    n = 3000
    found = choose(row_of(rng.random(n).tolist()), rng.random((n, 4)), None, 50)
    assert len({number for number, _ in found}) == 50


def test_novelty_rare_classes_and_difference_are_reasons() -> None:
    """Novelty, then rarity, are the largest figures of the first box; the odd features that of the second."""
    n = 6
    novelty = np.array([0.0, 1, 2, 3, 4, 9])
    assert choose(row_of([0.5] * n), alike(n), novelty, 1) == [(5, "unfamiliar")]
    rarity = [0.0, 1, 2, 9, 4, 5]
    assert choose(row_of([0.5] * n, rarity), alike(n), np.ones(n), 1) == [(3, "rare class")]
    features = np.array([[0.0], [1], [2], [3], [4], [5]])
    found = choose(row_of([0.5] * n), features, None, 2)
    assert found[0] == (2, "uncertain"), "of equal boxes the first that stands for most, and the first reason"
    assert found[1] == (4, "different"), "it covers 5 too, and adds as much as 5 would"


def test_a_box_counts_by_its_valid_share() -> None:
    """Scaled uncertainty is 0, 1 and 0.5, half of that is the mean: 0.6 x 0.4 is less than 0.35 x 1."""
    (first, _), *_ = choose(row_of([0.1, 0.9, 0.5], valid=[1, 0.4, 1]), alike(3), None, 1)
    assert first == 2


@pytest.mark.parametrize("n_wanted", [1, 7, 30, 99])
def test_every_box_is_chosen_once_at_most(n_wanted: int) -> None:
    rng = np.random.default_rng(0)
    boxes = row_of(rng.random(30).tolist(), rng.random(30).tolist())
    features, novelty = rng.random((30, 5)), rng.random(30)
    found = [number for number, _ in choose(boxes, features, novelty, n_wanted)]
    assert len(set(found)) == len(found) == min(30, n_wanted)
    assert found == [number for number, _ in choose(boxes, features, novelty, n_wanted)]


def test_fewer_boxes_than_asked_for_are_all_of_them_with_the_valid_ones_first() -> None:
    found = choose(row_of([0.5, 0.5, 0.5], valid=[0.2, 1, 0.6]), alike(3), None, 9)
    assert [number for number, _ in found] == [1, 2, 0]


def test_of_two_places_that_look_different_both_have_a_box() -> None:
    """All are equally uncertain, and those of a place look alike: the second box is one of the other place."""
    features = np.array([[0.0, 0]] * 20 + [[1, 1]] * 20)
    boxes = row_of([0.5] * 40)
    found = [number for number, _ in choose(boxes, features, None, 2)]
    assert sorted(number // 20 for number in found) == [0, 1]


def test_the_shortlist_has_the_most_uncertain_and_an_even_sample_of_the_others() -> None:
    """Of 12 boxes, 4: the two most uncertain, 3 and 7, and of the ten others the first and the last."""
    uncertainty = [0.1] * 12
    uncertainty[3], uncertainty[7] = 0.9, 0.8
    assert shortlist(row_of(uncertainty), 4).tolist() == [0, 3, 7, 11]
    assert shortlist(row_of(uncertainty), 12).tolist() == list(range(12))
