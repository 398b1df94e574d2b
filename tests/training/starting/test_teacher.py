"""What holds a network near the one that it started from."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import RecipeError
from terrazzo.training.starting.teacher import Teacher
from tests.worlds.striped import striped_patches


class Fixed(nn.Module):
    """A network that answers the same everywhere."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.logits[None, :, None, None].expand(len(pixels), -1, *pixels.shape[-2:])


def logits_of(*values: float) -> Tensor:
    """(1, K, 1, 2)"""
    return torch.tensor(values)[None, :, None, None].expand(1, len(values), 1, 2)


PIXELS = torch.zeros(1, 3, 1, 2)
ONE_LABELLED = torch.tensor([[[0, IGNORE]]], dtype=torch.uint8)
EVEN = Fixed(0.0, 0.0)


def test_the_loss_is_the_divergence_in_nats_on_unlabelled_pixels_times_the_weight() -> None:
    """From 1/2, 1/2 to 3/4, 1/4: (ln(2/3) + ln 2) / 2."""
    found = Teacher(EVEN, 3.0).loss(PIXELS, logits_of(math.log(3.0), 0.0), ONE_LABELLED)
    assert float(found) == pytest.approx(3 * (math.log(2 / 3) + math.log(2)) / 2)


def test_labelled_pixels_and_equal_answers_cost_nothing() -> None:
    labelled = torch.zeros((1, 1, 2), dtype=torch.uint8)
    assert float(Teacher(EVEN, 1.0).loss(PIXELS, logits_of(5.0, 0.0), labelled)) == 0
    assert float(Teacher(EVEN, 1.0).loss(PIXELS, logits_of(7.0, 7.0), ONE_LABELLED)) == pytest.approx(0)


def test_a_class_that_the_teacher_lacks_may_grow() -> None:
    found = Teacher(EVEN, 1.0).loss(PIXELS, logits_of(7.0, 7.0, 20.0), ONE_LABELLED)
    assert float(found) == pytest.approx(0)


def test_kept_patches_are_held_to_the_teachers_answers_on_every_pixel() -> None:
    """From 1/2, 1/2 to 3/4, 1/4, times 2; nothing where the answers are equal."""
    teacher = Teacher(EVEN, 1.0, 2.0)
    found = teacher.loss_of_kept(PIXELS, logits_of(math.log(3.0), 0.0))
    assert float(found) == pytest.approx(2 * (math.log(2 / 3) + math.log(2)) / 2)
    assert float(teacher.loss_of_kept(PIXELS, logits_of(7.0, 7.0))) == pytest.approx(0)


def test_a_class_that_the_teacher_lacks_does_not_grow_on_kept_patches() -> None:
    """From 1/2, 1/2, 0 to thirds: ln(3/2)."""
    found = Teacher(EVEN, 0.0, 1.0).loss_of_kept(PIXELS, logits_of(0.0, 0.0, 0.0))
    assert float(found) == pytest.approx(math.log(3 / 2))


def test_the_teacher_is_not_trained() -> None:
    network = Fixed(0.0, 0.0)
    logits = logits_of(1.0, 0.0).requires_grad_()
    Teacher(network, 1.0).loss(PIXELS, logits, ONE_LABELLED).backward()
    assert network.logits.grad is None
    assert not network.training


def test_without_a_model_to_start_from_there_is_no_teacher(tmp_path: Path) -> None:
    patches = striped_patches(tmp_path, 2)
    for name in ("distill", "distill_kept"):
        with pytest.raises(RecipeError, match=rf"train.{name} needs a model to start from, .* or set it to 0"):
            terrazzo.train(patches, out=tmp_path / "run", recipe="unet", changes={f"train.{name}": 1})
