"""Laws and hand-worked numbers of the scores. Arrays are 3 rows of 5 with four classes and ignore, never square."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from terrazzo.classes.confusion import (
    class_counts,
    confusion_matrices,
    mean_ious,
)
from terrazzo.errors import InputError
from terrazzo.evaluation.metrics import EPOCH_METRICS, MEANS, METRICS, Pooled, Scores, jaccard_soft_micro
from terrazzo.recipe.published import Same

NAMES = ("Building", "Land", "Road", "Water")
K = len(NAMES)

patient = settings(deadline=None)  # a busy machine is no failure


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    return confusion_matrices(truth[None], predicted[None], n_classes)[0]


def scores_of(confusion: np.ndarray, names: tuple[str, ...]) -> Scores:
    return Scores.of(Pooled(class_counts(confusion)), names, "counts")


truths = arrays(np.uint8, (3, 5), elements=st.sampled_from([0, 1, 2, 3, 255]))
predictions = arrays(np.uint8, (3, 5), elements=st.integers(0, 3))
matrices = arrays(np.int64, (K, K), elements=st.integers(0, 1000)).filter(lambda matrix: matrix.sum() > 0)

TRUTH = np.array([[0, 0, 1, 1, 255], [0, 2, 1, 1, 255], [2, 2, 1, 0, 255]], np.uint8)
PREDICTED = np.array([[0, 1, 1, 1, 3], [0, 2, 1, 0, 3], [2, 1, 1, 0, 0]], np.uint8)


def test_confusion_has_truth_in_rows_prediction_in_columns_and_no_ignored_pixel() -> None:
    assert confusion_matrix(TRUTH, PREDICTED, K).tolist() == [[3, 1, 0, 0], [1, 4, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0]]


def test_scores_worked_by_hand() -> None:
    """12 valid pixels, 9 right. Building: 3 right, 4 true, 4 predicted; Land: 4, 5, 6; Road: 2, 3, 2; Water: none."""
    scores = scores_of(confusion_matrix(TRUTH, PREDICTED, K), NAMES)
    assert scores.pixels == 12
    assert scores["accuracy"] == 9 / 12
    assert scores.by_class["iou"] == pytest.approx((3 / 5, 4 / 7, 2 / 3, None))
    assert scores.by_class["dice"] == pytest.approx((6 / 8, 8 / 11, 4 / 5, None))
    assert scores.by_class["precision"] == pytest.approx((3 / 4, 4 / 6, 2 / 2, None))
    assert scores.by_class["recall"] == pytest.approx((3 / 4, 4 / 5, 2 / 3, None))
    assert scores["mean_iou"] == pytest.approx((3 / 5 + 4 / 7 + 2 / 3) / 3)
    assert scores["mean_dice"] == pytest.approx((6 / 8 + 8 / 11 + 4 / 5) / 3)
    expected_agreement = (4 * 4 + 5 * 6 + 3 * 2) / 144
    assert scores["kappa"] == pytest.approx((9 / 12 - expected_agreement) / (1 - expected_agreement))
    assert scores.absent == ("Water",)


def test_a_constant_predictor_scores_its_class_share_and_no_kappa() -> None:
    """Land everywhere, 5 of 12 valid pixels: accuracy 5/12, IoU 5/12 for Land and 0 for the two others in the truth."""
    scores = scores_of(confusion_matrix(TRUTH, np.ones_like(TRUTH), K), NAMES)
    assert scores["accuracy"] == 5 / 12
    assert scores.by_class["iou"] == pytest.approx((0, 5 / 12, 0, None))
    assert scores.by_class["dice"] == pytest.approx((0, 10 / 17, 0, None))
    assert scores.by_class["precision"] == pytest.approx((0, 5 / 12, 0, None))
    assert scores.by_class["recall"] == (0, 1, 0, None)
    assert scores["mean_iou"] == pytest.approx(5 / 36)
    assert scores["kappa"] == pytest.approx(0)


def test_a_class_predicted_but_never_true_scores_zero_and_stays_in_the_means() -> None:
    truth, predicted = np.array([[0, 0, 1]]), np.array([[0, 0, 3]])
    scores = scores_of(confusion_matrix(truth, predicted, K), NAMES)
    assert (scores.by_class["iou"], scores.by_class["recall"], scores.by_class["precision"]) == ((1, 0, None, 0),) * 3
    assert scores["mean_iou"] == pytest.approx(1 / 3)
    assert scores.absent == ("Road",)


def test_kappa_is_one_for_perfect_agreement_and_minus_one_for_swapped_halves() -> None:
    halves = np.array([[0, 0, 1, 1]])
    assert scores_of(confusion_matrix(halves, halves, K), NAMES)["kappa"] == 1
    assert scores_of(confusion_matrix(halves, 1 - halves, K), NAMES)["kappa"] == -1
    assert scores_of(confusion_matrix(halves * 0, halves * 0, K), NAMES)["kappa"] == 1


@patient
@given(matrices)
def test_every_score_lies_in_zero_to_one_and_absent_classes_have_none(matrix: np.ndarray) -> None:
    scores = scores_of(matrix, NAMES)
    per_class = scores.by_class.values()
    for value in [scores["accuracy"], scores["mean_iou"], scores["mean_dice"], *(v for row in per_class for v in row)]:
        assert value is None or 0 <= value <= 1
    assert -1 <= scores["kappa"] <= 1
    absent = tuple(name for i, name in enumerate(NAMES) if matrix[i].sum() + matrix[:, i].sum() == 0)
    assert scores.absent == absent
    for row in per_class:
        assert tuple(name for name, value in zip(NAMES, row, strict=True) if value is None) == absent


@patient
@given(matrices)
def test_iou_is_at_most_dice_and_dice_follows_from_iou(matrix: np.ndarray) -> None:
    scores = scores_of(matrix, NAMES)
    for iou, dice in zip(scores.by_class["iou"], scores.by_class["dice"], strict=True):
        assert (iou is None) == (dice is None)
        assert iou is None or dice == pytest.approx(2 * iou / (1 + iou))


@patient
@given(matrices)
def test_a_class_that_is_absent_changes_no_other_score(matrix: np.ndarray) -> None:
    wider = np.zeros((K + 1, K + 1), np.int64)
    wider[:K, :K] = matrix
    narrow, wide = scores_of(matrix, NAMES), scores_of(wider, (*NAMES, "Snow"))
    assert wide.absent == (*narrow.absent, "Snow")
    assert (wide.by_class["iou"][:K], wide.by_class["iou"][K]) == (narrow.by_class["iou"], None)
    assert (wide["accuracy"], wide["kappa"]) == (narrow["accuracy"], narrow["kappa"])
    assert (wide["mean_iou"], wide["mean_dice"]) == pytest.approx((narrow["mean_iou"], narrow["mean_dice"]))


@patient
@given(truths, predictions, st.permutations(range(K)))
def test_relabelling_both_sides_alike_keeps_the_means_and_moves_the_classes(
    truth: np.ndarray, predicted: np.ndarray, order: list[int]
) -> None:
    truth[0, 0] = 1
    new_id = np.full(256, 255, np.uint8)
    new_id[:K] = order
    before = scores_of(confusion_matrix(truth, predicted, K), NAMES)
    after = scores_of(confusion_matrix(new_id[truth], new_id[predicted], K), NAMES)
    assert after["accuracy"] == before["accuracy"]
    assert (after["mean_iou"], after["kappa"]) == pytest.approx((before["mean_iou"], before["kappa"]))
    assert tuple(after.by_class["iou"][order[i]] for i in range(K)) == before.by_class["iou"]


@patient
@given(truths, predictions, predictions)
def test_what_is_predicted_on_ignored_pixels_does_not_count(
    truth: np.ndarray, predicted: np.ndarray, other: np.ndarray
) -> None:
    changed = np.where(truth == 255, other, predicted)
    assert (confusion_matrix(truth, changed, K) == confusion_matrix(truth, predicted, K)).all()


@patient
@given(arrays(np.uint8, (4, 3, 5), elements=st.sampled_from([0, 1, 2, 3, 255])))
def test_matrices_of_parts_add_up_to_the_matrix_of_the_whole(truth: np.ndarray) -> None:
    predicted = np.roll(np.where(truth == 255, 0, truth), 1)
    parts = confusion_matrices(truth, predicted, K)
    assert parts.shape == (4, K, K)
    assert (parts.sum(axis=0) == confusion_matrix(truth, predicted, K)).all()
    assert (parts[2] == confusion_matrix(truth[2], predicted[2], K)).all()


@patient
@given(matrices)
def test_mean_iou_of_counts_is_that_of_the_scores(matrix: np.ndarray) -> None:
    assert mean_ious(class_counts(matrix)) == pytest.approx(scores_of(matrix, NAMES)["mean_iou"])


def test_mean_iou_without_a_pixel_is_nan() -> None:
    assert np.isnan(mean_ious(np.zeros((2, 3, K), np.int64))).all()


def soft_micro(a: float) -> float:
    return jaccard_soft_micro(Pooled(np.ones((3, K), np.int64), true_probability=a))


@pytest.mark.parametrize(("a", "j"), [(0.0, 0.0), (0.86, 0.754), (0.85, 0.739), (0.5, 1 / 3), (1.0, 1.0)])
def test_soft_micro_jaccard_is_a_over_two_minus_a(a: float, j: float) -> None:
    assert soft_micro(a) == pytest.approx(j, abs=5e-4)


def test_soft_micro_jaccard_equals_the_published_formula_on_one_hot_truth() -> None:
    rng = np.random.default_rng(3)
    probs = rng.dirichlet(np.ones(K), size=35)
    one_hot = np.eye(K)[rng.integers(0, K, 35)]
    both = (probs * one_hot).sum()
    published = both / (one_hot.sum() + probs.sum() - both)
    assert soft_micro(both / 35) == pytest.approx(published)


def test_soft_micro_jaccard_refuses_what_is_no_probability() -> None:
    with pytest.raises(InputError, match=r"a mean probability of 1\.5; probabilities lie in \[0, 1\]"):
        soft_micro(1.5)


def test_errors_name_what_was_found() -> None:
    with pytest.raises(InputError, match="no valid pixel to score: every truth pixel is 255"):
        scores_of(np.zeros((K, K), np.int64), NAMES)
    with pytest.raises(InputError, match=r"truth has the shape \(1, 3, 5\), the prediction \(1, 5, 3\)"):
        confusion_matrices(TRUTH[None], PREDICTED.T[None], K)
    with pytest.raises(InputError, match=r"the truth holds the id 2; with 2 classes ids are 0\.\.1"):
        confusion_matrix(TRUTH, PREDICTED, 2)
    with pytest.raises(InputError, match="the prediction holds the id 255"):
        confusion_matrix(TRUTH, np.full_like(TRUTH, 255), K)


def test_every_metric_says_what_it_is_and_scores_hold_it() -> None:
    pooled = Pooled(class_counts(confusion_matrix(TRUTH, PREDICTED, K)), 0.5, 0.75, 0.25)
    scores = Scores.of(pooled, NAMES, "counts", "loss", "probabilities")
    assert {*scores.values, *scores.by_class} == set(METRICS)
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.about
        assert not (metric.per_class and metric.each_epoch), "validation has one value per metric"
    names = ("loss", "true_class_probability", "cross_entropy", "ce_plus_soft_dice")
    assert [scores[name] for name in names] == [0.5, 0.75, 0.25, 0.5]
    # The best epoch, the groups and the means of the class table are metrics of counts.
    assert {"accuracy", "mean_iou", "mean_dice"} == {it.name for it in EPOCH_METRICS if it.source == "counts"}


def test_published_figures_compare_with_metrics_of_the_registry() -> None:
    assert set(get_args(Same)) <= set(MEANS)
