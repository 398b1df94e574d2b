"""Every runtime side by side on this CPU: the bare network and a map from end to end (`benchmarks.prediction speed`).

Each engine is timed in a process of its own, in turn with the others. The bare network classifies ready windows, as
many as the raster's map is made of, after one batch to warm up. The map's seconds are those of its own record: without
imports and the loading of the model. The int8 graph is quantized from the same random weights, fitted to noise: speed
does not depend on them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.system.extras import installed
from terrazzo.system.machine import cpu_name, has_fast_bf16
from terrazzo.system.reporting import Reporter

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor

CHANNELS_FIRST = "torch float32"
AUTO = "auto"


@dataclass(frozen=True)
class Engine:
    """A file, and the runtime and precision that compute it."""

    file: str
    runtime: str
    precision: str
    needs: str = "onnxruntime"
    bare_only: bool = False


ENGINES = {
    CHANNELS_FIRST: Engine("model.safetensors", "torch", "32", bare_only=True),
    "torch float32 channels-last": Engine("model.safetensors", "torch", "32"),
    "torch bf16 channels-last": Engine("model.safetensors", "torch", "bf16"),
    "onnxruntime float32": Engine("model.onnx", "onnxruntime", "32"),
    "openvino float32": Engine("model.onnx", "openvino", "32", "openvino"),
    "onnxruntime int8": Engine("int8.onnx", "onnxruntime", "int8"),
    "openvino int8": Engine("int8.onnx", "openvino", "int8", "openvino"),
    AUTO: Engine("model.safetensors", "auto", "auto"),
}


def engines() -> dict[str, Engine]:
    """Those that are installed here, bf16 only where the CPU has it."""
    return {
        name: engine
        for name, engine in ENGINES.items()
        if installed(engine.needs) and (engine.precision != "bf16" or has_fast_bf16())
    }


@dataclass(frozen=True)
class Noise:
    """Patches of noise, of which int8 asks pixels alone."""

    side: int

    def pixels(self, rows: list[int]) -> NDArray[np.uint8]:
        """Patches (n, S, S, 3)."""
        return np.random.default_rng(rows[0]).integers(0, 256, (len(rows), self.side, self.side, 3), np.uint8)


@dataclass(frozen=True)
class Fitting:
    """What int8 is fitted to: eight patches of noise."""

    patches: Noise
    reporter: Reporter

    def calibrating(self, count: int) -> NDArray[np.int64]:
        """Their numbers."""
        return np.arange(min(count, 8))


def make_graphs(folder: Path) -> None:
    """model.onnx and int8.onnx from model.safetensors."""
    from benchmarks.engines import make_onnx
    from terrazzo.model.exporting.formats import HEADER
    from terrazzo.model.exporting.int8 import quantize
    from terrazzo.model.exporting.onnx_file import OnnxFile
    from terrazzo.model.header import Int8, read_header

    make_onnx(folder)
    quantize(folder / "model.onnx", folder / "int8.onnx", Fitting(Noise(256), Reporter()))
    header = replace(read_header(folder / "int8.onnx"), int8=Int8(0.0, 0.0, 0, ""))
    file = OnnxFile.read(folder / "int8.onnx")
    file.note({HEADER: header.to_json()})
    (folder / "int8.onnx").write_bytes(file.to_bytes())


def opened(folder: Path, name: str) -> "Predictor":
    """The model of an engine on the CPU."""
    from terrazzo.model.opening import open_model

    engine = ENGINES[name]
    model = open_model(folder / engine.file, "cpu", engine.precision, runtime=engine.runtime)
    if name == CHANNELS_FIRST:
        from terrazzo.model.bundle import load

        bundle = load(folder / engine.file, "cpu", engine.precision)
        compute = replace(bundle.compute, channels_last=False)
        bundle.network.to(memory_format=compute.memory_format)
        return replace(bundle, compute=compute)
    return model


def bare(folder: Path, name: str) -> dict[str, Any]:
    """Seconds that the network takes for as many windows as the scene's map is made of."""
    from terrazzo.model.runtimes.choosing import noise_windows
    from terrazzo.model.windows.tiling import plan, window_batch
    from terrazzo.pixels.rasters.raster import read_raster

    model = opened(folder, name)
    tiling, scene = plan(model.header), read_raster(folder / "scene.tif")
    rows, cols = tiling.axes(scene.height, scene.width)
    n_windows, size = len(rows.starts) * len(cols.starts), window_batch(model, tiling)
    pixels = noise_windows(model.header, tiling.window, size)
    model.classify(pixels)
    started = time.perf_counter()
    for _ in range(-(-n_windows // size)):
        model.classify(pixels)
    return {"seconds": time.perf_counter() - started}


def mapped(folder: Path, name: str) -> dict[str, Any]:
    """Seconds of a map without polygons, and what computed it."""
    import terrazzo

    engine = ENGINES[name]
    done = terrazzo.predict(
        folder / engine.file,
        folder / "scene.tif",
        out=folder / "side-by-side",
        runtime=engine.runtime,
        precision=engine.precision,
        device="cpu",
        vector_format="none",
        overwrite=True,
    )
    record = done.rasters[0].record
    computed_by = {name: record["computed_by"][name] for name in ("runtime", "precision")}
    return {"seconds": record["seconds"]["total"], **computed_by}


STEPS = {"bare": bare, "map": mapped}


def side_by_side(folder: Path, megapixels: float, rounds: int, beside_busy: bool) -> dict[str, Any]:
    """The CPU with its features, and medians by engine in Mpx/s: quiet and, if wanted, beside a busy core."""
    make_graphs(folder)
    found: dict[str, Any] = {"cpu": cpu_name(), "quiet": _timed(folder, megapixels, rounds)}
    if beside_busy:
        with one_core_busy():
            found["beside_a_busy_core"] = _timed(folder, megapixels, rounds)
    return found


def _timed(folder: Path, megapixels: float, rounds: int) -> dict[str, Any]:
    there = engines()
    seconds: dict[tuple[str, str], list[float]] = {}
    chosen = {}
    for _ in range(rounds):
        for name, engine in there.items():
            for step in STEPS:
                if (step == "bare" and name == AUTO) or (step == "map" and engine.bare_only):
                    continue
                made = in_process(step, folder, name)
                seconds.setdefault((name, step), []).append(made["seconds"])
                if name == AUTO:
                    chosen = {key: made[key] for key in ("runtime", "precision")}
    medians = {key: statistics.median(taken) for key, taken in seconds.items()}
    table = {name: _row(name, medians, megapixels) for name in there}
    return {**table, AUTO: {**table[AUTO], **chosen}}


def _row(name: str, medians: Mapping[tuple[str, str], float], megapixels: float) -> dict[str, float]:
    """The figures of one engine."""
    row = {f"{step}_mpx_per_s": round(megapixels / medians[name, step], 3) for step in STEPS if (name, step) in medians}
    if len(row) == len(STEPS):
        row["map_over_bare"] = round(medians[name, "bare"] / medians[name, "map"], 3)
    return row


def in_process(step: str, folder: Path, name: str) -> dict[str, Any]:
    """What one step finds out in a process of its own, with a cache folder beside the scene."""
    command = [sys.executable, "-m", "benchmarks.runtimes", step, str(folder), name]
    environment = {**os.environ, "TERRAZZO_CACHE": str(folder / "cache")}
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


@contextmanager
def one_core_busy() -> Iterator[None]:
    """Keep one core busy during the block."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """One step, for `in_process`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=tuple(STEPS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", choices=tuple(ENGINES))
    arguments = parser.parse_args()
    print(json.dumps(STEPS[arguments.step](arguments.folder, arguments.name)))


if __name__ == "__main__":
    main()
