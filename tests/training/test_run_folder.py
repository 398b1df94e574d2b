"""A run killed with SIGKILL and resumed ends with the weights and figures of the run that nobody killed."""

import csv
import importlib
import itertools
import multiprocessing
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import terrazzo
from terrazzo.cli import main
from terrazzo.errors import RecipeError
from terrazzo.model.bundle import load
from terrazzo.recipe.reading import changes_of
from tests.worlds.models import write_model
from tests.worlds.none_held_out import corrected
from tests.worlds.striped import striped_patches

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")

STAGES = "[{size: 16, epochs: 2, lr: 0.02}, {size: 32, epochs: 2}]"
SETTINGS = {
    "model.filters": "[4, 8]",
    "model.batch_norm": "true",
    "model.dropout": "0.2",
    "augment.rotate_deg": "20",
    "optimizer.lr": "0.01",
    "schedule.name": "onecycle",
    "train.precision": "32",
    "train.accumulate": "2",
    "train.ema": "0.9",
    "stages": STAGES,
}
"""Everything that has a state: momentum, schedule, batch statistics, dropout, a running mean of weights, stages."""

KILLS = {
    "recipe": ("terrazzo.training.choices", "write_text"),
    "step": ("terrazzo.training.learner", "Learner.training_step"),
    "row": ("terrazzo.training.reports.epoch_log", "write_rows"),
    "checkpoint": ("lightning.pytorch.callbacks", "ModelCheckpoint._save_checkpoint"),
    "trained": ("terrazzo.training.fit", "_run"),
}
"""Functions after whose n-th call the process is killed."""

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["lightning.pytorch.callbacks", "terrazzo.cli", "terrazzo.training.run", "terrazzo.training.choices"]
)


def command(words: list[str], kill: tuple[str, int] | None, out: Path) -> None:
    """`terrazzo words` in this process, its output into files, killed where `kill` says."""
    for name in ("stdout", "stderr"):
        setattr(sys, name, (out / name).open("w", encoding="utf-8"))
    if kill is not None:
        at, left = kill
        module, path = KILLS[at]
        owner: Any = importlib.import_module(module)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, name, killing(getattr(owner, name), left))
    code = main(words)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)


def killing(function: Callable[..., Any], left: int) -> Callable[..., Any]:
    """The function, and a SIGKILL right after its call number `left`, from 0."""
    calls = itertools.count()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if next(calls) == left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    return striped_patches(folder, 6)


@pytest.fixture(scope="module")
def whole(patches_path: Path) -> Path:
    """The run that nobody killed."""
    run = patches_path.parent / "whole"
    assert training(patches_path, run).returncode == 0
    return run


def words(patches_path: Path, run: Path) -> list[str]:
    changes = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    return ["train", str(patches_path), "--recipe", "unet", "--device", "cpu", "--out", str(run), *changes]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def training(patches_path: Path, run: Path, *more: str, kill: tuple[str, int] | None = None) -> Done:
    """`terrazzo train` in a process of its own, forked from one that has its libraries loaded."""
    return running([*words(patches_path, run), *more], patches_path.parent, kill)


def running(words: list[str], folder: Path, kill: tuple[str, int] | None = None) -> Done:
    """`terrazzo words` in such a process; what it prints goes through files in the folder."""
    out = Path(tempfile.mkdtemp(dir=folder))
    process = SERVER.Process(target=command, args=(words, kill, out))
    process.start()
    process.join(180)
    assert process.exitcode is not None
    return Done(process.exitcode, (out / "stdout").read_text(), (out / "stderr").read_text())


