"""Damaged files of every kind: each is read or refused in one line, and nothing is left behind.

`make test` holds a few seeds, `make soak` hundreds. A seed flips bytes, cuts, doubles or pads one file of a good world.
"""

import random
import shutil
from pathlib import Path

import pytest
from PIL import Image

import terrazzo
from terrazzo.cli import run
from tests.worlds.damage import damaged
from tests.worlds.rasters import noise, write_raster
from tests.worlds.striped import SMALL, striped_patches

TARGETS = {
    "photo.png": "predict run/model.safetensors photo.png --out new --device cpu",
    "photo.jpg": "predict run/model.safetensors photo.jpg --out new --device cpu",
    "scene.tif": "predict run/model.safetensors scene.tif --out new --device cpu --max-pixels 1000000",
    "run/model.safetensors": "predict run/model.safetensors photo.png --out new --device cpu",
    "data/images/p1.png": "prepare data --patch-size 32 --out new",
    "data/masks/p1.png": "prepare data --patch-size 32 --out new",
    "data/classes.csv": "prepare data --patch-size 32 --out new",
    "patches/dataset.json": "evaluate run/model.safetensors patches --out new --device cpu",
    "patches/index.csv": "evaluate run/model.safetensors patches --out new --device cpu",
    "patches/masks.npy": "evaluate run/model.safetensors patches --out new --device cpu",
    "recipe.yaml": "train patches --recipe recipe.yaml --epochs 0 --out new",
}
"""A file, and a command that reads it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    striped_patches(folder, 3)
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    shutil.copy(folder / "data" / "images" / "p0.png", folder / "photo.png")
    Image.open(folder / "photo.png").save(folder / "photo.jpg")
    write_raster(folder / "scene.tif", noise(3, 70, 90))
    (folder / "recipe.yaml").write_text(terrazzo.recipes("unet")[0].recipe.described())
    return folder


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(3, 100))])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_read_or_refused_in_one_line(
    target: str,
    seed: int,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    here = Path(shutil.copytree(world, tmp_path / "world"))
    monkeypatch.chdir(here)
    file = here / target
    file.write_bytes(damaged(file.read_bytes(), random.Random(f"{target} {seed}")))
    before = set(here.rglob("*"))
    capfd.readouterr()
    code = run(TARGETS[target].split())
    err = capfd.readouterr().err
    assert code in (0, 1, 2), err
    assert "Traceback" not in err
    assert sum(line.startswith("terrazzo: error: ") for line in err.splitlines()) == (code != 0), err
    if code == 2:
        assert set(here.rglob("*")) == before, "something was left behind"
