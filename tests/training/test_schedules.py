"""Learning rates, frozen encoders, running means and accumulated gradients: laws and figures worked by hand."""

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import terrazzo
from terrazzo.model.network import build_model, normalization_for
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import ModelSection, OptimizerSection, ScheduleSection
from terrazzo.training.learner import RunningMean
from terrazzo.training.schedules import LR_RATIO, Schedule, settings
from terrazzo.training.step import build_optimizer, freeze_encoder, freezes
from tests.worlds.striped import SMALL, striped_patches


def optimizer(*ratios: float) -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.zeros(2))], LR_RATIO: ratio} for ratio in ratios or (1.0,)]
    return torch.optim.AdamW(groups, lr=1.0)


def rates(schedule: Schedule, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(float(schedule.optimizer.param_groups[0]["lr"]))
        schedule.optimizer.step()
        schedule.after_step()
    return found


def test_constant_stays_and_each_group_keeps_its_ratio() -> None:
    schedule = Schedule(ScheduleSection(name="constant"), optimizer(1.0, 0.1), 0.02, 10)
    assert rates(schedule, 4) == [0.02] * 4
    assert schedule.optimizer.param_groups[1]["lr"] == pytest.approx(0.002)


def test_onecycle_rises_to_its_peak_and_falls_to_nearly_nothing() -> None:
    found = rates(Schedule(ScheduleSection(name="onecycle", warmup=0.2), optimizer(), 0.01, 50), 50)
    peak = found.index(max(found))
    assert max(found) == pytest.approx(0.01)
    assert peak == round(0.2 * 50) - 1
    assert all(low < high for low, high in pairwise(found[: peak + 1]))
    assert all(high > low for high, low in pairwise(found[peak:]))
    assert found[-1] < 1e-6


@pytest.mark.parametrize(("warmup", "steps"), [(0.2, 5), (0.25, 4), (0.5, 2), (0.1, 10)])
def test_onecycle_may_rise_in_one_step(warmup: float, steps: int) -> None:
    found = rates(Schedule(ScheduleSection(name="onecycle", warmup=warmup), optimizer(), 0.01, steps), steps)
    assert found[0] == pytest.approx(0.01 / 25)
    assert all(high > low for high, low in pairwise(found[1:]))
    assert found[-1] < 1e-6


def test_plateau_cuts_by_its_factor_after_its_patience_and_not_below_its_floor() -> None:
    section = ScheduleSection(name="plateau", factor=0.5, patience=1, min_lr=0.2)
    schedule = Schedule(section, optimizer(), 1.0, 10)
    found = []
    for loss in (3.0, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5):
        schedule.after_validation(loss)
        found.append(float(schedule.optimizer.param_groups[0]["lr"]))
    assert found == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2]


def test_the_metrics_have_the_mean_rate_of_an_epoch_s_steps(tmp_path: Path) -> None:
    changes = SMALL | {"schedule.name": "onecycle", "train.batch_size": 8}
    run = terrazzo.train(
        striped_patches(tmp_path, 6), out=tmp_path / "run", recipe="unet", epochs=2, changes=changes, device="cpu"
    )
    with run.model.with_name("metrics.csv").open() as stream:
        found = [float(row["lr"]) for row in csv.DictReader(stream)]
    each = rates(Schedule(Recipe().with_changes(changes).schedule, optimizer(), 0.02, 8), 8)  # 30 patches: 4 steps
    assert found == pytest.approx([sum(each[:4]) / 4, sum(each[4:]) / 4], rel=1e-3)
    assert found[1] > 100 * each[-1]


