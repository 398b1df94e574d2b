"""A network is tried before anything is written: refusals leave every file as it was, and training is not changed."""

from pathlib import Path

import pytest
import torch

import terrazzo
from terrazzo.cli import run as run_command
from terrazzo.errors import RecipeError
from terrazzo.model.bundle import load
from terrazzo.patches.folder import open_patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.training import choices
from terrazzo.training import run as training_run
from tests.worlds.striped import SMALL, striped_patches, striped_set

PAN = {"model.arch": "pan", "model.encoder": "resnet18", "model.encoder_weights": "none"}
SMALL_UNET = {
    "model.encoder": "tu-mobilenetv3_small_050", "model.encoder_weights": "none",
    "model.decoder_channels": [8, 8, 8, 8, 8], "train.precision": "32",
}  # fmt: skip


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_patches(tmp_path_factory.mktemp("first"), 4)


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_pair_that_does_not_fit_the_patches_exits_2_with_one_line_and_writes_nothing(
    patches_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = [word for key, value in PAN.items() for word in ("--set", f"{key}={value}")]
    assert run_command([command, str(patches_path), "--out", str(tmp_path / "out"), "--device", "cpu", *words]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "model: pan with encoder resnet18 cannot be trained on patches of 32 px" in err
    assert "prepare with --patch-size 128" in err
    assert list(tmp_path.iterdir()) == []


def test_overwrite_keeps_the_finished_run_where_the_new_one_cannot_begin(patches_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    terrazzo.train(patches_path, out=out, recipe="unet", epochs=1, changes=SMALL, device="cpu")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(RecipeError, match="pan with encoder resnet18"):
        terrazzo.train(patches_path, out=out, changes=PAN, device="cpu", overwrite=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_data_set_is_not_prepared_for_a_network_that_does_not_fit(tmp_path: Path) -> None:
    data = striped_set(tmp_path / "data", 4)
    with pytest.raises(RecipeError, match="pan with encoder resnet18 cannot be trained on patches of 32 px"):
        terrazzo.train(data, out=tmp_path / "out", changes=PAN | {"data.patch_size": 32}, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_each_stage_is_tried_and_the_whole_patch(patches_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(choices, "try_model", lambda _section, trial, _compute: seen.append(trial.sizes))
    stages = [{"size": 16, "epochs": 1}, {"size": 24, "epochs": 2}]
    choices.try_recipe(open_patches(patches_path), Recipe().with_changes(SMALL_UNET | {"stages": stages}), "cpu")
    assert seen == [(16, 24, 32)]


def test_the_trial_does_not_change_what_is_learnt(
    patches_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(name: str) -> dict[str, torch.Tensor]:
        run = terrazzo.train(
            patches_path, out=tmp_path / name, recipe="unet", epochs=1, changes=SMALL_UNET, device="cpu"
        )
        return load(run.model, device="cpu").network.state_dict()

    tried = weights("tried")
    monkeypatch.setattr(training_run, "try_network", lambda *_: None)
    untried = weights("untried")
    assert all(torch.equal(tried[name], untried[name]) for name in untried)


def test_the_trial_takes_no_more_patches_than_a_step_has(patches_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(choices, "try_model", lambda _section, trial, _compute: seen.append(trial))
    patches = open_patches(patches_path)
    for batch in (1, 2, 8, "auto"):
        choices.try_recipe(patches, Recipe().with_changes(SMALL_UNET | {"train.batch_size": batch}), "cpu")
    assert [trial.batch for trial in seen] == [1, 2, 2, 2]
    assert {(trial.bands, trial.n_classes, trial.sizes, trial.window) for trial in seen} == {(3, 3, (32,), 512)}
