"""How fast each runtime computes: one batch of a model after one that warms it up.

Without a model of the user's own it is a small built-in one, `probe.safetensors`: a classic U-Net of 8, 16 and 32
filters. Its figures show whether a runtime works and tell machines apart. They do not say which runtime is fastest for
another network.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from terrazzo.diagnosis.packages import installed_version
from terrazzo.errors import InputError, TerrazzoError
from terrazzo.model.header import Header, read_header
from terrazzo.model.predictor import CPU_BATCH_PIXELS, Predictor
from terrazzo.model.runtimes.choosing import noise_windows
from terrazzo.model.runtimes.precisions import holds_graph_alone, is_int8
from terrazzo.model.runtimes.registry import RUNTIMES
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.model.windows.tiling import plan
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.devices import INT8, ONNXRUNTIME, OPENVINO, TORCH
from terrazzo.system.extras import installed
from terrazzo.system.reporting import first_line

PROBE = Path(__file__).with_name("probe.safetensors")


@dataclass(frozen=True)
class Timed:
    """A runtime and what one batch took; seconds are None where it is not installed, fails, or refuses the file."""

    runtime: str
    version: str | None
    seconds: float | None = None
    n_pixels: int = 0
    trouble: str | None = None
    refused: str | None = None
    """Why it does not take this file; that is no trouble."""

    @property
    def mpx_per_s(self) -> float | None:
        """Megapixels a second: the pixels of the batch by the seconds that it took."""
        return None if self.seconds is None else self.n_pixels / 1e6 / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        rate = self.mpx_per_s
        return {
            "runtime": self.runtime,
            "version": self.version,
            "seconds": None if self.seconds is None else round(self.seconds, 4),
            "mpx_per_s": None if rate is None else round(rate, 3),
            "trouble": self.trouble,
            "refused": self.refused,
        }


def timed(model: Path) -> tuple[Timed, ...]:
    """One batch in each runtime on the CPU; in float32 unless the file is in int8.

    Raises InputError or ModelFileError at a bad model file.
    """
    pixels = batch(read_header(model))
    return tuple(_time(name, open_in, model, pixels) for name, open_in in _RUNTIMES.items())


def batch(header: Header) -> Pixels:
    """A batch (B, C, H, W) of noise as the model takes it: as many windows as are processed together on a CPU."""
    side = plan(header).window
    return noise_windows(header, side, max(1, CPU_BATCH_PIXELS // side**2))


def _time(runtime: str, open_in: Callable[[Path], Predictor], model: Path, pixels: Pixels) -> Timed:
    version = installed_version(runtime) if installed(runtime) else None
    if version is None:
        return Timed(runtime, None)
    try:
        if runtime in RUNTIMES:
            RUNTIMES[runtime].check(model, Asked("cpu", INT8 if is_int8(model) else "32"))
        opened = open_in(model)
        opened.classify(pixels)
        begun = time.perf_counter()
        opened.classify(pixels)
        seconds = time.perf_counter() - begun
    except InputError as error:
        return Timed(runtime, version, refused=first_line(error))
    except (TerrazzoError, ImportError, OSError, RuntimeError, MemoryError) as error:  # what a damaged one raises
        return Timed(runtime, version, trouble=first_line(error))
    return Timed(runtime, version, seconds, pixels.size // pixels.shape[1])


def _by_torch(model: Path) -> Predictor:
    from terrazzo.model.bundle import load

    return load(model, "cpu", "32")


def _by_onnxruntime(model: Path) -> Predictor:
    from terrazzo.model.exporting.formats import ONNX
    from terrazzo.model.onnx_model import load_onnx, load_stored

    return load_onnx(model) if model.suffix.lower() == ONNX else load_stored(model)


def _by_openvino(model: Path) -> Predictor:
    from terrazzo.model.exporting.stored_graph import write_whole
    from terrazzo.model.runtimes.openvino_graph import load_openvino

    if holds_graph_alone(model):
        return load_openvino(model, INT8 if is_int8(model) else "32")
    with TemporaryDirectory() as folder:  # not the cache of converted models: nothing is left behind
        graph = Path(folder) / "graph.onnx"
        write_whole(model, graph)
        return load_openvino(graph)


_RUNTIMES: dict[str, Callable[[Path], Predictor]] = {
    TORCH: _by_torch,
    ONNXRUNTIME: _by_onnxruntime,
    OPENVINO: _by_openvino,
}
