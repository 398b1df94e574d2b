"""Commands without what trains: maps equal torch's, and what needs torch says in one line what to install."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import terrazzo
from tests.worlds.rasters import noise, write_raster
from tests.worlds.small_install import run_small
from tests.worlds.striped import SMALL, TABLE, striped_patches

TRAIN = 'install the extra with `pip install "terrazzo[train]"`'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, patches/, a trained run/, its model as earlier versions wrote it, a photo and a raster."""
    folder = tmp_path_factory.mktemp("small")
    striped_patches(folder, 3)
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=2, changes=SMALL, device="cpu")
    model = folder / "run" / "model.safetensors"
    with safe_open(model, framework="np") as file:
        save_file(load_file(model), folder / "earlier.safetensors", {"terrazzo": file.metadata()["terrazzo"]})
    (folder / "photo.png").write_bytes((folder / "data" / "images" / "p0.png").read_bytes())
    write_raster(folder / "scene.tif", noise(3, 90, 130))
    (folder / "classes.csv").write_text(TABLE)
    return folder


def ran(world: Path, command: str) -> subprocess.CompletedProcess[str]:
    done = run_small(*command.split(), folder=world)
    assert done.returncode == 0, done.stderr
    return done


def test_a_trained_model_maps_as_torch_maps(world: Path) -> None:
    """Law: at least 99.9 % of the pixels have the same class."""
    ran(world, "predict run/model.safetensors photo.png scene.tif --out small")
    images = [world / "photo.png", world / "scene.tif"]
    terrazzo.predict(world / "run" / "model.safetensors", images, out=world / "torch", device="cpu", precision="32")
    with (
        Image.open(world / "small" / "photo_classes.png") as ours,
        Image.open(world / "torch/photo_classes.png") as its,
    ):
        assert np.mean(np.asarray(ours) == np.asarray(its)) >= 0.999
    maps = [rasterio.open(world / name / "scene" / "classes.tif").read() for name in ("small", "torch")]
    assert np.mean(maps[0] == maps[1]) >= 0.999
    assert len(np.unique(maps[0])) > 1


def test_what_maps_and_inspects_needs_no_torch(world: Path) -> None:
    out = ran(world, "inspect run/model.safetensors").stdout
    assert "by which onnxruntime maps without torch" in out
    assert "next: terrazzo predict run/model.safetensors" in out
    ran(world, "inspect data --patch-size 32")
    ran(world, "recipes best")
    ran(world, "synthesize made --images 2 --height 64 --width 64")
    ran(world, "prepare data --patch-size 32 --out again")
    ran(world, "show patches --n 3 --out sheet.png")
    ran(world, "predict run/model.safetensors scene.tif --out dry --dry-run")
    ran(world, "predict run/model.safetensors scene.tif --out one")
    ran(world, "predict run/model.safetensors scene.tif --out two --confidence")
    ran(world, "compare one/scene two/scene --out differences")
    ran(world, "sample two/scene --points 60 --out points.gpkg")


def test_the_next_command_after_a_map_is_one_that_works(world: Path) -> None:
    done = ran(world, "predict run/model.safetensors photo.png --out next")
    assert done.stdout.splitlines()[-1] == "next: terrazzo inspect run/model.safetensors"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("train patches --out new", "train needs torch and 4 more packages"),
        ("train data --out new", "train needs torch"),
        ("tune patches --out new", "tune needs torch"),
        ("evaluate run/model.safetensors patches", "scoring a model on patches needs torch"),
        ("average run/model.safetensors earlier.safetensors --out a.safetensors", "average needs torch"),
        ("adapt run/model.safetensors scene.tif --out a.safetensors", "adapt needs torch"),
        ("show patches --model run/model.safetensors", "show with a model needs torch"),
        ("export run/model.safetensors --format onnx --out a.onnx", "--format onnx needs torch and onnx"),
    ],
)
def test_a_command_that_lacks_the_extra_names_it_in_one_line(command: str, names: str, world: Path) -> None:
    done = run_small(*command.split(), folder=world)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert names in line
    assert TRAIN in line


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (
            "predict earlier.safetensors scene.tif --out new",
            "earlier.safetensors: holds no graph (an earlier version wrote it), so only torch runs it; install it with "
            '`pip install "terrazzo[train]"`, or map with the .onnx that `terrazzo export` makes of it',
        ),
        (
            "predict run/model.safetensors scene.tif --out new --precision bf16",
            "--precision bf16: a model without torch computes in float32; leave it out, or install torch with "
            '`pip install "terrazzo[train]"`',
        ),
        (
            "predict run/model.safetensors scene.tif --out new --device cuda",
            "--device cuda: a model without torch runs on the CPU; leave it out, or install torch with "
            '`pip install "terrazzo[train]"`',
        ),
    ],
)
def test_what_the_small_install_cannot_map_is_refused_in_one_line(command: str, line: str, world: Path) -> None:
    done = run_small(*command.split(), folder=world)
    assert (done.returncode, done.stderr) == (2, f"terrazzo: error: {line}\n")
