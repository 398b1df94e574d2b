"""Two processes on this CPU train as one does with the doubled batch, through kills and resumes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

import terrazzo
from terrazzo.errors import InputError, RecipeError
from terrazzo.model.header import read_header
from terrazzo.system.machine import usable_cores
from terrazzo.training.ranks.leading import Crew, error_file
from terrazzo.training.reports.epoch_log import read_rows
from terrazzo.training.run import Trained
from tests.worlds.striped import SMALL, striped_patches

pytestmark = pytest.mark.skipif(usable_cores() < 2, reason="needs a core for each process")

CHANGES = SMALL | {
    "model.batch_norm": False, "model.dropout": 0.0, "loss.terms": "ce", "train.precision": "32", "train.ema": 0.9,
    "augment.hflip": True, "augment.quarter_turns": True, "augment.brightness": 0.2,
}  # fmt: skip
EPOCHS = 3


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 patches to train on: of the eight batches of 4 two have 3, so that one process is padded."""
    return striped_patches(tmp_path_factory.mktemp("several"), 6)


def trained(patches: Path, out: Path, devices: int, **options: object) -> Trained:
    options = {"recipe": "unet", "epochs": EPOCHS, "changes": CHANGES, "device": "cpu", **options}
    return terrazzo.train(patches, out=out, batch_size=4 // devices, devices=devices, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def two(patches: Path) -> Path:
    trained(patches, patches.parent / "two", 2)
    return patches.parent / "two"


def assert_alike(found: Path, expected: Path) -> None:
    """Equal within 1e-4, but for the columns of time."""
    rows = read_rows(expected / "metrics.csv")
    assert len(rows) == EPOCHS
    for row, other in zip(read_rows(found / "metrics.csv"), rows, strict=True):
        for name in other.keys() - {"seconds", "images_per_s"}:
            assert row[name] == pytest.approx(other[name], abs=1e-4), name


def test_two_processes_give_the_curve_of_one_with_the_doubled_batch(patches: Path, two: Path) -> None:
    one = patches.parent / "one"
    trained(patches, one, 1)
    assert_alike(two, one)
    assert sorted(path.name for path in (two / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}


def test_a_finished_run_is_kept_by_the_same_devices_alone(patches: Path, two: Path) -> None:
    before = (two / "model.safetensors").read_bytes()
    assert trained(patches, two, 2).kept
    assert (two / "model.safetensors").read_bytes() == before
    with pytest.raises(RecipeError, match=r"was started on 2 devices, not 1; resume it with --devices 2"):
        terrazzo.train(
            patches, out=two, recipe="unet", epochs=EPOCHS + 1, changes=CHANGES, device="cpu", batch_size=2, resume=True
        )
    assert read_header(two / "model.safetensors").scores is not None


def test_a_killed_process_ends_all_with_one_line_and_the_run_is_resumed_to_the_same_curve(
    patches: Path, two: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"

    def end_one(process: psutil.Process) -> None:
        process.children()[0].send_signal(signal.SIGKILL)

    def end_all(process: psutil.Process) -> None:
        for each in (*process.children(), process):
            each.send_signal(signal.SIGKILL)

    done = killed_after(1, patches, out, end_one)
    assert done.returncode == 2
    assert "--devices: process 2 of 2 was ended by signal 9" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    killed_after(2, patches, out, end_all, "--resume")
    assert not (out / "model.safetensors").exists()
    trained(patches, out, 2, resume=True)
    assert_alike(out, two)


def test_processes_that_torchrun_started_train_the_same_and_one_of_them_reports(
    patches: Path, two: Path, tmp_path: Path
) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    words = [*torchrun, *command_of(patches, tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"})
    assert done.returncode == 0, done.stderr
    assert_alike(tmp_path / "run", two)
    assert done.stdout.count("next: ") == 1
    assert done.stderr.count(f"epoch {EPOCHS}/{EPOCHS}") == 1


def command_of(patches: Path, out: Path, *words: str) -> list[str]:
    """The module and the words of the command that trains on two devices."""
    command = ["terrazzo.cli", "train", str(patches), "--out", str(out), "--recipe", "unet", "--device", "cpu"]
    command += ["--devices", "2", "--batch-size", "2", "--epochs", str(EPOCHS), *words]
    return command + [word for name, value in CHANGES.items() for word in ("--set", f"{name}={json.dumps(value)}")]


def killed_after(
    n_epochs: int, patches: Path, out: Path, end: Callable[[psutil.Process], None], *words: str
) -> subprocess.CompletedProcess[str]:
    """The command, its processes ended once so many epochs are logged."""
    command = [sys.executable, "-m", *command_of(patches, out, *words)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "500"}
    ) as process:
        while process.poll() is None:
            if (out / "metrics.csv").is_file() and len(read_rows(out / "metrics.csv")) >= n_epochs:
                end(psutil.Process(process.pid))
                break
            time.sleep(0.01)
        said, told = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, said, told)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"line": "weights.pth: is damaged", "memory": False, "lost": False}, "process 2 of 2 failed: weights.pth: is"),
        ({"line": "Connection closed by peer", "memory": False, "lost": True}, None),
        (None, "process 2 of 2 ended with exit code 3: ImportError: no such thing"),
    ],
)
def test_what_ended_a_process_is_one_line(tmp_path: Path, told: dict[str, object] | None, words: str | None) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(3)"])
    (tmp_path / "said-1").write_text("Traceback\nImportError: no such thing\n\n")
    if told is not None:
        error_file(tmp_path, 1).write_text(json.dumps(told))
    failure = Crew(tmp_path, (process,), "cpu").failure()
    assert (failure is None) if words is None else isinstance(failure, InputError)
    assert words is None or words in str(failure)


def test_memory_that_ran_out_in_one_process_is_that_of_all(tmp_path: Path) -> None:
    """So that an automatic batch size is halved and all start over."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(1)"])
    told = {"line": "CUDA out of memory", "memory": True, "lost": False}
    error_file(tmp_path, 1).write_text(json.dumps(told))
    failure = Crew(tmp_path, (process,), "cpu").failure()
    assert isinstance(failure, torch.OutOfMemoryError)
    assert str(failure) == "CUDA out of memory"
