"""Leaner networks beside that of `best`: megapixels a second of the bare network, in each runtime on this CPU.

    python -m benchmarks.lean                        # float32 in every runtime; about 5 minutes on two quiet cores
    python -m benchmarks.lean --candidates best half-widths-stride-2 --rounds 9

A process for each runtime opens all candidates, and they classify batches of two windows of 256 px in turn, `--rounds`
times after one to warm up. Medians are printed, and how many times as fast as `best` each is. Weights are random, as
speed does not depend on them.
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
from terrazzo.system.extras import installed
from terrazzo.system.machine import cpu_name

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor

BEST = "best"
HALF = (128, 64, 32, 16, 8)
CANDIDATES: dict[str, dict[str, Any]] = {
    BEST: {},
    "half-widths": {"decoder_channels": HALF},
    "halved-input": {"input_stride": 2},
    "halved-input-separable": {"input_stride": 2, "decoder_conv": "separable"},
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
RUNTIMES = {"torch": "model.safetensors", "onnxruntime": "model.onnx", "openvino": "model.onnx"}
"""The file that each computes."""
BATCH, SIDE = 2, 256
MEGAPIXELS = BATCH * SIDE**2 / 1e6


def make(folder: Path, name: str) -> None:
    """model.safetensors and model.onnx of a candidate."""
    from terrazzo.recipe.reading import load_recipe

    section = load_recipe(BEST).model
    folder.mkdir(parents=True, exist_ok=True)
    write_random_model(folder / "model.safetensors", section.model_copy(update=CANDIDATES[name]))
    make_onnx(folder)


def timed(folder: Path, runtime: str, names: Sequence[str], rounds: int) -> dict[str, float]:
    """Median seconds of a batch by candidate, all in this process and in turn."""
    from terrazzo.model.opening import open_model
    from terrazzo.model.runtimes.choosing import noise_windows

    models: dict[str, Predictor] = {
        name: open_model(folder / name / RUNTIMES[runtime], "cpu", "32", runtime=runtime) for name in names
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
    parser.add_argument("--candidates", nargs="+", choices=tuple(CANDIDATES), default=list(CANDIDATES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", choices=("make", *RUNTIMES), help=argparse.SUPPRESS)
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
        for runtime in RUNTIMES:
            if installed(runtime):
                said = subprocess.run(
                    [*command, "--step", runtime], stdout=subprocess.PIPE, text=True, check=True
                ).stdout
                found[runtime] = row(json.loads(said.splitlines()[-1]))
    print(json.dumps({"cpu": cpu_name(), "batch": BATCH, "side": SIDE, "runtimes": found}, indent=1))


if __name__ == "__main__":
    main()