@pytest.mark.parametrize("name", ["onecycle", "plateau", "constant"])
def test_a_schedule_goes_on_where_it_was_left(name: Any) -> None:
    section = ScheduleSection(name=name, patience=0)

    def walk(schedule: Schedule, steps: range) -> list[float]:
        found = []
        for step in steps:
            found += rates(schedule, 1)
            schedule.after_validation(1.0 + step)
        return found

    whole = walk(Schedule(section, optimizer(), 0.01, 20), range(20))
    first = Schedule(section, optimizer(), 0.01, 20)
    parts = walk(first, range(7))
    state, groups = first.state_dict(), settings(first.optimizer)
    second = Schedule(section, optimizer(), 0.01, 20)
    second.resume(state, groups)
    assert parts + walk(second, range(7, 20)) == whole


def test_onecycle_goes_on_past_its_old_end_when_more_epochs_are_asked_for() -> None:
    first = Schedule(ScheduleSection(), optimizer(), 0.01, 10)
    rates(first, 10)
    second = Schedule(ScheduleSection(), optimizer(), 0.01, 40)
    second.resume(first.state_dict(), settings(first.optimizer))
    found = rates(second, 30)
    assert max(found) == pytest.approx(0.01, rel=0.05)
    assert found[-1] < 1e-4


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_running_mean_follows_its_formula(decay: float) -> None:
    network = nn.Linear(1, 1, bias=False)
    average = RunningMean(network, decay)
    expected = None
    for step in range(6):
        value = float(step * step)
        with torch.no_grad():
            network.weight.fill_(value)
        average.update_parameters(network)
        weight = min(decay, (1 + step) / (10 + step))
        expected = value if expected is None else weight * expected + (1 - weight) * value
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)


def test_the_running_mean_has_batch_statistics_and_counts_them() -> None:
    network = nn.BatchNorm2d(3)
    average = RunningMean(network, 0.9)
    for _ in range(3):
        network(torch.randn(4, 3, 5, 7) + 2)
        average.update_parameters(network)
    assert average.module.running_mean is not None
    assert network.running_mean is not None
    assert 0 < float(average.module.running_mean[0]) < float(network.running_mean[0])
    assert average.module.num_batches_tracked == network.num_batches_tracked


def encoder_network() -> nn.Module:
    section = ModelSection(encoder="resnet18", decoder_channels=(16, 8, 8, 8, 8))
    return build_model(section, 3, 4, normalization_for(section, 3))


def test_the_encoder_has_its_own_learning_rate_and_every_weight_one_group() -> None:
    network = encoder_network()
    encoder = {id(parameter) for parameter in network.body.encoder.parameters()}
    for name in ("adam", "adamw"):
        found = build_optimizer(OptimizerSection(name=name, lr=1e-2, encoder_lr=1e-3), network)
        seen = [id(parameter) for group in found.param_groups for parameter in group["params"]]
        assert sorted(seen) == sorted(id(parameter) for parameter in network.parameters())
        for group in found.param_groups:
            inside = {id(parameter) in encoder for parameter in group["params"]}
            assert inside == {group["lr"] == pytest.approx(1e-3)}


def test_a_frozen_encoder_keeps_weights_and_batch_statistics() -> None:
    network = encoder_network()
    before = {name: value.clone() for name, value in network.body.encoder.state_dict().items()}
    optimizer_ = build_optimizer(OptimizerSection(lr=0.1), network)
    for frozen in (True, False):
        network.train()
        freeze_encoder(network, frozen)
        optimizer_.zero_grad()
        network(torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)).square().mean().backward()
        optimizer_.step()
        same = all(torch.equal(before[name], value) for name, value in network.body.encoder.state_dict().items())
        assert same == frozen
    assert not torch.equal(network.body.segmentation_head[0].bias, torch.zeros(4))


def test_random_encoders_are_never_frozen() -> None:
    changes = {"model.encoder": "resnet34", "train.freeze_epochs": 2}
    assert freezes(Recipe().with_changes({**changes, "model.encoder_weights": "imagenet"}))
    assert not freezes(Recipe().with_changes({**changes, "model.encoder_weights": "none"}))
    assert not freezes(Recipe().with_changes({"model.encoder": "resnet34", "model.encoder_weights": "imagenet"}))
