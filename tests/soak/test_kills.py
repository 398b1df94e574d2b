"""Kills at moments that nobody chose: a map and a run come out as if never killed.

`make test` kills at chosen points (tests/maps/test_mapping.py, tests/training/test_run_folder.py).
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import terrazzo
from tests.worlds.rasters import noise, write_raster
from tests.worlds.striped import SMALL, striped_patches

pytestmark = [pytest.mark.soak, pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")]
SEEDS = range(6)
SETTINGS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    striped_patches(folder, 12)
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=8, changes=SMALL, device="cpu")
    write_raster(folder / "scene.tif", np.tile(noise(3, 512, 512), (1, 6, 6)))
    terrazzo.predict(folder / "run" / "model.safetensors", folder / "scene.tif", out=folder / "whole", device="cpu")
    return folder


def finish_though_killed(words: list[str], chance: random.Random, longest: float) -> int:
    """Start the command until it ends by itself, killing it after random seconds; how often it was killed."""
    for kills in range(40):
        process = subprocess.Popen([sys.executable, "-m", "terrazzo.cli", *words], stderr=subprocess.PIPE, text=True)
        started, wait = time.monotonic(), chance.uniform(2, longest) if kills < 6 else 600
        while process.poll() is None and time.monotonic() - started < wait:
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        _, err = process.communicate()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, err
            return kills
    raise AssertionError("never finished")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_killed_at_random_has_the_bytes_of_one_never_killed(seed: int, world: Path, tmp_path: Path) -> None:
    words = ["predict", str(world / "run" / "model.safetensors"), str(world / "scene.tif"), "--device", "cpu"]
    finish_though_killed([*words, "--out", str(tmp_path)], random.Random(seed), 12)
    for name in ("classes.tif", "classes.gpkg", "areas.csv", "classes.qml", "quicklook.png"):
        assert (tmp_path / "scene" / name).read_bytes() == (world / "whole" / "scene" / name).read_bytes(), name
    assert not (tmp_path / "scene" / ".partial").exists()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_killed_at_random_has_the_weights_of_one_never_killed(seed: int, world: Path, tmp_path: Path) -> None:
    words = ["train", str(world / "patches"), "--recipe", "unet", "--epochs", "8", "--device", "cpu", *SETTINGS]
    finish_though_killed([*words, "--out", str(tmp_path / "run"), "--resume"], random.Random(seed), 20)
    one, two = (terrazzo.load(folder / "run" / "model.safetensors", device="cpu") for folder in (world, tmp_path))
    first, second = one.network.state_dict(), two.network.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
