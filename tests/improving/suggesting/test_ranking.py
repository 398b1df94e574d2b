"""The rule by which boxes are chosen, worked by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.improving.suggesting.ranking import Candidates, choose, information, scaled, shortlist


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


def test_the_scores_are_those_of_the_rule() -> None:
    """Five boxes in a row, two wanted: even spacing is 10 x sqrt(5 / 2) = 15.8 px; features are alike, so 0.

    Box 0 is the first. Of the four that are left, uncertainty is scaled to 1, 0.67, 0.33 and 0, and the mean of it and
    of rarity is half of that. Diversity is half of min(1, distance / 15.8): 0.316 for box 1, 0.5 for the others. So the
    scores are 0.6 x 1.316 = 0.79, 0.433 x 1.5 = 0.65, 0.4 and 0.15: box 1 is next. With box 2 as uncertain as box 1,
    its score is 0.6 x 1.5 = 0.9, so box 2 is.
    """
    assert choose(row_of([0.9, 0.7, 0.5, 0.3, 0.1]), alike(5), None, 2) == [(0, "uncertain"), (1, "uncertain")]
    assert choose(row_of([0.9, 0.7, 0.7, 0.3, 0.1]), alike(5), None, 2) == [(0, "uncertain"), (2, "uncertain")]


def test_a_figure_is_scaled_among_the_boxes_that_are_left() -> None:
    """One box stands out. Once it is chosen, the others are told apart again: 0.2 is scaled to 1."""
    boxes = row_of([0.9, 0.1, 0.1, 0.2, 0.1, 0.1], [0.0, 0, 0, 0, 0, 0.9])
    found = choose(boxes, alike(6), None, 3)
    assert found[0] == (0, "uncertain")
    assert {found[1], found[2]} == {(5, "rare class"), (3, "uncertain")}


def test_novelty_rare_classes_and_difference_are_reasons() -> None:
    """Novelty, then rarity, are the largest figures of the first box; the odd features that of the second."""
    n = 6
    novelty = np.array([0.0, 1, 2, 3, 4, 9])
    assert choose(row_of([0.5] * n), alike(n), novelty, 1) == [(5, "unfamiliar")]
    rarity = [0.0, 1, 2, 9, 4, 5]
    assert choose(row_of([0.5] * n, rarity), alike(n), np.ones(n), 1) == [(3, "rare class")]
    features = np.array([[0.0], [1], [2], [3], [4], [5]])
    found = choose(row_of([0.5] * n), features, None, 2)
    assert found[0] == (0, "uncertain"), "of equal boxes the first"
    assert found[1][1] == "different"


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


def test_scenes_are_far_from_each_other() -> None:
    """Three equal boxes; 0 and 1 share a scene and touch, 2 lies at the same place as 0 in another scene."""
    places = np.array([(0, 0), (0, 10), (0, 0)])
    ones = np.ones(3)
    boxes = Candidates(np.array([0, 0, 1]), places, 10, ones, ones, ones, np.ones((3, 1)))
    assert [number for number, _ in choose(boxes, alike(3), None, 2)] == [0, 2]


def test_the_shortlist_has_the_most_uncertain_and_an_even_sample_of_the_others() -> None:
    """Of 12 boxes, 4: the two most uncertain, 3 and 7, and of the ten others the first and the last."""
    uncertainty = [0.1] * 12
    uncertainty[3], uncertainty[7] = 0.9, 0.8
    assert shortlist(row_of(uncertainty), 4).tolist() == [0, 3, 7, 11]
    assert shortlist(row_of(uncertainty), 12).tolist() == list(range(12))
