"""The runtime for `--runtime auto`: the file's own where it is known to be fast, else the one measured fastest here.

torch is taken on a GPU and on a CPU that multiplies bf16, unless a measurement of this model here says otherwise. An
.onnx stays with onnxruntime there, unless it is in int8. Elsewhere the installed runtimes classify a batch of it once.
Where torch is about as fast as another there, the other is taken. Torch's threads wait for each other in loops, so it
loses most beside other work (`benchmarks.prediction speed --beside-busy`). The figures are kept in the user's cache
folder. They hold for one CPU, model, window and precision.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from terrazzo.errors import TerrazzoError
from terrazzo.model.header import Header
from terrazzo.model.predictor import Predictor
from terrazzo.model.runtimes.converted import forget_graphs, sha256_of
from terrazzo.model.runtimes.precisions import is_int8
from terrazzo.model.runtimes.registry import RUNTIMES, own_runtime
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.model.windows.tiling import Tiling, window_batch
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.cache import cache_folder
from terrazzo.system.devices import AUTO, TORCH
from terrazzo.system.files import read_json, write_json
from terrazzo.system.machine import cpu_name, has_fast_bf16
from terrazzo.system.reporting import Say, quiet

FILE = "runtimes.json"
MARGIN = 1.05
"""How many times as fast as those that are favoured another must be measured, so that noise decides nothing."""
ROUNDS = 3
"""Batches that are timed after a first one; the fastest counts."""
_GPU_DRIVERS = (Path("/proc/driver/nvidia/version"), Path("/dev/kfd"))
"""Present where Linux has a driver for NVIDIA's or AMD's GPUs."""


@dataclass(frozen=True)
class Timing:
    """How fast the runtimes compute one model on one CPU."""

    cpu: str
    model: str
    """The SHA-256 of the file."""
    window: int
    precision: str
    """The word of `--precision`."""
    mpx_per_s: Mapping[str, float]
    """Megapixels of windows a second of the bare network, by runtime."""

    @property
    def of(self) -> tuple[str, str, int, str]:
        """What it holds for."""
        return self.cpu, self.model, self.window, self.precision

    @property
    def words(self) -> str:
        """`model 1a2b3c4d, window 512 px, precision auto: openvino 1.20 Mpx/s, torch failed`, the fastest first."""
        order = sorted(self.mpx_per_s.items(), key=lambda item: -item[1])
        rates = ", ".join(f"{name} {rate:.2f} Mpx/s" if rate else f"{name} failed" for name, rate in order)
        return f"model {self.model[:8]}, window {self.window} px, precision {self.precision}: {rates}"

    def fastest(self, favoured: Collection[str]) -> str:
        """The fastest runtime; one of those that are favoured unless another is faster by MARGIN."""
        rates = {name: rate / (1 if name in favoured else MARGIN) for name, rate in self.mpx_per_s.items()}
        return max(rates, key=rates.__getitem__)


_TIMING = TypeAdapter(Timing)


def choose(model: Path, tiling: Tiling, asked: Asked, say: Say = quiet) -> str:
    """The runtime that `auto` means for a model here.

    Raises InputError if no installed runtime computes as asked.
    """
    own = own_runtime(model)
    candidates = installed(model, asked)
    if len(candidates) < 2 or asked.device not in (AUTO, "cpu"):
        return own if own in candidates or not candidates else candidates[0]
    known = {timing.of: timing for timing in remembered()}
    timing = known.get((cpu_name(), sha256_of(model), tiling.window, asked.precision))
    if timing is None or not set(candidates) <= timing.mpx_per_s.keys():
        if own in candidates and own_is_fast(asked) and not is_int8(model):
            return own
        say(f"{model}: timing {', '.join(candidates)} once on this machine; --runtime names one without that")
        timing = measure(model, tiling, asked)
    rates = {name: rate for name, rate in timing.mpx_per_s.items() if name in candidates and rate > 0}
    return Timing(*timing.of, rates).fastest(_favoured(own, rates, asked)) if rates else own


def _favoured(own: str, names: Collection[str], asked: Asked) -> Collection[str]:
    """The file's own runtime; all but torch where that is torch and nothing here makes it fast."""
    return (own,) if own != TORCH or own_is_fast(asked) else [name for name in names if name != TORCH]


def own_is_fast(asked: Asked) -> bool:
    """Whether the file's own runtime is taken without measuring: torch finds a GPU, or the CPU has fast bf16."""
    if has_fast_bf16():
        return True
    if asked.device == "cpu" or not any(path.exists() for path in _GPU_DRIVERS):
        return False
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def installed(model: Path, asked: Asked) -> tuple[str, ...]:
    """The runtimes here that take the file, the device and the precision."""
    found = []
    for name, runtime in RUNTIMES.items():
        try:
            runtime.check(model, asked)
        except TerrazzoError:
            continue
        found.append(name)
    return tuple(found)


def measure(model: Path, tiling: Tiling, asked: Asked) -> Timing:
    """The speed of each installed runtime, measured now and remembered; 0 where one cannot run the model."""
    rates = {}
    for name in installed(model, asked):
        try:
            rates[name] = round(_rate(RUNTIMES[name].open(model, asked), tiling), 4)
        except TerrazzoError:  # its own error is said where it is asked for by name
            rates[name] = 0.0
    timing = Timing(cpu_name(), sha256_of(model), tiling.window, asked.precision, rates)
    _remember(timing)
    return timing


def _rate(model: Predictor, tiling: Tiling) -> float:
    """Megapixels a second of windows, from the fastest of some batches."""
    side, count = tiling.window, tiling.batch_size or window_batch(model, tiling)
    pixels = noise_windows(model.header, side, count)
    model.classify(pixels)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        model.classify(pixels)
        seconds.append(time.perf_counter() - started)
    return count * side**2 / 1e6 / min(seconds)


def noise_windows(header: Header, side: int, count: int) -> Pixels:
    """A batch (B, C, H, W) of noise as a model takes it, channels last in memory as windows are read."""
    values = np.random.default_rng(0).integers(0, 256, (count, side, side, header.bands), np.uint8)
    pixels = values.transpose(0, 3, 1, 2)
    return pixels.astype(np.float32) if header.normalization.deep else pixels


def remembered() -> tuple[Timing, ...]:
    """The measurements in the cache folder, the oldest first; what is damaged is passed over."""
    entries = read_json(cache_folder() / FILE).get("timings")
    found = (_timing(entry) for entry in (entries if isinstance(entries, list) else ()))
    return tuple(timing for timing in found if timing is not None)


def _timing(entry: object) -> Timing | None:
    """A measurement from its JSON value; None if it is damaged."""
    try:
        return _TIMING.validate_python(entry)
    except ValidationError:
        return None


def forget() -> tuple[int, int]:
    """Remove what was measured and converted; how many measurements and graphs there were."""
    n_timings = len(remembered())
    (cache_folder() / FILE).unlink(missing_ok=True)
    return n_timings, forget_graphs()


def _remember(timing: Timing) -> None:
    """Add a measurement; a cache folder that cannot be written is no reason to fail."""
    others = [each for each in remembered() if each.of != timing.of]
    try:
        write_json(cache_folder() / FILE, {"timings": [asdict(each) for each in (*others, timing)]})
    except (TerrazzoError, OSError):
        return