def figures(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as stream:
        return [
            {name: value for name, value in row.items() if name not in ("seconds", "images_per_s")}
            for row in csv.DictReader(stream)
        ]


def assert_equal_runs(one: Path, two: Path, epochs: int = 4) -> None:
    first, second = (load(run / "model.safetensors", device="cpu").network.state_dict() for run in (one, two))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert figures(one) == figures(two)
    assert len(figures(one)) == epochs


@pytest.mark.parametrize(
    ("at", "count"),
    [
        ("recipe", 0),  # the choices are settled, no step is done
        ("step", 2),  # before the first checkpoint
        ("step", 8),  # in the middle of the second epoch
        ("row", 1),  # the epoch's figures are written, its checkpoint is not
        ("checkpoint", 2),  # between two checkpoints, or their halves
        ("step", 11),  # in the first epoch of the second stage
        ("row", 3),  # after the last step of all
        ("trained", 0),  # trained to the end, the model not yet written
    ],
)
def test_killed_and_resumed_is_as_if_never_killed(
    patches_path: Path, whole: Path, tmp_path: Path, at: str, count: int
) -> None:
    run = tmp_path / "run"
    assert training(patches_path, run, kill=(at, count)).returncode == -signal.SIGKILL
    assert not (run / "model.safetensors").exists()
    resumed = training(patches_path, run, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert_equal_runs(whole, run)


@pytest.fixture(scope="module")
def from_model(patches_path: Path, whole: Path) -> list[str]:
    """The words of a run of 12 steps (6 epochs) that starts from the run, on patches of which none is held out."""
    new = corrected(patches_path.parent / "corrections")
    words = ["train", str(new), "--from", str(whole / "model.safetensors"), "--keep", str(patches_path)]
    return [*words, "--device", "cpu", "--set", "train.steps=12", "--set", "train.precision=32"]


@pytest.mark.parametrize(
    ("at", "count"),
    [
        ("recipe", 0),
        ("step", 1),  # before the first checkpoint
        ("step", 6),  # in the middle of the fourth epoch
        ("row", 1),  # the epoch's figures are written, its checkpoint is not
        ("checkpoint", 2),
        ("trained", 0),
    ],
)
def test_a_run_from_a_model_is_resumed_to_the_same_weights(
    from_model: list[str], patches_path: Path, tmp_path: Path, at: str, count: int
) -> None:
    folder, whole = patches_path.parent, patches_path.parent / "whole-from"
    assert running([*from_model, "--out", str(whole), "--resume"], folder).returncode == 0
    words = [*from_model, "--out", str(tmp_path / "run")]
    assert running(words, folder, kill=(at, count)).returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "model.safetensors").exists()
    resumed = running([*words, "--resume"], folder)
    assert resumed.returncode == 0, resumed.stderr
    assert_equal_runs(whole, tmp_path / "run", epochs=6)


def test_a_run_from_a_model_without_kept_patches_is_resumed_to_the_same_weights(
    from_model: list[str], patches_path: Path, tmp_path: Path
) -> None:
    place = from_model.index("--keep")
    alone = [*from_model[:place], *from_model[place + 2 :]]
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert running([*alone, "--out", str(whole)], patches_path.parent).returncode == 0
    assert running([*alone, "--out", str(run)], patches_path.parent, kill=("step", 6)).returncode == -signal.SIGKILL
    assert not (run / "model.safetensors").exists()
    resumed = running([*alone, "--out", str(run), "--resume"], patches_path.parent)
    assert resumed.returncode == 0, resumed.stderr
    assert_equal_runs(whole, run, epochs=6)


def test_a_run_is_resumed_from_the_same_model_with_the_same_kept_patches(
    from_model: list[str], patches_path: Path, tmp_path: Path
) -> None:
    folder, run = patches_path.parent, ["--out", str(tmp_path / "run"), "--resume"]
    assert running([*from_model, *run], folder, kill=("step", 6)).returncode == -signal.SIGKILL
    other = write_model(tmp_path / "other.safetensors", names=("roof", "road", "lake"))
    place = from_model.index("--from")
    others = {
        "was started with another --from": [*from_model[: place + 1], str(other), *from_model[place + 2 :]],
        "was started with --keep": [word for word in from_model if word not in ("--keep", str(patches_path))],
    }
    for line, words in others.items():
        refused = running([*words, *run], folder)
        assert refused.returncode == 2
        assert line in refused.stderr
        assert "--overwrite" in refused.stderr
    refused = running([*words_without_start(from_model), *run], folder)
    assert (refused.returncode, "was started with --from" in refused.stderr) == (2, True)


def words_without_start(words: list[str]) -> list[str]:
    """The words of an ordinary run on the kept patches."""
    kept = words[words.index("--keep") + 1]
    return ["train", kept, "--recipe", "unet", "--device", "cpu", "--set", "train.precision=32"]


def test_resume_where_nothing_is_begins_anew_and_where_all_is_done_keeps(
    patches_path: Path, whole: Path, tmp_path: Path
) -> None:
    assert training(patches_path, tmp_path / "run", "--resume").returncode == 0
    assert_equal_runs(whole, tmp_path / "run")
    before = (whole / "model.safetensors").stat().st_mtime_ns
    again = training(patches_path, whole, "--resume")
    assert (again.returncode, (whole / "model.safetensors").stat().st_mtime_ns) == (0, before)
    assert "kept" in again.stdout


def test_another_recipe_is_not_resumed(patches_path: Path, whole: Path) -> None:
    other = training(patches_path, whole, "--resume", "--set", "optimizer.weight_decay=0.5")
    assert other.returncode == 2
    assert other.stderr.count("\n") == 1
    assert "was started with optimizer.weight_decay = 0.01, not 0.5" in other.stderr
    settings = changes_of([f"{key}={value}" for key, value in SETTINGS.items()])
    with pytest.raises(RecipeError, match=r"started with stages = .* resumes it") as caught:
        terrazzo.train(
            patches_path,
            out=whole,
            recipe="unet",
            changes={**settings, "stages": [{"size": 32, "epochs": 4}]},
            resume=True,
        )
    remedy = shlex.split(str(caught.value).split("--set ")[1].split(" resumes it")[0])
    changes = {**settings, **changes_of(remedy)}
    assert terrazzo.train(patches_path, out=whole, recipe="unet", changes=changes, device="cpu", resume=True).kept
