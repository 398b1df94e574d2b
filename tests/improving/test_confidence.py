"""Which pixels the guard watches."""

import math

import torch
from torch import Tensor

from terrazzo.improving.confidence import Confidences, labels


def probs(pixels: list[tuple[int, float]], n_classes: int = 3) -> Tensor:
    """(1, K, 1, N): each pixel's class has the confidence, the others share the rest."""
    found = torch.zeros(1, n_classes, 1, len(pixels))
    for place, (number, confidence) in enumerate(pixels):
        found[0, :, 0, place] = (1 - confidence) / (n_classes - 1)
        found[0, number, 0, place] = confidence
    return found


def test_each_class_has_the_same_quantile_of_its_own_confidences_and_not_below_the_least() -> None:
    """The upper half of class 0 begins at 0.825, that of class 1 at 0.55; class 2 has no pixel."""
    sure = [(0, value) for value in (0.6255, 0.7255, 0.8255, 0.9255)]
    rare = [(1, value) for value in (0.4505, 0.5505, 0.7505)]
    found = Confidences(3, torch.device("cpu"))
    pixels = probs(sure + rare)
    valid = torch.ones(1, 1, 7, dtype=torch.bool)
    found.add(pixels, valid)
    thresholds = found.thresholds(0.5, 0.5)
    assert [round(float(value), 4) for value in thresholds[:2]] == [0.825, 0.55]
    assert math.isinf(thresholds[2])
    assert found.pixels == (4, 3, 0)
    assert found.sure(thresholds) == 4
    assert labels(pixels, valid, thresholds).flatten().tolist() == [255, 255, 0, 0, 255, 1, 1]
    assert [round(float(value), 4) for value in found.thresholds(0.5, 0.9)[:2]] == [0.9, 0.9]


def test_invalid_pixels_count_nowhere_and_have_no_label() -> None:
    pixels = probs([(0, 0.9505), (0, 0.9905), (1, 0.9005)])
    valid = torch.tensor([[[True, False, False]]])
    found = Confidences(3, torch.device("cpu"))
    found.add(pixels, valid)
    assert found.counts.sum() == 1
    thresholds = found.thresholds()
    assert labels(pixels, valid, thresholds).flatten().tolist() == [0, 255, 255]
