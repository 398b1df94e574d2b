"""Prediction of one image on the CPU: onnxruntime at float32 beside torch at bf16, in megapixels a second.

    python -m benchmarks.engines                         # U-Net ResNet34, 2048 x 2048 px
    python -m benchmarks.engines --network small --side 512

Each engine runs in a process of its own and maps the same picture as `terrazzo predict` does: windows of 512 px, an
overlap of 64, decoding and writing included, loading of libraries and model apart. They take turns, `--rounds` times;
medians are printed. The weights are random: speed does not depend on them, and the export's own check of its
probabilities, which random networks can fail by rounding alone, is left out.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.prediction_memory import make_model, make_picture

ENGINES = {"onnxruntime float32": ("model.onnx", "32"), "torch bf16": ("model.safetensors", "bf16")}


def make_onnx(folder: Path) -> None:
    """The model as an .onnx, as `terrazzo export` writes it."""
    from terrazzo.model.exporting import parity

    parity.TOLERANCE = 1.0  # before the modules that read it are imported
    from terrazzo.model.exporting.export import export

    export(folder / "model.safetensors", format="onnx", out=folder / "model.onnx", resolution=10)


def measure(folder: Path, name: str, precision: str) -> float:
    """Seconds of the second of two predictions: by then everything is imported, loaded and warm."""
    from PIL import Image

    from terrazzo.maps.pictures.files import MapFiles
    from terrazzo.maps.pictures.picture_map import map_picture
    from terrazzo.model.opening import open_model
    from terrazzo.model.windows.tiling import plan
    from terrazzo.pixels.photos import open_photo

    picture = (folder / "picture.jpg").read_bytes()
    model = open_model(folder / name, "cpu", precision)
    files = MapFiles(folder / "map", "")
    tiling = plan(model.header)
    map_picture(model, Image.new("RGB", (600, 600)), tiling, files, lambda pixels: None)
    started = time.perf_counter()
    map_picture(model, open_photo(picture, "picture.jpg"), tiling, files, lambda pixels: None)
    return time.perf_counter() - started


def in_process(step: str, arguments: argparse.Namespace, folder: Path) -> str:
    """What one step prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engines", "--step", step, "--folder", str(folder)]
    command += ["--side", str(arguments.side), "--network", arguments.network]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    """Print megapixels a second of each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--network", choices=("small", "resnet34"), default="resnet34")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "make":
        make_picture(arguments.folder / "picture.jpg", arguments.side)
        make_model(arguments.folder / "model.safetensors", arguments.network)
        make_onnx(arguments.folder)
        return
    if arguments.step:
        print(measure(arguments.folder, *ENGINES[arguments.step]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_process("make", arguments, folder)
        seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for _ in range(arguments.rounds):
            for engine in ENGINES:
                seconds[engine].append(float(in_process(engine, arguments, folder)))
    megapixels = arguments.side**2 / 1e6
    found = {engine: round(megapixels / statistics.median(taken), 3) for engine, taken in seconds.items()}
    print(json.dumps({"network": arguments.network, "side": arguments.side, "machine": platform.machine(), **found}))


if __name__ == "__main__":
    main()
