"""Training on windows cut from larger patches (`augment.crop`): what takes it, what refuses it, what stays whole."""

from pathlib import Path

import pytest
import torch

import terrazzo
from terrazzo.cli import run as run_command
from terrazzo.errors import RecipeError
from terrazzo.evaluation.metrics import EPOCH_METRICS
from terrazzo.model.network import Network
from terrazzo.patches.folder import open_patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import legs
from terrazzo.training import choices
from terrazzo.training.batches import Batch
from terrazzo.training.fit import _whole_patches
from terrazzo.training.learner import Learner
from tests.worlds.striped import SMALL, striped_set

CROP = {**SMALL, "augment.crop": 32, "augment.scale": [0.5, 2], "train.precision": "32"}


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patches of 64 px."""
    folder = tmp_path_factory.mktemp("windows")
    terrazzo.prepare(striped_set(folder / "data", 6), out=folder / "patches", patch_size=64)
    return folder / "patches"


def test_the_network_trains_on_windows_and_is_validated_on_whole_patches(
    patches_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: set[tuple[int, ...]] = set()
    validated: set[tuple[int, ...]] = set()
    forward, validation_step = Network.forward, Learner.validation_step

    def watched(self: Network, pixels: torch.Tensor) -> torch.Tensor:
        if self.training:
            trained.add(tuple(pixels.shape[-2:]))
        return forward(self, pixels)

    def watched_step(self: Learner, batch: Batch, batch_idx: int) -> None:
        validated.add(tuple(batch[0].shape[-2:]))
        validation_step(self, batch, batch_idx)

    monkeypatch.setattr(Network, "forward", watched)
    monkeypatch.setattr(Learner, "validation_step", watched_step)
    run = terrazzo.train(patches_path, out=tmp_path / "run", recipe="unet", epochs=2, changes=CROP, device="cpu")
    assert (trained, validated) == ({(32, 32)}, {(64, 64)})
    assert run.header.patch_size == 64
    assert {f"val_{metric.name}" for metric in EPOCH_METRICS} <= set(run.header.scores or {})


def test_a_resumed_run_of_windows_repeats_an_uninterrupted_one(patches_path: Path, tmp_path: Path) -> None:
    changes = CROP | {"augment.robust": 1, "augment.mix_classes": 0.5}
    place = {"recipe": "unet", "changes": changes, "device": "cpu"}
    whole = terrazzo.train(patches_path, out=tmp_path / "whole", epochs=2, **place)
    terrazzo.train(patches_path, out=tmp_path / "parts", epochs=1, **place)
    parts = terrazzo.train(patches_path, out=tmp_path / "parts", epochs=2, resume=True, **place)
    one, two = (terrazzo.load(run.model, device="cpu").network.state_dict() for run in (whole, parts))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_window_larger_than_the_patches_is_refused_before_anything_is_written(
    patches_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = ["--recipe", "unet", "--set", "augment.crop=96", "--device", "cpu"]
    assert run_command([command, str(patches_path), "--out", str(tmp_path / "out"), *words]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "augment.crop = 96: the patches have 64 px" in err
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_is_not_prepared_for_windows_larger_than_its_patches(tmp_path: Path) -> None:
    data = striped_set(tmp_path / "data", 4)
    with pytest.raises(RecipeError, match=r"augment.crop = 64: the patches have 32 px"):
        changes = SMALL | {"data.patch_size": 32, "augment.crop": 64}
        terrazzo.train(data, out=tmp_path / "out", recipe="unet", changes=changes, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_stages_shrink_patches_and_windows_are_cut_from_these() -> None:
    stages = [{"size": 128, "epochs": 1}, {"size": 256, "epochs": 2}]
    plan = legs(Recipe().with_changes({"stages": stages, "augment.crop": 128}), 256)
    assert [(leg.size, leg.window) for leg in plan] == [(128, 128), (256, 128)]
    assert [(leg.size, leg.window) for leg in legs(Recipe().with_changes({"stages": stages}), 256)] == [
        (128, 128),
        (256, 256),
    ]
    assert legs(Recipe().with_changes({"augment.crop": 96}), 256)[0].window == 96
    with pytest.raises(RecipeError, match=r"augment.crop = 160: stage 1 has patches of 128 px"):
        legs(Recipe().with_changes({"stages": stages, "augment.crop": 160}), 256)


def test_the_range_test_takes_windows(patches_path: Path, tmp_path: Path) -> None:
    changes = {name: value for name, value in CROP.items() if name != "optimizer.lr"}
    found = terrazzo.tune(patches_path, out=tmp_path / "tune", recipe="unet", steps=40, changes=changes, device="cpu")
    assert 1e-6 < found.lr < 1


def test_the_window_is_tried_and_the_whole_patch(patches_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(choices, "try_model", lambda _section, trial, _compute: seen.append(trial.sizes))
    recipe = Recipe().with_changes({"augment.crop": 32, "data.patch_size": 64})
    choices.try_recipe(open_patches(patches_path), recipe, "cpu")
    choices.try_before_preparing(recipe, "cpu")
    assert seen == [(32, 64), (32, 64)]


def test_an_automatic_batch_size_counts_windows(
    patches_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def settle(_network: object, shape: tuple[int, int], *_rest: object) -> int:
        seen.append(shape)
        return 2

    monkeypatch.setattr(choices, "settle", settle)
    terrazzo.train(
        patches_path,
        out=tmp_path / "run",
        recipe="unet",
        epochs=1,
        batch_size="auto",
        changes=CROP,
        device="cpu",
    )
    assert seen == [(3, 32)]


def test_a_batch_of_validation_has_no_more_pixels_than_one_of_training() -> None:
    # 16 windows of 256 px are 4 patches of 512 px; one of 128 px is less than a patch.
    assert _whole_patches(16, 256, 512) == 4
    assert _whole_patches(1, 128, 512) == 1
    assert _whole_patches(8, 0, 512) == 8


def test_pieces_from_other_patches_in_batches_of_one_are_reported(patches_path: Path, tmp_path: Path) -> None:
    said: list[str] = []
    changes = CROP | {"augment.mix_classes": 0.5}
    options = {"recipe": "unet", "epochs": 1, "changes": changes, "device": "cpu", "say": said.append}
    terrazzo.train(patches_path, out=tmp_path / "one", batch_size=1, **options)
    assert len([line for line in said if "augment.mix_classes takes pieces from another patch" in line]) == 1
    said.clear()
    terrazzo.train(patches_path, out=tmp_path / "two", batch_size=2, **options)
    assert not any("mix_classes" in line for line in said)
