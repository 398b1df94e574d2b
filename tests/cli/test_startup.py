"""What a command loads before it needs it; seconds are for `python -m benchmarks.startup`, as machines differ.

Each command runs in a process of its own, which tells the modules in memory when it is done.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import terrazzo
from tests.worlds.striped import SMALL, striped_patches

CODE = """
import sys
from terrazzo.cli import run
code = run(sys.argv[1:])
sys.stdout.write("\\n" + " ".join(sys.modules))
sys.exit(code)
"""
HEAVY = {"torch", "lightning", "segmentation_models_pytorch", "timm", "onnxruntime", "rasterio", "shapely", "pyogrio"}
DRAWING = {"rich", "rich.markdown", "pygments", "matplotlib", "jinja2"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, patches/, run/ and a picture, all good."""
    folder = tmp_path_factory.mktemp("startup")
    striped_patches(folder, 3)
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    (folder / "photo.png").write_bytes((folder / "data" / "images" / "p0.png").read_bytes())
    return folder


def ran(command: str, folder: Path) -> tuple[int, str, set[str]]:
    """Exit code, stderr and the modules that were loaded."""
    words = [sys.executable, "-c", CODE, *command.split()]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)
    return done.returncode, done.stderr, set(done.stdout.splitlines()[-1].split())


def test_help_loads_typer_and_nothing_else(tmp_path: Path) -> None:
    code, _, loaded = ran("--help", tmp_path)
    assert code == 0
    assert not loaded & (HEAVY | DRAWING | {"numpy", "pydantic", "PIL", "yaml"})


@pytest.mark.parametrize(
    "command", ["inspect", "prepare", "train", "evaluate", "predict", "sample", "compare", "suggest", "adapt", "export"]
)
def test_help_of_a_command_loads_neither_arrays_nor_pictures(command: str, tmp_path: Path) -> None:
    code, _, loaded = ran(f"{command} --help", tmp_path)
    assert code == 0
    assert not loaded & (HEAVY | DRAWING | {"numpy", "PIL"})


@pytest.mark.parametrize(
    "command",
    [
        "prepare nowhere --out new",
        "prepare data --out new --fit squeeze",
        "train nowhere --out new",
        "train patches --out new --recipe unet-resnet35",
        "train patches --out new --set model.encoder=resnet43",
        "evaluate photo.png patches",
        "predict photo.png photo.png --out maps",
        "predict run/model.safetensors lost.jpg --out maps",
        "predict run/model.safetensors photo.png --out maps --engine cluster",
        "compare nowhere lost --out new",
        "adapt photo.png photo.png --out a.safetensors",
        "adapt run/model.safetensors lost.jpg --out a.safetensors",
        "show patches --n 0",
        "inspect nowhere",
        "export run/model.safetensors --format kmz --out model.kmz",
        "work --server http://localhost:1 --token-file none",
    ],
)
def test_a_refusal_loads_neither_networks_nor_rasters(command: str, world: Path) -> None:
    code, err, loaded = ran(command, world)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert not loaded & (HEAVY | DRAWING)


def test_predict_of_pictures_loads_torch_and_no_rasters(world: Path) -> None:
    code, _, loaded = ran("predict run/model.safetensors photo.png --out maps --device cpu", world)
    assert code == 0
    assert "torch" in loaded
    assert not loaded & {"lightning", "rasterio", "shapely", "pyogrio", "matplotlib", "rich.markdown"}


def test_predict_of_a_raster_without_polygons_loads_no_library_of_layers(world: Path) -> None:
    picture = world / "placed.png"
    picture.write_bytes((world / "photo.png").read_bytes())
    (world / "placed.pgw").write_text("1\n0\n0\n-1\n500000\n2700000\n", encoding="utf-8")
    command = "predict run/model.safetensors placed.png --out raster-maps --device cpu --vector-format none"
    code, err, loaded = ran(command, world)
    assert code == 0, err
    assert "rasterio" in loaded
    assert "pyogrio" not in loaded
