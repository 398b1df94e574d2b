"""Training: what a run writes, keeps, refuses and resumes; that it learns, and learns the same thing twice."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import terrazzo
from terrazzo.cli import run as run_command
from terrazzo.errors import InputError, OutputExistsError, PatchesError, RecipeError, WeightsError
from terrazzo.model.bundle import load
from terrazzo.model.header import read_header
from terrazzo.model.network import build_model, normalization_for
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.sections import OptimizerSection
from terrazzo.training import choices
from terrazzo.training.batches import BatchOrder, batches
from terrazzo.training.fit import compute_for, fit
from terrazzo.training.learner import Learner
from terrazzo.training.reports import epoch_log
from terrazzo.training.run import Trained
from terrazzo.training.run_folder import Run
from terrazzo.training.step import build_optimizer, step_seed
from tests.worlds.striped import SMALL, striped_patches


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of 32 px of six images with three classes of plain colours."""
    folder = tmp_path_factory.mktemp("training")
    return striped_patches(folder, 6)


@pytest.fixture(scope="module")
def trained(patches_path: Path) -> Path:
    """A finished run of three epochs."""
    run = patches_path.parent / "run"
    terrazzo.train(patches_path, out=run, recipe="unet", epochs=3, changes=SMALL, device="cpu")
    return run


