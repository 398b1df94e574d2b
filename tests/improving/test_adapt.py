"""`terrazzo adapt` as a user sees it: what it writes, keeps, resumes and refuses."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError
from terrazzo.model import bundle
from terrazzo.model.header import Calibration, read_header
from tests.worlds.drifting import Naive, drifting, steady
from tests.worlds.models import write_model
from tests.worlds.rasters import write_raster

SOME = ["--steps", "10", "--device", "cpu", "--precision", "32"]
LAST = {"steps": 10, "device": "cpu", "precision": "32"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """model.safetensors and scene.tif, on which nothing drifts; the working directory."""
    steady(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_adapted_model_keeps_its_lineage(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["adapt", "model.safetensors", "scene.tif", "--out", "new/adapted.safetensors", *SOME]) == 0
    out = capsys.readouterr().out
    assert "adapted to 1 scene: 10 steps" in out
    assert "trained on 12 windows, checked with 3 others" in out
    assert "agreement with the start model's confident pixels: " in out
    assert "wrote new/adapted.safetensors" in out
    before, header = read_header(world / "model.safetensors"), read_header(world / "new" / "adapted.safetensors")
    (step,) = header.lineage
    assert (step.how, step.steps, step.stopped_early) == ("adapt", 10, False)
    assert step.parents == (sha256(world / "model.safetensors"),)
    assert step.scenes == ({"name": "scene.tif", "sha256": sha256(world / "scene.tif")},)
    assert step.guard is not None
    assert step.guard.n_training == 12
    assert step.guard.agreement >= 0.9
    assert sum(step.guard.shares_before.values()) == pytest.approx(1)
    assert replace(header, lineage=(), key=before.key, terrazzo_version="0") == before
    old, new = load_file("model.safetensors"), load_file("new/adapted.safetensors")
    assert old.keys() == new.keys()
    assert any(not torch.equal(old[name], new[name]) for name in old)
    assert [path.name for path in (world / "new").iterdir()] == ["adapted.safetensors"]
    assert run(["inspect", "new/adapted.safetensors"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lineage: ")]
    assert line.startswith(f"lineage: adapted to scene.tif from model {step.parents[0][:12]}, 10 steps, agreement ")


def test_a_model_that_was_adapted_before_has_two_steps(world: Path) -> None:
    terrazzo.adapt("model.safetensors", "scene.tif", out="one.safetensors", **LAST)
    terrazzo.adapt("one.safetensors", "scene.tif", out="two.safetensors", **LAST)
    one, two = read_header(world / "one.safetensors"), read_header(world / "two.safetensors")
    assert two.lineage[:-1] == one.lineage
    assert two.lineage[-1].parents == (sha256(world / "one.safetensors"),)
    assert two.training_data == one.training_data


def test_an_adapted_model_keeps_the_temperature_and_learns_as_without(world: Path) -> None:
    """Its calibration errors were of other weights, so they go."""
    start = read_header(world / "model.safetensors")
    state = dict(load_file("model.safetensors"))
    bundle.save(Path("warm.safetensors"), replace(start, calibration=Calibration(1.5, 0.2, 0.1)), state)
    terrazzo.adapt("model.safetensors", "scene.tif", out="cold_adapted.safetensors", **LAST)
    terrazzo.adapt("warm.safetensors", "scene.tif", out="warm_adapted.safetensors", **LAST)
    assert read_header(world / "cold_adapted.safetensors").calibration is None
    assert read_header(world / "warm_adapted.safetensors").calibration == Calibration(1.5)
    cold, warm = load_file("cold_adapted.safetensors"), load_file("warm_adapted.safetensors")
    assert all(torch.equal(cold[name], warm[name]) for name in cold)


def test_a_finished_model_is_kept_and_another_one_is_in_the_way(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["adapt", "model.safetensors", "scene.tif", "--out", "adapted.safetensors", *SOME]
    assert run(command) == 0
    first = (world / "adapted.safetensors").read_bytes()
    stamp = (world / "adapted.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    assert run(command) == 0
    assert "kept: an adapted model of the same inputs and options was there" in capsys.readouterr().out
    assert (world / "adapted.safetensors").stat().st_mtime_ns == stamp
    assert run([*command, "--seed", "1"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run([*command, "--overwrite"]) == 0
    assert (world / "adapted.safetensors").read_bytes() == first


def test_the_guard_holds_on_a_scene_that_makes_naive_self_training_collapse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("terrazzo.improving.run.SelfTraining", Naive)
    model, scene = drifting(tmp_path)
    out = tmp_path / "adapted.safetensors"
    command = ["adapt", str(model), str(scene), "--out", str(out), "--steps", "50", *SOME[2:]]
    assert run(command) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert "the guard ended training: the share of Green fell from 50.00%" in err
    (step,) = read_header(out).lineage
    assert step.stopped_early
    assert step.guard is not None
    assert step.guard.shares_after["Green"] >= 0.25
    assert step.steps < 50


def test_photos_and_rasters_together(world: Path) -> None:
    pixels = np.random.default_rng(0).integers(100, 140, (70, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(world / "photo.png")
    found = terrazzo.adapt("model.safetensors", ["photo.png", "scene.tif"], out="a.safetensors", **LAST)
    assert [scene["name"] for scene in found.step.scenes] == ["photo.png", "scene.tif"]
    assert found.step.guard is not None
    assert (found.step.guard.n_training, found.step.guard.n_guard) == (13, 4)


def test_pixels_without_data_are_neither_learnt_nor_counted(world: Path) -> None:
    bands = np.full((3, 168, 96), 120, np.uint8)
    bands[0] = 140
    bands[:, :, 64:] = 0  # the last of three columns of windows
    write_raster(world / "half.tif", bands, nodata=0)
    found = terrazzo.adapt("model.safetensors", "half.tif", out="a.safetensors", **LAST).step.guard
    assert found is not None
    assert (found.n_training, found.n_guard) == (8, 2)
    assert found.shares_before == {"Red": 1.0, "Green": 0.0, "Blue": 0.0}
    assert found.used["Red"] == 8 * 32 * 32


def killed(command: list[str], state: Path) -> None:
    """Run the command and kill it once it has written a checkpoint."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not state.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_adaptation_goes_on_and_ends_with_the_same_bytes(world: Path) -> None:
    command = [sys.executable, "-m", "terrazzo.cli", "adapt", "model.safetensors", "scene.tif"]
    options = ["--steps", "70", "--device", "cpu", "--precision", "32", "--seed", "2"]
    subprocess.run([*command, "--out", "whole.safetensors", *options], check=True, capture_output=True)
    state = world / ".adapting-cut.safetensors" / "state.pt"
    killed([*command, "--out", "cut.safetensors", *options], state)
    assert state.is_file()
    assert not (world / "cut.safetensors").exists()
    done = subprocess.run([*command, "--out", "cut.safetensors", *options], check=True, capture_output=True, text=True)
    assert "resumed at step 25 of 70" in done.stderr or "resumed at step 50 of 70" in done.stderr
    assert (world / "cut.safetensors").read_bytes() == (world / "whole.safetensors").read_bytes()
    assert not state.parent.exists()


