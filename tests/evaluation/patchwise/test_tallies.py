"""What patches add to the scores, worked by hand."""

import numpy as np
import pytest
import torch

from terrazzo.evaluation.calibration.reliability import Reliability
from terrazzo.evaluation.patchwise.tallies import Tallies, loss_sums, reliabilities
from terrazzo.model.losses import build_loss
from terrazzo.recipe.sections import LossSection

K = 3


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (4, 3, 5, 7) and targets with a row ignored in the first patch and all of the last."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, K, (4, 5, 7), generator=generator)
    target[0, 0] = target[3] = 255
    return torch.randn((4, K, 5, 7), generator=generator), target


@pytest.mark.parametrize(
    ("terms", "weights"),
    [
        ("ce", None),
        ("dice", None),
        ("lovasz", None),
        ("ce", (1.0, 5.0, 0.5)),
        ("0.1*ce + dice + jaccard + focal", None),
    ],
)
def test_the_sums_of_a_batch_are_its_loss_times_its_pixels(terms: str, weights: tuple[float, ...] | None) -> None:
    loss = build_loss(LossSection(terms=terms, class_weights=weights), K)
    logits, target = batch()
    sums = loss_sums(loss, logits, target)
    assert sums.sum() == pytest.approx(float(loss(logits, target)) * (28 + 35 + 35), rel=1e-6)
    assert sums[3] == 0  # all of it ignored


def test_of_a_mean_over_pixels_a_patch_has_its_own() -> None:
    """Cross-entropy and focal loss of one patch do not depend on the others of its batch."""
    loss = build_loss(LossSection(terms="ce + focal"), K)
    logits, target = batch()
    own = [float(loss(logits[one : one + 1], target[one : one + 1])) for one in range(4)]
    assert loss_sums(loss, logits, target) == pytest.approx([own[0] * 28, own[1] * 35, own[2] * 35, 0], abs=1e-4)


def test_a_worse_patch_has_the_larger_dice_loss_and_both_add_up_to_that_of_the_batch() -> None:
    """Two patches of two pixels, one of each of two classes: one surely right, one at 1/2.

    Dice of the first is 0, and of the second 1 - 2 x 1/2 / (1 + 1) = 1/2. Of both, mass and count of a class are 2 and
    its overlap 3/2: 1 - 3 / 4 = 1/4, which is the mean of the two here.
    """
    logits = torch.zeros(2, 2, 1, 2)
    logits[0] = torch.tensor([[[50.0, -50.0]], [[-50.0, 50.0]]])
    target = torch.tensor([[[0, 1]], [[0, 1]]])
    assert loss_sums(build_loss(LossSection(terms="dice"), 2), logits, target) == pytest.approx([0, 1])


def test_a_batch_without_a_valid_pixel_adds_nothing() -> None:
    logits, target = batch()
    loss = build_loss(LossSection(terms="ce + dice"), K)
    assert loss_sums(loss, logits, torch.full_like(target, 255)).tolist() == [0, 0, 0, 0]


def test_the_reliabilities_of_patches_add_up_to_that_of_their_pixels() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random((4, 5, 7), np.float32)
    right, valid = rng.random((2, 4, 5, 7)) < 0.7
    whole = Reliability.of(confidence[valid], right[valid])
    found = sum(reliabilities(confidence, right, valid), Reliability.none())
    assert (found.pixels.tolist(), found.right.tolist()) == (whole.pixels.tolist(), whole.right.tolist())
    assert found.gaps == pytest.approx(whole.gaps)


def test_parts_and_draws_are_sums_of_patches() -> None:
    """Patches 0 and 2 are part 5, patch 1 is part 3, and patch 3, of part 4, has no valid pixel."""
    tallies = Tallies.none(4, K)
    tallies.counts[:3, 1, 0], tallies.loss_sums[:3] = (10, 20, 30), (1, 2, 4)
    parts = tallies.by_part(np.array([5, 3, 5, 4]))
    assert (parts.pixels.tolist(), parts.loss_sums.tolist()) == ([20, 40], [2, 5])
    draws = parts.drawn(np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert (draws.pixels.tolist(), draws.loss_sums.tolist()) == ([40, 60], [4, 7])
    assert draws.counts.dtype == np.int64
