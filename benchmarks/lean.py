"""Leaner networks beside that of `best`: megapixels a second of the bare network, by runtime, on this CPU.

    python -m benchmarks.lean                        # about a minute and a half on two quiet cores
    python -m benchmarks.lean --candidates best half-widths-stride-2 --rounds 9

A process for each runtime and precision opens all candidates, and they classify batches of windows of 256 px in turn,
`--rounds` times after one to warm up. Medians are printed, and how many times as fast as `best` each is. Weights are
random, as speed does not depend on them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.engines import make_onnx
from benchmarks.prediction_memory import write_random_model
from terrazzo.model.predictor import CPU_BATCH_PIXELS
from terrazzo.system.extras import installed
from terrazzo.system.machine import cpu_name, has_fast_bf16

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor

BEST, FAST = "best", "fast"
HALF = (128, 64, 32, 16, 8)
CANDIDATES: dict[str, dict[str, Any]] = {
    "half-widths": {"decoder_channels": HALF},
    "halved-input": {"input_stride": 2},
    "halved-input-separable": {"input_stride": 2, "decoder_conv": "separable"},
    "halved-input-narrow-top": {"input_stride": 2, "decoder_channels": (256, 128, 32, 16, 8)},
    "stride-2": {"logits_stride": 2},
    "separable": {"decoder_conv": "separable"},
    "separable-stride-2": {"decoder_conv": "separable", "logits_stride": 2},
    "half-widths-stride-2": {"decoder_channels": HALF[:4], "logits_stride": 2},
    "half-widths-separable-stride-2": {
        "decoder_channels": HALF[:4],
        "decoder_conv": "separable",
        "logits_stride": 2,
    },
    "half-widths-stride-4": {"decoder_channels": HALF[:3], "logits_stride": 4},
    "half-widths-separable-stride-4": {
        "decoder_channels": HALF[:3],
        "decoder_conv": "separable",
        "logits_stride": 4,
    },
}
"""What each changes in the model section of `best`."""
NAMES = (BEST, FAST, *CANDIDATES)
ENGINES = {
    "torch": ("model.safetensors", "32"),
    "torch bf16": ("model.safetensors", "bf16"),
    "onnxruntime": ("model.onnx", "32"),
    "openvino": ("model.onnx", "32"),
}
"""The file that each runtime computes, and the precision; without a word it is float32."""
SIDE = 256
BATCH = CPU_BATCH_PIXELS // SIDE**2
"""As many windows as `predict` gives a network at once."""
MEGAPIXELS = BATCH * SIDE**2 / 1e6


def make(folder: Path, name: str) -> None:
    """model.safetensors and model.onnx of a candidate; `fast` is the recipe of that name."""
    from terrazzo.recipe.reading import load_recipe

    section = load_recipe(FAST if name == FAST else BEST).model
    folder.mkdir(parents=True, exist_ok=True)
    write_random_model(folder / "model.safetensors", section.model_copy(update=CANDIDATES.get(name, {})))
    make_onnx(folder)


def engines() -> list[str]:
    """Those that are installed here, bf16 only where the CPU has it."""
    return [name for name in ENGINES if installed(name.split()[0]) and (ENGINES[name][1] == "32" or has_fast_bf16())]


def timed(folder: Path, engine: str, names: Sequence[str], rounds: int) -> dict[str, float]:
    """Median seconds of a batch by candidate, all in this process and in turn."""
    from terrazzo.model.opening import open_model
    from terrazzo.model.runtimes.choosing import noise_windows

    file, precision = ENGINES[engine]
    models: dict[str, Predictor] = {
        name: open_model(folder / name / file, "cpu", precision, runtime=engine.split()[0]) for name in names
    }
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name, model in models.items():
            pixels = noise_windows(model.header, SIDE, BATCH)
            started = time.perf_counter()
            model.classify(pixels)
            if turn:  # the first is to warm up
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def row(seconds: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """By candidate: Mpx/s, and how many times as fast as `best` it is."""
    return {
        name: {"mpx_per_s": round(MEGAPIXELS / taken, 3), "times_best": round(seconds[BEST] / taken, 2)}
        for name, taken in seconds.items()
    }


def main() -> None:
    """Print a JSON object: the CPU, and the figures by runtime and candidate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", choices=("make", *ENGINES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = list(dict.fromkeys((BEST, *arguments.candidates)))
    if arguments.step == "make":
        for name in names:
            make(arguments.folder / name, name)
        return
    if arguments.step:
        print(json.dumps(timed(arguments.folder, arguments.step, names, arguments.rounds)))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.lean", "--folder", folder, "--rounds", str(arguments.rounds)]
        command += ["--candidates", *names]
        subprocess.run([*command, "--step", "make"], stdout=subprocess.DEVNULL, check=True)
        found = {}
        for engine in engines():
            said = subprocess.run([*command, "--step", engine], stdout=subprocess.PIPE, text=True, check=True).stdout
            found[engine] = row(json.loads(said.splitlines()[-1]))
    print(json.dumps({"cpu": cpu_name(), "batch": BATCH, "side": SIDE, "runtimes": found}, indent=1))


if __name__ == "__main__":
    main()