def test_ctrl_c_keeps_the_state_of_the_last_check(world: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what == "adapting, steps" and done == 27:
            raise KeyboardInterrupt

    how = LAST | {"steps": 30}
    with pytest.raises(KeyboardInterrupt):
        terrazzo.adapt("model.safetensors", "scene.tif", out="a.safetensors", progress=interrupt, **how)
    assert (world / ".adapting-a.safetensors" / "state.pt").is_file()
    assert not (world / "a.safetensors").exists()
    steps: list[int] = []
    said: list[str] = []
    terrazzo.adapt(
        "model.safetensors",
        "scene.tif",
        out="a.safetensors",
        progress=lambda what, done, total: steps.append(done) if what == "adapting, steps" else None,
        say=said.append,
        **how,
    )
    assert "a.safetensors: resumed at step 25 of 30" in said
    assert steps == [25, 26, 27, 28, 29, 30]
    terrazzo.adapt("model.safetensors", "scene.tif", out="b.safetensors", **how)
    assert (world / "a.safetensors").read_bytes() == (world / "b.safetensors").read_bytes()


def test_unfinished_work_of_another_command_is_not_taken(world: Path) -> None:
    from terrazzo.improving.checkpoint import Checkpoint

    Checkpoint(world / "a.safetensors", "another key").write({"step": 5})
    said: list[str] = []
    terrazzo.adapt("model.safetensors", "scene.tif", out="a.safetensors", say=said.append, **LAST)
    assert "a.safetensors: unfinished work of other inputs or options is there; it is replaced" in said
    terrazzo.adapt("model.safetensors", "scene.tif", out="b.safetensors", **LAST)
    assert (world / "a.safetensors").read_bytes() == (world / "b.safetensors").read_bytes()
    assert not list(world.glob(".adapting-*"))


BAD = {
    "no steps": ("model.safetensors scene.tif --out a.safetensors --steps 0", "--steps 0: expected 1 to"),
    "a seed below 0": ("model.safetensors scene.tif --out a.safetensors --seed -1", "--seed -1: expected 0 to"),
    "an export": ("model.onnx scene.tif --out a.safetensors", "give that, as model.safetensors"),
    "no such scene": ("model.safetensors lost.tif --out a.safetensors", "lost.tif"),
    "no such model": ("lost.safetensors scene.tif --out a.safetensors", "lost.safetensors: no such file"),
    "an output of another kind": ("model.safetensors scene.tif --out a.onnx", "expected a name that ends in .safetens"),
    "the model as output": (
        "model.safetensors scene.tif --out model.safetensors --overwrite",
        "is the model itself; choose another --out",
    ),
    "a scene that is too small": (
        "model.safetensors small.tif --out a.safetensors",
        "small.tif: has 67 x 40 px, too few for windows to train on and others to check with; "
        "expected at least 68 x 32 px",
    ),
    "a model of whole images": ("whole.safetensors scene.tif --out a.safetensors", "give a model of patches"),
    "an option of rasters with a photo": (
        "model.safetensors photo.png --out a.safetensors --nodata 3",
        "--nodata: is for rasters; photo.png is a picture; leave it out",
    ),
    "an address": ("model.safetensors https://host/scene.tif --out a.safetensors", "is an address"),
    "a scene of which nothing is known": (
        "model.safetensors grey.tif --out a.safetensors",
        "grey.tif: the model gives no pixel to train on a probability of 0.5",
    ),
    "a scene without pixels": (
        "model.safetensors empty.tif --out a.safetensors",
        "empty.tif: no window to train on has 25% valid pixels or more",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "model.onnx").write_bytes(b"\0")
    write_model(world / "whole.safetensors", fit="resize")
    write_raster(world / "small.tif", np.ones((3, 67, 40), np.uint8))
    write_raster(world / "grey.tif", np.full((3, 68, 32), 90, np.uint8))
    write_raster(world / "empty.tif", np.zeros((3, 68, 32), np.uint8), nodata=0)
    Image.fromarray(np.zeros((70, 40, 3), np.uint8)).save(world / "photo.png")
    before = set(world.rglob("*"))
    words, expected = BAD[name]
    assert run(["adapt", *words.split()]) == 2
    err = capsys.readouterr().err
    errors = [line for line in err.splitlines() if line.startswith("terrazzo: error: ")]
    assert len(errors) == 1
    assert expected in errors[0]
    assert "Traceback" not in err
    assert set(world.rglob("*")) == before, "something was left behind"


def test_a_model_of_deep_bands_is_adapted(tmp_path: Path) -> None:
    """Bands of other types go through the same steps, missing values included."""
    from terrazzo.model.normalization import Normalization
    from terrazzo.pixels.bands.reading import BandReading

    path = write_model(tmp_path / "model.safetensors")
    header = read_header(path)
    deep = Normalization("bands", (500.0,) * 3, (400.0,) * 3, dtype="uint16", low=(0.0,) * 3, high=(1000.0,) * 3,
                         clips=(False,) * 3)  # fmt: skip
    header = replace(header, normalization=deep, band_reading=BandReading(("red", "green", "blue")))
    bundle.save(path, header, load_file(path))
    bands = np.full((3, 168, 96), 400, np.uint16)
    bands[0, ::2] = 600
    bands[1, 1::2] = 600
    bands[2, :9] = 7  # missing in one band
    write_raster(tmp_path / "scene.tif", bands, nodata=7, colors=None)
    found = terrazzo.adapt(path, tmp_path / "scene.tif", out=tmp_path / "a.safetensors", **LAST)
    assert found.step.guard is not None
    assert found.step.guard.used["Red"] > 0
    assert read_header(tmp_path / "a.safetensors").normalization == deep


def test_the_folder_of_a_scene_that_lacks_its_file_is_named(world: Path) -> None:
    (world / "void").mkdir()
    with pytest.raises(InputError, match="void: holds no image"):
        terrazzo.adapt("model.safetensors", "void", out="a.safetensors")