def test_what_a_run_writes(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"model.safetensors", "recipe.yaml", "metrics.csv", "curves.png", "checkpoints", "tensorboard"} <= names
    assert {"best.ckpt", "last.ckpt"} <= {path.name for path in (trained / "checkpoints").iterdir()}
    with (trained / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert any(path.name.startswith("events") for path in (trained / "tensorboard").iterdir())


def test_the_model_is_the_best_epoch_by_validation_mean_iou(trained: Path) -> None:
    with (trained / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    best = max(rows, key=lambda row: float(row["val_mean_iou"]))
    scores = read_header(trained / "model.safetensors").scores
    assert scores is not None
    assert scores["epoch"] == int(best["epoch"])
    assert scores["val_mean_iou"] == pytest.approx(float(best["val_mean_iou"]))


def test_the_model_reproduces_its_own_validation_score(trained: Path, patches_path: Path) -> None:
    header = read_header(trained / "model.safetensors")
    found = terrazzo.evaluate(trained / "model.safetensors", patches_path)
    assert header.scores is not None
    assert found.scores["mean_iou"] == pytest.approx(header.scores["val_mean_iou"], abs=2e-3)
    assert found.scores["accuracy"] == pytest.approx(header.scores["val_accuracy"], abs=2e-3)


def test_the_header_knows_data_and_recipe(trained: Path, patches_path: Path) -> None:
    header, patches = read_header(trained / "model.safetensors"), open_patches(patches_path)
    assert header.schema == patches.schema
    assert header.training_data.fingerprint == patches.content_hash
    assert header.training_data.n_train == len(patches.rows("train"))
    train_images = {patches.image_hashes[image] for image in patches.image_of[patches.rows("train")]}
    assert set(header.training_data.train_images) == train_images
    assert header.recipe["optimizer"]["lr"] == 0.02


def test_the_temperature_is_fitted_on_validation_as_evaluate_measures_it(trained: Path, patches_path: Path) -> None:
    found = read_header(trained / "model.safetensors").calibration
    assert found is not None
    scores = terrazzo.evaluate(trained / "model.safetensors", patches_path, device="cpu", precision="32").scores
    assert scores["calibration"]["temperature"] == found.temperature
    assert scores["calibration"]["ece"] == pytest.approx(found.ece_after, abs=1e-4)
    assert scores["calibration"]["ece_uncalibrated"] == pytest.approx(found.ece_before, abs=1e-4)


def test_every_epoch_leaves_its_checkpoint_though_it_is_no_new_best(patches_path: Path, tmp_path: Path) -> None:
    changes = SMALL | {"optimizer.lr": 1e-12, "model.batch_norm": False}  # every epoch scores alike
    terrazzo.train(patches_path, out=tmp_path / "run", recipe="unet", epochs=3, changes=changes, device="cpu")
    last, best = (
        torch.load(tmp_path / "run" / "checkpoints" / name, weights_only=True) for name in ("last.ckpt", "best.ckpt")
    )
    assert (last["epoch"], best["epoch"]) == (2, 0)
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}


def test_the_model_knows_at_which_scale_it_saw_the_images(patches_path: Path, tmp_path: Path) -> None:
    terrazzo.prepare(patches_path.parent / "data", out=tmp_path / "half", patch_size=32, downsample=2)
    run = terrazzo.train(tmp_path / "half", out=tmp_path / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    assert read_header(run.model).downsample == 2.0
    ids, probs = load(run.model, device="cpu").predict(np.zeros((40, 51, 3), np.uint8))
    assert (ids.shape, probs.shape) == ((40, 51), (3, 40, 51))


def test_a_finished_run_is_kept_another_refused(trained: Path, patches_path: Path) -> None:
    before = (trained / "model.safetensors").read_bytes()
    again = terrazzo.train(patches_path, out=trained, recipe="unet", epochs=3, changes=SMALL, device="cpu")
    assert again.kept
    assert terrazzo.train(
        patches_path, out=trained, recipe="unet", epochs=3, changes=SMALL, device="cpu", resume=True
    ).kept
    with pytest.raises(OutputExistsError, match="--resume"):
        terrazzo.train(patches_path, out=trained, recipe="unet", epochs=4, changes=SMALL)
    with pytest.raises(RecipeError, match=r"optimizer.lr = 0.02, not 0.5"):
        terrazzo.train(
            patches_path, out=trained, recipe="unet", epochs=3, changes=SMALL | {"optimizer.lr": 0.5}, resume=True
        )
    assert (trained / "model.safetensors").read_bytes() == before


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(patches_path: Path, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
        run = tmp_path / name
        changes = SMALL | {"train.seed": seed, "train.precision": "32"}
        terrazzo.train(patches_path, out=run, recipe="unet", epochs=1, changes=changes, device="cpu")
        return load(run / "model.safetensors", device="cpu").network.state_dict()

    first, second, other = weights("a", 3), weights("b", 3), weights("c", 4)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_resume_goes_on_and_ends_as_if_never_stopped(patches_path: Path, tmp_path: Path) -> None:
    changes = SMALL | {"train.precision": "32"}
    whole = terrazzo.train(patches_path, out=tmp_path / "whole", recipe="unet", epochs=3, changes=changes, device="cpu")
    terrazzo.train(patches_path, out=tmp_path / "parts", recipe="unet", epochs=1, changes=changes, device="cpu")
    parts = terrazzo.train(
        patches_path, out=tmp_path / "parts", recipe="unet", epochs=3, changes=changes, device="cpu", resume=True
    )
    assert not parts.kept
    one, two = (
        load(whole.model, device="cpu").network.state_dict(),
        load(parts.model, device="cpu").network.state_dict(),
    )
    assert all(torch.equal(one[name], two[name]) for name in one)

    def figures(run: str) -> list[tuple[str, ...]]:
        with (tmp_path / run / "metrics.csv").open() as stream:
            return [(row["epoch"], row["train_loss"], row["val_mean_iou"]) for row in csv.DictReader(stream)]

    assert figures("whole") == figures("parts")


def test_early_stopping_ends_a_run_that_no_longer_gets_better(patches_path: Path, tmp_path: Path) -> None:
    changes = SMALL | {"optimizer.lr": 1e-9, "schedule.early_stopping": 1, "schedule.name": "plateau"}
    terrazzo.train(patches_path, out=tmp_path / "run", recipe="unet", epochs=30, changes=changes, device="cpu")
    with (tmp_path / "run" / "metrics.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) < 30


def test_refusals_before_torch(patches_path: Path, tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="no such folder"):
        terrazzo.train(tmp_path / "none", out=tmp_path / "run")
    with pytest.raises(RecipeError, match="class_weights has 2 values for 3 classes"):
        terrazzo.train(patches_path, out=tmp_path / "run", changes={"loss.class_weights": [1, 2]})
    with pytest.raises((RecipeError, WeightsError), match="no such file"):
        terrazzo.train(patches_path, out=tmp_path / "run", encoder_weights="lost.pth")
    assert not (tmp_path / "run").exists()


def test_batches_are_every_patch_once_in_an_order_of_seed_and_epoch(patches_path: Path) -> None:
    patches = open_patches(patches_path)
    rows = patches.rows("train")
    order = BatchOrder(rows, 7, seed=1)
    first = [tuple(batch) for batch in order]
    assert sorted(row for batch in first for row in batch) == rows.tolist()
    assert {len(batch) for batch in first} == {6}  # 30 patches: five batches of six, not four of seven and a stub
    assert [tuple(batch) for batch in order] == first
    order.set_epoch(1)
    assert [tuple(batch) for batch in order] != first
    images, masks = next(iter(batches(patches, "val", 4)))
    assert images.shape == (3, 3, 32, 32)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert (masks[0].numpy() == patches.masks[patches.rows("val")[0]]).all()


def test_step_seeds_differ() -> None:
    seeds = {step_seed(seed, epoch, step) for seed in range(3) for epoch in range(5) for step in range(20)}
    assert len(seeds) == 300


def test_adamw_spares_biases_and_norms_from_decay() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    groups = build_optimizer(OptimizerSection(name="adamw", weight_decay=0.1), module).param_groups
    decay = {parameter.ndim: group["weight_decay"] for group in groups for parameter in group["params"]}
    assert decay == {4: 0.1, 1: 0.0}


def one_image_network(patches: Patches, section_changes: dict[str, object]) -> tuple[Recipe, torch.nn.Module]:
    recipe = Recipe().with_changes({**SMALL, "train.epochs": 1, **section_changes})
    torch.manual_seed(0)
    return recipe, build_model(recipe.model, 3, 3, normalization_for(recipe.model, 3))


def test_a_batch_that_cannot_be_normalized_is_told(patches_path: Path, tmp_path: Path) -> None:
    changes = SMALL | {"model.filters": [4, 8, 8, 8, 8, 8], "model.batch_norm": True, "train.batch_size": 1}
    del changes["optimizer.lr"]  # which tune looks for
    for command, name in ((terrazzo.train, "run"), (terrazzo.tune, "tune")):
        with pytest.raises(InputError, match=r"a batch of 1 patch of 32 px.*use another --batch-size"):
            command(patches_path, out=tmp_path / name, recipe="unet", changes=changes, device="cpu")
        assert not (tmp_path / name).exists()


def test_after_ctrl_c_a_process_can_be_interrupted_again(patches_path: Path, tmp_path: Path) -> None:
    def stop(line: str) -> None:
        if line.startswith("epoch 2/3"):
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    done = terrazzo.train(
        patches_path, out=tmp_path / "run", recipe="unet", epochs=3, changes=SMALL, device="cpu", say=stop
    )
    assert done.interrupted
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("when", ["before the first step", "in the first epoch", "at its line"])
def test_ctrl_c_before_the_first_epoch_s_end_exits_130_and_leaves_nothing(
    patches_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    where = {"before the first step": choices, "in the first epoch": Learner, "at its line": epoch_log}[when]
    name = {choices: "fit", Learner: "training_step", epoch_log: "write_rows"}[where]
    true = getattr(where, name)

    def stop(*args: object, **options: object) -> None:
        if when == "at its line":
            true(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(where, name, stop)
    (tmp_path / "runs").mkdir()
    words = ["train", str(patches_path), "--recipe", "unet", "--device", "cpu", "--out", str(tmp_path / "runs" / "run")]
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    assert run_command([*words, *settings]) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert "stopped by Ctrl-C" in last
    assert list((tmp_path / "runs").iterdir()) == []


def test_ctrl_c_at_an_epoch_s_line_leaves_no_row_that_resume_repeats(patches_path: Path, tmp_path: Path) -> None:
    def epochs() -> list[str]:
        with (tmp_path / "run" / "metrics.csv").open() as stream:
            return [row["epoch"] for row in csv.DictReader(stream)]

    def train(resume: bool, say: Callable[[str], None]) -> Trained:
        place = {"out": tmp_path / "run", "epochs": 4, "device": "cpu"}
        return terrazzo.train(patches_path, recipe="unet", changes=SMALL, resume=resume, say=say, **place)

    def stop(line: str) -> None:
        if line.startswith("epoch 3/4"):
            raise KeyboardInterrupt

    stopped = train(False, stop)
    assert stopped.interrupted
    assert stopped.header.scores is not None
    assert (epochs(), stopped.header.scores["epochs"]) == (["1", "2"], 2)
    said: list[str] = []
    train(True, said.append)
    assert epochs() == ["1", "2", "3", "4"]
    assert "resuming after epoch 2 of 4" in said
    assert [line.split(":")[0] for line in said if line.startswith("epoch ")] == ["epoch 3/4", "epoch 4/4"]


def test_resume_says_where_there_is_nothing_to_resume(patches_path: Path, tmp_path: Path) -> None:
    said: list[str] = []
    place = {"out": tmp_path / "run", "epochs": 1, "device": "cpu"}
    terrazzo.train(patches_path, recipe="unet", changes=SMALL, resume=True, say=said.append, **place)
    assert f"nothing to resume in {tmp_path / 'run'}: training starts from the beginning" in said
    assert not any(line.startswith("resuming") for line in said)


def test_a_run_that_diverges_gives_no_model(patches_path: Path, tmp_path: Path) -> None:
    changes = SMALL | {"optimizer.lr": 1e30}
    with pytest.raises(InputError, match="the loss is not a number even in the best epoch"):
        terrazzo.train(patches_path, out=tmp_path / "run", recipe="unet", epochs=1, changes=changes, device="cpu")
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_run_that_cannot_begin_leaves_no_folder(patches_path: Path, tmp_path: Path) -> None:
    for changes in ({"model.std": [1, 1]}, {"model.filters": [4] * 9}):
        with pytest.raises(RecipeError):
            terrazzo.train(patches_path, out=tmp_path / "runs" / "run", recipe="unet", changes=changes, device="cpu")
    assert not (tmp_path / "runs").exists()


def test_everything_ignored_in_a_batch_does_no_harm(patches_path: Path, tmp_path: Path) -> None:
    patches = open_patches(patches_path)
    recipe, network = one_image_network(patches, {"augment.fill": "ignore", "augment.shift_x": 0.9})
    result = fit(network, Run(patches_path, recipe, tmp_path), patches, compute_for(recipe, "auto"))
    assert result is not None
    assert all(value.isfinite().all() for value in result.state.values())


@pytest.mark.skipif(os.name == "nt", reason="signals to a child differ on Windows")
def test_ctrl_c_keeps_the_best_model_and_resume_goes_on(patches_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    words = ["train", str(patches_path), "--recipe", "unet", "--epochs", "400", "--device", "cpu", "--out", str(run)]
    process = subprocess.Popen(
        [sys.executable, "-m", "terrazzo.cli", *words, *settings],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Tests that run as a background job inherit that Ctrl-C is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (run / "checkpoints" / "last.ckpt").is_file():
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=180)
    assert process.returncode == 130, err.decode()
    assert b"Traceback" not in err
    assert b"--resume" in err
    ids, _ = load(run / "model.safetensors", device="cpu").predict(np.zeros((40, 50, 3), np.uint8))
    assert ids.shape == (40, 50)
    with (run / "metrics.csv").open() as stream:
        done = len(list(csv.DictReader(stream)))
    resumed = terrazzo.train(
        patches_path, out=run, recipe="unet", epochs=done + 1, changes=SMALL, device="cpu", resume=True
    )
    assert not resumed.kept
    with (run / "metrics.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == done + 1
