"""Training from a model: what is kept of it, what is written without validation, and what is refused."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import terrazzo
from terrazzo.cli import run as run_command
from terrazzo.errors import InputError, OutputExistsError, PatchesError, RecipeError
from terrazzo.model.bundle import load
from terrazzo.model.header import read_header
from terrazzo.patches.folder import open_patches
from terrazzo.training.run import Trained
from tests.worlds.deep import sentinel_scene
from tests.worlds.none_held_out import BLUE, GREEN, RED, corrected, hold_none_out, keep_labels
from tests.worlds.striped import SMALL, striped_patches

FEW = {"train.steps": 12, "train.precision": "32"}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The patches of a model, six images of roof, road and lake; `old.parent / "run"` is its run."""
    patches = striped_patches(tmp_path_factory.mktemp("old"), 6)
    changes = SMALL | {"train.precision": "32"}
    terrazzo.train(patches, out=patches.parent / "run", recipe="unet", epochs=10, changes=changes, device="cpu")
    return patches


@pytest.fixture(scope="module")
def model(old: Path) -> Path:
    return old.parent / "run" / "model.safetensors"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 patches of lake, roof and pool (where the model sees road), in this order, none held out."""
    return corrected(tmp_path_factory.mktemp("pool"), {"lake": BLUE, "roof": RED, "pool": GREEN})


@pytest.fixture(scope="module")
def tuned(pool: Path, model: Path) -> Path:
    """The run folder of 12 steps on these patches."""
    train(pool, pool.parent / "run", model)
    return pool.parent / "run"


def train(patches: Path, out: Path, model: Path, changes: Any = (), **options: Any) -> Trained:
    return terrazzo.train(patches, out=out, from_model=model, changes=FEW | dict(changes), device="cpu", **options)


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_the_models_classes_and_input_stay_and_a_new_class_is_added(tuned: Path, model: Path) -> None:
    before, after = read_header(model), read_header(tuned / "model.safetensors")
    assert after.schema.names == ("roof", "road", "lake", "pool")
    assert after.schema.colors[:3] == before.schema.colors
    for field in ("model", "normalization", "bands", "patch_size", "fit", "downsample"):
        assert getattr(after, field) == getattr(before, field), field
    ids, probs = load(tuned / "model.safetensors", device="cpu").predict(np.zeros((40, 50, 3), np.uint8))
    assert (ids.shape, probs.shape) == ((40, 50), (4, 40, 50))


def test_training_starts_from_the_models_weights(pool: Path, model: Path, tmp_path: Path) -> None:
    done = train(pool, tmp_path / "run", model, {"optimizer.lr": 1e-12})
    before, after = load_file(model), load_file(done.model)
    for name in (name for name in before if not name.startswith("familiarity.")):
        assert torch.allclose(after[name][: len(before[name])] if before[name].ndim else after[name], before[name])


def test_batch_statistics_stay_the_models_and_weights_do_not(tuned: Path, model: Path) -> None:
    before, after = load_file(model), load_file(tuned / "model.safetensors")
    statistics = [name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before["body.down.0.0.weight"], after["body.down.0.0.weight"])


def test_a_recipe_that_does_not_keep_them_learns_statistics(pool: Path, model: Path, tmp_path: Path) -> None:
    done = train(pool, tmp_path / "run", model, {"train.freeze_statistics": False})
    before, after = load_file(model), load_file(done.model)
    assert not torch.equal(before["body.down.0.1.running_mean"], after["body.down.0.1.running_mean"])


def test_distillation_holds_the_network_to_its_start_where_nothing_is_labelled(model: Path, tmp_path: Path) -> None:
    """One pixel in a hundred is labelled, wrongly: roofs as lakes and lakes as roofs."""
    wrong = corrected(tmp_path, {"lake": RED, "road": GREEN, "roof": BLUE})
    keep_labels(wrong, 0.01)
    images, before = np.asarray(open_patches(wrong).images), load(model, device="cpu")

    def drift(weight: float) -> float:
        steps = {"train.distill": weight, "train.steps": 40, "optimizer.lr": 1e-2}
        after = load(train(wrong, tmp_path / f"run-{weight}", model, steps).model, device="cpu")
        return float(np.mean([np.abs(before.predict(each)[1] - after.predict(each)[1]).mean() for each in images]))

    found = drift(10.0), drift(0.0)
    assert found[0] < found[1] / 2, found


def test_without_validation_the_running_mean_of_the_last_step_is_the_model(tuned: Path) -> None:
    checkpoints = tuned / "checkpoints"
    assert [path.name for path in checkpoints.iterdir()] == ["last.ckpt"]
    last = torch.load(checkpoints / "last.ckpt", weights_only=True)
    assert last["global_step"] == 12
    name, found = "body.head.weight", load_file(tuned / "model.safetensors")
    assert torch.equal(found[name], last["state_dict"][f"average.module.{name}"])
    assert not torch.equal(found[name], last["state_dict"][f"network.{name}"])


def test_without_validation_there_are_no_scores_and_everything_else_is_written(tuned: Path, pool: Path) -> None:
    names = {path.name for path in tuned.iterdir()}
    assert names == {
        "model.safetensors", "recipe.yaml", "metrics.csv", "curves.png", "checkpoints", "tensorboard", "start.json",
    }  # fmt: skip
    rows = rows_of(tuned)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]  # 12 steps in epochs of 2
    assert all(row[name] == "" for row in rows for name in row if name.startswith("val_"))
    assert all(float(row["train_loss"]) > 0 for row in rows)
    header = read_header(tuned / "model.safetensors")
    assert header.scores == {"epoch": 6, "epochs": 6, "train_loss": float(rows[-1]["train_loss"])}
    assert (header.training_data.n_train, header.training_data.n_val) == (12, 0)
    assert header.training_data.split == "none held out"


def test_the_lineage_names_the_model_and_the_patches(tuned: Path, model: Path, pool: Path, old: Path) -> None:
    header = read_header(tuned / "model.safetensors")
    (step,) = header.lineage
    assert (step.how, step.steps, len(step.parents[0])) == ("train --from", 12, 64)
    assert step.patches == (open_patches(pool).content_hash,)
    images = read_header(model).training_data.train_images
    assert set(images) < set(header.training_data.train_images), "evaluate finds the images of both"
    text = terrazzo.inspect(tuned / "model.safetensors").lines()
    assert f"lineage: trained from {step.parents[0][:12]}, 12 steps" in text
    assert "split: none held out" in text


def test_a_model_from_a_model_from_a_model_has_both_steps(tuned: Path, old: Path, tmp_path: Path) -> None:
    done = train(old, tmp_path / "run", tuned / "model.safetensors")
    steps = done.header.lineage
    assert [step.how for step in steps] == ["train --from", "train --from"]
    assert steps[1].parents[0] != steps[0].parents[0]
    assert done.header.schema.names == ("roof", "road", "lake", "pool")


def test_a_finished_run_is_kept_and_one_from_another_model_or_with_kept_patches_is_not(
    tuned: Path, pool: Path, model: Path, old: Path
) -> None:
    assert train(pool, tuned, model).kept
    with pytest.raises(OutputExistsError):
        train(pool, tuned, tuned.parent.parent / model, keep=old)
    with pytest.raises(OutputExistsError, match="is the run of the model to start from; choose another --out"):
        train(pool, model.parent, model, overwrite=True)
    assert model.is_file()


def test_patches_divided_in_the_usual_way_are_scored_and_what_is_held_out_is_counted(
    old: Path, model: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    done = train(old, tmp_path / "run", model, say=said.append)
    patches = open_patches(old)  # 36 patches of 32 px of six images; one image, six patches, is held out
    assert (len(patches.rows("train")), len(patches.rows("val"))) == (30, 6)
    assert any(line.startswith(f"{old}: 6,144 of 36,864 labelled pixels (17%) are held out") for line in said)
    best = max(rows_of(tmp_path / "run"), key=lambda row: float(row["val_mean_iou"]))
    assert done.header.scores is not None
    assert done.header.scores["epoch"] == int(best["epoch"])
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()
    assert not any("held out" in line for line in said_by(old, model, tmp_path / "all"))


def said_by(old: Path, model: Path, folder: Path) -> list[str]:
    """What is said where none is held out."""
    said: list[str] = []
    patches = corrected(folder)
    train(patches, folder / "run", model, say=said.append)
    return [line for line in said if "labelled pixels" in line]


def accuracy(model: Path, patches: Path) -> float:
    return float(terrazzo.evaluate(model, patches, split="val", device="cpu", precision="32").scores["accuracy"])


def test_kept_patches_are_not_forgotten(old: Path, model: Path, tmp_path: Path) -> None:
    wrong = corrected(tmp_path, {"lake": GREEN, "road": BLUE, "roof": RED})  # the reverse of what the model knows
    changes = {"train.steps": 60, "optimizer.lr": 3e-3}
    found = {
        name: accuracy(train(wrong, tmp_path / name, model, changes, keep=keep).model, old)
        for name, keep in (("alone", None), ("kept", old))
    }
    before = accuracy(model, old)
    assert found["alone"] < before - 0.2
    assert found["kept"] > found["alone"] + 0.1


def test_kept_patches_are_named_and_those_of_training_alone_are_used(
    old: Path, pool: Path, model: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    done = train(pool, tmp_path / "run", model, keep=old, say=said.append)
    assert f"--keep {old}: 30 patches of it are mixed in, half of each batch, so that the model does not forget" in said
    assert done.header.lineage[0].patches == (open_patches(pool).content_hash, open_patches(old).content_hash)
    assert done.header.familiarity is not None, "the kept patches have some held out"
    assert done.header.familiarity.n_patches == 42
    assert json.loads((tmp_path / "run" / "start.json").read_text())["kept"] == open_patches(old).content_hash


def test_without_validation_no_feature_distance_is_stated(tuned: Path) -> None:
    assert read_header(tuned / "model.safetensors").familiarity is None


def test_sparse_labels_are_learnt_over_labelled_pixels_alone(model: Path, tmp_path: Path) -> None:
    sparse = corrected(tmp_path)
    keep_labels(sparse, 0.02)
    done = train(sparse, tmp_path / "run", model)
    assert all(tensor.isfinite().all() for tensor in load_file(done.model).values())


def test_one_patch_is_enough(model: Path, tmp_path: Path) -> None:
    scene = corrected(tmp_path, n_images=1)
    keep_one(scene)
    assert train(scene, tmp_path / "run", model).header.training_data.n_train == 1


def keep_one(patches: Path) -> None:
    """Leave only the first patch on the side of training."""
    lines = (patches / "index.csv").read_text().splitlines()
    rest = [line.replace(",train,", ",none,") for line in lines[2:]]
    (patches / "index.csv").write_text("\n".join([*lines[:2], *rest]) + "\n")


def test_another_recipe_gives_its_own_schedule(pool: Path, model: Path, tmp_path: Path) -> None:
    run = terrazzo.train(pool, out=tmp_path / "run", recipe="unet", from_model=model, epochs=2, device="cpu")
    assert run.header.recipe["train"]["steps"] == 0
    assert run.header.recipe["model"] == read_header(model).recipe["model"]
    assert len(rows_of(tmp_path / "run")) == 2
    assert run.header.lineage[0].steps == 2 * 2  # 12 patches, 8 a batch


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"from_model": None, "keep": "OLD"}, InputError, "--keep .*: is for --from MODEL"),
        (
            {"from_model": None, "recipe": "finetune"},
            RecipeError,
            "give one with train --from MODEL, or set it to false",
        ),
        ({"encoder_weights": "none"}, RecipeError, "^--encoder-weights: has no effect with --from"),
        ({"changes": {"model.filters": [2, 4]}}, RecipeError, "^--set model.filters: has no effect with --from"),
        ({"epochs": 3}, RecipeError, "--epochs 3, but train.steps = 250 is the length"),
        ({"keep": "POOL"}, PatchesError, "--keep .*: holds the patches to train on; give those"),
        ({"keep": "OLD", "batch_size": 1}, RecipeError, "--batch-size 1: with --keep half of a batch"),
        ({"changes": {"schedule.name": "plateau"}}, RecipeError, "schedule.name = plateau: needs validation patches"),
        ({"changes": {"schedule.early_stopping": 2}}, RecipeError, "schedule.early_stopping = 2: needs validation"),
    ],
)
def test_what_cannot_be_is_one_line(
    pool: Path, old: Path, model: Path, tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    places = {"OLD": old, "POOL": pool}
    given = {name: places.get(str(value), value) for name, value in options.items()}
    with pytest.raises(error, match=words) as caught:
        terrazzo.train(pool, out=tmp_path / "run", **{"from_model": model, "device": "cpu", **given})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_data_sets_and_kept_patches_of_another_size_are_refused(
    pool: Path, old: Path, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"is a data set; with --from expected patches; .* --patch-size 32"):
        train(old.parent / "data", tmp_path / "run", model)
    terrazzo.prepare(old.parent / "data", out=tmp_path / "large", patch_size=64)
    with pytest.raises(PatchesError, match=r"--keep .*large: has patches of 64 px, .* of 32 px; prepare one of them"):
        train(pool, tmp_path / "run", model, keep=tmp_path / "large")
    (tmp_path / "deep").mkdir()
    scene = sentinel_scene(tmp_path / "deep", 96, 128)
    terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "six", patch_size=32, split="patch")
    with pytest.raises(PatchesError, match="has 6 bands, the model"):
        train(tmp_path / "six", tmp_path / "run", model)


def test_kept_patches_that_cannot_be_mixed_in_are_one_line_that_names_the_flag(
    pool: Path, old: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    scene = sentinel_scene(tmp_path / "deep", 96, 128)
    terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "six", patch_size=32, split="patch")
    wrong = {
        tmp_path / "six": "has 6 bands, the model .* takes 3; prepare them with --for",
        old.parent / "data": "has no dataset.json; expected a folder that",
        tmp_path / "lost": "expected the folder that",
        model: "expected the folder that",
    }
    for path, words in wrong.items():
        with pytest.raises(PatchesError, match=f"^--keep {re.escape(str(path))}: .*{words}") as caught:
            train(pool, tmp_path / "run", model, keep=path)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()


def test_deep_values_keep_the_models_normalization(tmp_path: Path) -> None:
    scene = sentinel_scene(tmp_path, 160, 208)
    terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "patches", patch_size=32, split="patch")
    changes = SMALL | {"train.precision": "32"}
    first = terrazzo.train(
        tmp_path / "patches", out=tmp_path / "first", recipe="unet", epochs=1, changes=changes, device="cpu"
    )
    (tmp_path / "other").mkdir()
    other = sentinel_scene(tmp_path / "other", 96, 96, seed=5)
    terrazzo.prepare(other.raster, other.labels, out=tmp_path / "new", patch_size=32, split="patch")
    hold_none_out(tmp_path / "new")
    done = train(tmp_path / "new", tmp_path / "run", first.model, keep=tmp_path / "patches")
    assert done.header.normalization == first.header.normalization
    assert done.header.band_reading == first.header.band_reading
    assert all(tensor.isfinite().all() for tensor in load_file(done.model).values())


def test_the_command_says_what_comes_next(
    pool: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(pool), "--from", str(model), "--recipe", "finetune", "--out", str(tmp_path / "run")]
    assert run_command([*words, "--set", "train.steps=6", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "6 steps, training loss" in out
    assert f"next: terrazzo predict {tmp_path / 'run' / 'model.safetensors'} IMAGE --out maps" in out
    assert "12 patches to train on, none held out" in " ".join(err.split())
    assert run_command(["train", str(pool), "--from", str(tmp_path / "none.safetensors"), "--out", "x"]) == 2
    assert "no such file" in capsys.readouterr().err


def test_tune_has_no_model_whose_statistics_it_could_keep(old: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe finetune: train.freeze_statistics needs a model to start from"):
        terrazzo.tune(old, out=tmp_path / "tune", recipe="finetune")


def test_patches_with_other_ids_are_not_named_as_the_next_thing_to_score(
    old: Path, tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(old), "--from", str(tuned / "model.safetensors"), "--out", str(tmp_path / "run")]
    assert run_command([*words, "--set", "train.steps=1", "--device", "cpu"]) == 0
    assert "next: terrazzo predict" in capsys.readouterr().out, "evaluate refuses three classes where it knows four"


def test_ctrl_c_keeps_the_last_epoch_and_before_the_first_leaves_nothing(
    pool: Path, model: Path, tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        if line.startswith("epoch 3/6"):
            raise KeyboardInterrupt

    done = train(pool, tmp_path / "run", model, say=stop)
    assert done.interrupted
    assert done.header.lineage[0].steps == 4, "two epochs of two steps"
    assert [row["epoch"] for row in rows_of(tmp_path / "run")] == ["1", "2"]
    resumed = train(pool, tmp_path / "run", model, resume=True)
    assert (resumed.interrupted, resumed.header.lineage[0].steps) == (False, 12)

    def stop_at_once(line: str) -> None:
        if line.startswith("training finetune"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(pool, tmp_path / "none", model, say=stop_at_once)
    assert not (tmp_path / "none").exists()
