"""The automatic batch size: arithmetic by hand, an estimate against what a step really saves, and halving."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import terrazzo
from terrazzo.errors import InputError
from terrazzo.model.hardware import choose
from terrazzo.model.network import build_model, normalization_for
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import quiet
from terrazzo.training import choices
from terrazzo.training.batch_size import SHARE, estimate, fitting_by_trial, free_memory, largest, settle
from terrazzo.training.batches import BatchOrder
from tests.worlds.striped import striped_patches

GIB = 1 << 30


@pytest.mark.parametrize(
    ("fixed", "per_patch", "free", "most", "batch"),
    [
        (0, GIB, 10 * GIB, 16, 4),  # 6 GiB to plan with: 4 patches, not 8
        (0, GIB, 14 * GIB, 16, 8),
        (0, GIB, 100 * GIB, 16, 16),
        (0, GIB, 100 * GIB, 5, 4),
        (3 * GIB, GIB, 10 * GIB, 16, 2),
        (9 * GIB, GIB, 10 * GIB, 16, 1),  # nothing fits: one, and the user is told
    ],
)
def test_the_largest_power_of_two_that_fits(fixed: int, per_patch: int, free: int, most: int, batch: int) -> None:
    assert SHARE == 0.6
    assert largest(fixed, per_patch, free, most) == batch


def test_the_estimate_grows_with_the_area_and_counts_every_weight() -> None:
    section = ModelSection(filters=(4, 8, 16), batch_norm=True)
    network = build_model(section, 3, 4, normalization_for(section, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    compute = choose("cpu", "32")
    fixed, small = estimate(network, 3, 64, compute)
    _, large = estimate(network, 3, 128, compute)
    assert fixed == 4 * 4 * sum(parameter.numel() for parameter in network.parameters())
    assert large == pytest.approx(4 * small, rel=0.05)
    # At the least the input and both convolutions' outputs at full size, in float32.
    assert small > 64 * 64 * 4 * (3 + 4 + 4)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_memory_is_a_positive_number_within_the_machine() -> None:
    assert 1 << 20 < free_memory(torch.device("cpu")) < 1 << 45


def test_a_trial_halves_until_it_fits_and_gives_up_at_one() -> None:
    tried: list[int] = []

    def step(batch: int) -> None:
        tried.append(batch)
        if batch > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    assert fitting_by_trial(16, step) == 2
    assert tried == [16, 8, 4, 2]

    def never(batch: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        fitting_by_trial(4, never)


@pytest.fixture
def patches_path(tmp_path: Path) -> Path:
    return striped_patches(tmp_path, 4)


SMALL = {"model.filters": [4, 8], "schedule.name": "constant", "train.precision": "32"}


def test_auto_is_settled_once_and_frozen_into_the_run(patches_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, said = patches_path.parent / "run", []
    arguments = {"out": run, "recipe": "unet", "batch_size": "auto", "changes": SMALL, "device": "cpu"}
    terrazzo.train(patches_path, epochs=1, say=said.append, **arguments)  # type: ignore[arg-type]
    settled = load_recipe(run / "recipe.yaml").train.batch_size
    assert settled == 16
    assert any(line.startswith("batch size auto: 16 (about ") for line in said)

    def refuse(*_: object) -> int:
        raise AssertionError("settled twice")

    monkeypatch.setattr(choices, "settle", refuse)
    terrazzo.train(patches_path, epochs=2, resume=True, **arguments)  # type: ignore[arg-type]
    assert load_recipe(run / "recipe.yaml").train.batch_size == settled


@pytest.mark.parametrize(("n_train", "batch"), [(1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (16, 16), (17, 16)])
def test_auto_leaves_no_batch_of_one_patch(n_train: int, batch: int) -> None:
    recipe = Recipe().with_changes(SMALL)
    network = build_model(recipe.model, 3, 3, normalization_for(recipe.model, 3))
    assert settle(network, (3, 32), n_train, choose("cpu", "32"), quiet) == batch
    parts = [len(part) for part in BatchOrder(np.arange(n_train), batch)]
    assert min(parts) > 1 or n_train == 1


def out_of_memory_above(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = nn.Module.__call__

    def limited(self: nn.Module, *args: object, **kwargs: object) -> object:
        if isinstance(self, terrazzo_network()) and self.training and len(args[0]) > limit:  # type: ignore[arg-type]
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "__call__", limited)


def terrazzo_network() -> type[nn.Module]:
    from terrazzo.model.network import Network

    return Network


def test_out_of_memory_in_training_halves_an_automatic_batch(
    patches_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_memory_above(5, monkeypatch)
    run, said = patches_path.parent / "run", []
    terrazzo.train(
        patches_path, out=run, recipe="unet", epochs=2, batch_size="auto", changes=SMALL, device="cpu", say=said.append
    )
    assert load_recipe(run / "recipe.yaml").train.batch_size == 4
    assert [line for line in said if line.startswith("out of memory")] == [
        "out of memory at batch size 16: starting over with 8",
        "out of memory at batch size 8: starting over with 4",
    ]


def test_out_of_memory_at_an_asked_batch_is_refused_with_the_remedy(
    patches_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_memory_above(5, monkeypatch)
    with pytest.raises(InputError, match=r"--batch-size 8: the device ran out of memory .*--batch-size 4 or auto"):
        terrazzo.train(
            patches_path, out=patches_path.parent / "none", recipe="unet", epochs=1, changes=SMALL, device="cpu"
        )
    assert not (patches_path.parent / "none").exists()
