"""Self-training: its order, its two networks, and what the guard holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from terrazzo.classes.schema import IGNORE
from terrazzo.improving.checkpoint import Checkpoint
from terrazzo.improving.guard import Guard, Limits
from terrazzo.improving.self_training import Outcome, Schedule, SelfTraining, augmentation_of, self_train
from terrazzo.improving.windows import Windows
from terrazzo.model.bundle import Bundle, load
from terrazzo.pixels.bands.light import light_of
from terrazzo.system.reporting import silent
from tests.worlds.drifting import Naive, half_unsure
from tests.worlds.models import NAMES, write_model

LIGHT = light_of(None, 3)
NONE = Limits(agreement=0, share=0)
"""No guard at all."""
AUGMENTATION = augmentation_of({}, LIGHT, 3)
SCHEDULE = Schedule(steps=50, batch=4, check_every=5)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return load(write_model(tmp_path / "model.safetensors"), "cpu", "32")


def unsure_windows(n: int) -> Windows:
    pixels = np.stack([half_unsure(32, 32)] * n)
    return Windows(pixels, np.ones((n, 32, 32), bool))


def trained(bundle: Bundle, folder: Path, limits: Limits, kind: type[SelfTraining] = Naive) -> tuple[Outcome, Guard]:
    """Self-training on a scene that makes the naive kind collapse."""
    thresholds = torch.tensor([0.5, 0.5, 0.5])
    training = kind(bundle.network, bundle.compute, AUGMENTATION)
    guard = Guard(unsure_windows(2), training.probs, thresholds, 2, torch.device("cpu"))
    schedule = replace(SCHEDULE, limits=limits)
    checkpoint = Checkpoint(folder / "out.safetensors", "key")
    return self_train(training, unsure_windows(4), guard, schedule, checkpoint, (NAMES, silent)), guard


def test_without_the_guard_the_class_that_is_never_sure_is_gone(bundle: Bundle, tmp_path: Path) -> None:
    found, guard = trained(bundle, tmp_path, NONE)
    assert guard.start.shares == (0.5, 0.5, 0.0)
    assert found.stopped is None
    assert found.figures.step == SCHEDULE.steps
    assert found.figures.shares[1] < 0.01
    assert found.figures.agreement == 1.0  # the sure pixels are all of the first class: only the shares tell


def test_the_guard_keeps_the_last_state_before_the_collapse(bundle: Bundle, tmp_path: Path) -> None:
    found, guard = trained(bundle, tmp_path, Limits())
    assert found.stopped is not None
    assert found.stopped.startswith("the share of Green fell from 50.00%")
    assert found.stopped.endswith(f"the state of step {found.figures.step} is kept")
    assert found.figures.step < SCHEDULE.steps
    assert found.figures.shares[1] >= 0.25
    bundle.network.load_state_dict(dict(found.state))
    training = SelfTraining(bundle.network, bundle.compute, AUGMENTATION)
    assert guard.measure(training.probs, found.figures.step) == found.figures  # the weights are those of the figures


def test_windows_come_once_a_round_and_depend_on_seed_and_step_alone() -> None:
    schedule = Schedule(steps=10, batch=4)
    drawn = np.concatenate([schedule.rows(step, 5) for step in range(10)])
    assert all(sorted(part) == [0, 1, 2, 3, 4] for part in drawn.reshape(8, 5))
    assert schedule.rows(7, 5).tolist() == schedule.rows(7, 5).tolist()
    assert replace(schedule, seed=1).rows(0, 5).tolist() != schedule.rows(0, 5).tolist()


def test_the_teacher_is_a_running_mean_of_the_student(bundle: Bundle) -> None:
    training = SelfTraining(bundle.network, bundle.compute, AUGMENTATION)
    before = [weight.clone() for weight in training.teacher.parameters()]
    with torch.no_grad():
        for weight in training.student.parameters():
            weight += 1
    training.follow(0.75)
    for old, new in zip(before, training.teacher.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25)
        assert not new.requires_grad


def test_batch_statistics_stay_those_of_training(bundle: Bundle) -> None:
    training = SelfTraining(bundle.network, bundle.compute, AUGMENTATION)
    assert not any(module.training for network in (training.teacher, training.student) for module in network.modules())


def test_ours_keeps_the_class_that_is_never_sure_without_a_guard(bundle: Bundle, tmp_path: Path) -> None:
    found, guard = trained(bundle, tmp_path, NONE, SelfTraining)
    assert guard.start.shares == (0.5, 0.5, 0.0)
    assert found.figures.shares == pytest.approx(guard.start.shares, abs=0.01)


def test_targets_are_the_mean_over_a_window_and_its_mirror_image(bundle: Bundle) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 3, 32, 32), dtype=np.uint8))
    training = SelfTraining(bundle.network, bundle.compute, AUGMENTATION)
    expected = (training.probs(pixels) + training.probs(pixels.flip(3)).flip(3)) / 2
    torch.testing.assert_close(training.targets(pixels), expected)
    upright = augmentation_of({"augment": {"hflip": False}}, LIGHT, 3)
    training = SelfTraining(bundle.network, bundle.compute, upright)
    torch.testing.assert_close(training.targets(pixels), training.probs(pixels))


def test_targets_move_with_their_pixels_and_colours_leave_them(bundle: Bundle) -> None:
    """The left half is class 0 with 0.75, the right half class 1 with 1; so is every augmented copy."""
    training = SelfTraining(bundle.network, bundle.compute, AUGMENTATION)
    pixels = torch.zeros(8, 3, 32, 32, dtype=torch.uint8)
    pixels[..., 16:] = 200
    targets = torch.zeros(8, 3, 32, 32)
    targets[:, 0, :, :16], targets[:, 2, :, :16], targets[:, 1, :, 16:] = 0.75, 0.25, 1
    valid = torch.ones(8, 32, 32, dtype=torch.bool)
    changed, moved, known = training._augmented(pixels, targets, valid, 3)
    assert changed.shape == pixels.shape
    torch.testing.assert_close(moved.sum(dim=1)[known], torch.ones(int(known.sum())), atol=1e-4, rtol=0)
    right = moved[:, 1] > 0.99
    assert 0.2 < right.float().mean() < 0.8
    left = moved[:, 0] > 0.74
    assert (left | right).float().mean() > 0.85  # the others lie where both halves meet
    for picture, one, other in zip(changed.mean(dim=1), right, left, strict=True):
        assert picture[one].mean() > picture[other].mean() + 20
    invalid = training._augmented(pixels, targets, ~valid, 3)[2]
    assert not invalid.any()


def test_without_a_valid_pixel_the_loss_is_0_and_moves_nothing(bundle: Bundle) -> None:
    training = SelfTraining(bundle.network, bundle.compute, AUGMENTATION)
    windows = unsure_windows(2)
    loss = training.loss(torch.from_numpy(windows.pixels), torch.from_numpy(~windows.valid), 0)
    loss.backward()
    assert loss.item() == 0
    assert all(not weight.grad.any() for weight in training.student.parameters() if weight.grad is not None)


def test_scenes_are_turned_only_as_in_training() -> None:
    """A model of streets seen from the side is not shown them upside down."""
    pixels = torch.zeros(8, 3, 4, 4, dtype=torch.uint8)
    ids = torch.zeros(8, 4, 4, dtype=torch.uint8)
    ids[:, 0] = 1  # the sky
    section = augmentation_of({"augment": {"hflip": True, "vflip": False, "quarter_turns": False}}, LIGHT, 0).section
    assert (section.hflip, section.vflip, section.quarter_turns) == (True, False, False)
    assert section.saturation > 0
    assert augmentation_of({}, light_of(("height",), 1), 0).section.saturation == 0
    changed = augmentation_of({"augment": {"vflip": False, "quarter_turns": False}}, LIGHT, 0)(pixels, ids, 0)[1]
    assert not (changed[:, -1] == 1).any()
    assert set(changed.unique().tolist()) <= {0, 1, IGNORE}
