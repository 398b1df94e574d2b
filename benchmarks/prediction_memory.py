"""Peak memory of `terrazzo predict` on a picture of 20 000 x 20 000 pixels, libraries included: the limit is 3 GB.

    python benchmarks/prediction_memory.py                       # a small network, so that it takes minutes
    python benchmarks/prediction_memory.py --network resnet34    # the U-Net ResNet34: half an hour on two cores
    python benchmarks/prediction_memory.py --side 3000 --batch-size 1

Picture, model and prediction are made in a process each; the figure is the last one's peak resident memory. Needs a
POSIX system (`resource`) and a gigabyte of disk in the temporary folder.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from terrazzo.recipe.sections import ModelSection

LIMIT_GB = 3.0
N_CLASSES = 6


def make_picture(path: Path, side: int) -> None:
    """A JPEG of about 2 bits a pixel, as aerial photos have: smooth patches with sensor noise, in tiles of 1000 px."""
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(40, 220, (25, 25, 3), np.uint8)).resize(
        (1000, 1000), Image.Resampling.BICUBIC
    )
    tile = np.asarray(smooth).astype(np.int16) + rng.normal(0, 6, (1000, 1000, 3)).astype(np.int16)
    image = Image.new("RGB", (side, side))
    for row in range(0, side, 1000):
        for col in range(0, side, 1000):
            image.paste(Image.fromarray(tile.clip(0, 255).astype(np.uint8)), (col, row))
    image.save(path, quality=85)


def make_model(path: Path, network: str) -> None:
    """A model file with random weights, of a network by its name here."""
    from terrazzo.recipe.sections import ModelSection

    sections = {
        "small": ModelSection(encoder="mobilenet_v2", decoder_channels=(16, 8, 8, 4, 4)),
        "resnet34": ModelSection(encoder="resnet34"),
    }
    write_random_model(path, sections[network])


def write_random_model(path: Path, section: "ModelSection") -> None:
    """A model file with random weights."""
    from terrazzo.classes.schema import ClassSchema, distinct_colors
    from terrazzo.model import bundle
    from terrazzo.model.header import Header, TrainingData
    from terrazzo.model.network import build_model, normalization_for

    normalization = normalization_for(section, 3)
    names = tuple(f"class {i}" for i in range(N_CLASSES))
    header = Header(
        terrazzo_version="benchmark",
        model=section,
        bands=3,
        schema=ClassSchema(names, distinct_colors(N_CLASSES)),
        normalization=normalization,
        patch_size=256,
        fit="crop",
        recipe={},
        training_data=TrainingData("", "group", {}, 0, (), 0, 0),
        key="",
    )
    bundle.save(path, header, build_model(section, 3, N_CLASSES, normalization).state_dict())


def predict(folder: Path, batch_size: int | None) -> None:
    """Predict the picture and print the peak memory of this process, in kilobytes, and the seconds it took."""
    from terrazzo.maps.predict import predict

    start = time.perf_counter()
    model, picture = folder / "model.safetensors", folder / "picture.jpg"
    predict(model, picture, out=folder / "maps", batch_size=batch_size, device="cpu")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kilobytes = peak // 1024 if sys.platform == "darwin" else peak
    print(json.dumps({"kilobytes": kilobytes, "seconds": time.perf_counter() - start}))


def in_process(step: str, folder: Path, arguments: argparse.Namespace) -> str:
    """Run one step in a process of its own and return what it printed."""
    command = [sys.executable, __file__, "--side", str(arguments.side), "--network", arguments.network]
    command += ["--step", step, "--folder", str(folder)]
    if arguments.batch_size is not None:
        command += ["--batch-size", str(arguments.batch_size)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> int:
    """Print one line with the figure; 1 where it is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--network", choices=("small", "resnet34"), default="small")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--step", choices=("picture", "model", "predict"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "picture":
        make_picture(arguments.folder / "picture.jpg", arguments.side)
    elif arguments.step == "model":
        make_model(arguments.folder / "model.safetensors", arguments.network)
    elif arguments.step == "predict":
        predict(arguments.folder, arguments.batch_size)
    else:
        return measure(arguments)
    return 0


def measure(arguments: argparse.Namespace) -> int:
    """Make picture and model, predict, and judge."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for step in ("picture", "model"):
            in_process(step, folder, arguments)
        found = json.loads(in_process("predict", folder, arguments))
        on_disk = (folder / "picture.jpg").stat().st_size / 1e6
    gigabytes = found["kilobytes"] * 1024 / 1e9
    print(
        f"{arguments.side} x {arguments.side} px JPEG ({on_disk:.0f} MB), U-Net {arguments.network}: "
        f"peak {gigabytes:.2f} GB of {LIMIT_GB:.1f}, {found['seconds']:.0f} s, {platform.machine()}"
    )
    return int(gigabytes > LIMIT_GB)


if __name__ == "__main__":
    sys.exit(main())
