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
from tests.worlds.drifting import half_unsure
from tests.worlds.models import NAMES, write_model

LIGHT = light_of(None, 3)
NONE = Limits(agreement=0, share=0)
"""No guard at all."""
SCHEDULE = Schedule(steps=50, batch=4, check_every=5)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return load(write_model(tmp_path / "model.safetensors"), "cpu", "32")


def unsure_windows(n: int) -> Windows:
    pixels = np.stack([half_unsure(32, 32)] * n)
    return Windows(pixels, np.ones((n, 32, 32), bool))


def trained(bundle: Bundle, folder: Path, limits: Limits) -> tuple[Outcome, Guard]:
    """Self-training on a scene that makes it collapse."""
    thresholds = torch.tensor([0.5, 0.5, 0.5])
    training = SelfTraining(bundle.network, bundle.compute, thresholds, augmentation_of({}, LIGHT))
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
    training = SelfTraining(bundle.network, bundle.compute, torch.ones(3), augmentation_of({}, LIGHT))
    assert guard.measure(training.probs, found.figures.step) == found.figures  # the weights are those of the figures


def test_windows_come_once_a_round_and_depend_on_seed_and_step_alone() -> None:
    schedule = Schedule(steps=10, batch=4)
    drawn = np.concatenate([schedule.rows(step, 5) for step in range(10)])
    assert all(sorted(part) == [0, 1, 2, 3, 4] for part in drawn.reshape(8, 5))
    assert schedule.rows(7, 5).tolist() == schedule.rows(7, 5).tolist()
    assert replace(schedule, seed=1).rows(0, 5).tolist() != schedule.rows(0, 5).tolist()


def test_the_teacher_is_a_running_mean_of_the_student(bundle: Bundle) -> None:
    training = SelfTraining(bundle.network, bundle.compute, torch.ones(3), augmentation_of({}, LIGHT))
    before = [weight.clone() for weight in training.teacher.parameters()]
    with torch.no_grad():
        for weight in training.student.parameters():
            weight += 1
    training.follow(0.75)
    for old, new in zip(before, training.teacher.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25)
        assert not new.requires_grad


def test_batch_statistics_stay_those_of_training(bundle: Bundle) -> None:
    training = SelfTraining(bundle.network, bundle.compute, torch.ones(3), augmentation_of({}, LIGHT))
    assert not any(module.training for network in (training.teacher, training.student) for module in network.modules())


def test_without_a_label_the_loss_is_0_and_moves_nothing(bundle: Bundle) -> None:
    training = SelfTraining(bundle.network, bundle.compute, torch.full((3,), torch.inf), augmentation_of({}, LIGHT))
    windows = unsure_windows(2)
    loss = training.loss(torch.from_numpy(windows.pixels), torch.from_numpy(windows.valid), 0)
    loss.backward()
    assert loss.item() == 0
    assert all(not weight.grad.any() for weight in training.student.parameters() if weight.grad is not None)


def test_scenes_are_turned_only_as_in_training() -> None:
    """A model of streets seen from the side is not shown them upside down."""
    pixels = torch.zeros(8, 3, 4, 4, dtype=torch.uint8)
    ids = torch.zeros(8, 4, 4, dtype=torch.uint8)
    ids[:, 0] = 1  # the sky
    section = augmentation_of({"augment": {"hflip": True, "vflip": False, "quarter_turns": False}}, LIGHT).section
    assert (section.hflip, section.vflip, section.quarter_turns) == (True, False, False)
    assert section.saturation > 0
    assert augmentation_of({}, light_of(("height",), 1)).section.saturation == 0
    changed = augmentation_of({"augment": {"vflip": False, "quarter_turns": False}}, LIGHT)(pixels, ids, 0)[1]
    assert not (changed[:, -1] == 1).any()
    assert set(changed.unique().tolist()) <= {0, 1, IGNORE}
