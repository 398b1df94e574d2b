"""The runtimes by the words of `--runtime`, and which of them is a file's own."""

from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import FORMATS, format_of
from terrazzo.model.runtimes.by_onnxruntime import OnnxRuntime
from terrazzo.model.runtimes.by_openvino import OpenVinoRuntime
from terrazzo.model.runtimes.by_torch import TorchRuntime
from terrazzo.model.runtimes.runtime import Asked, Runtime
from terrazzo.system.devices import AUTO, ONNXRUNTIME, TORCH
from terrazzo.system.extras import installed

RUNTIMES: dict[str, Runtime] = {each.name: each for each in (TorchRuntime(), OnnxRuntime(), OpenVinoRuntime())}
"""In the order in which a tie is decided."""


def native(model: Path) -> str:
    """The runtime that a file was made for: torch for weights. Raises InputError for a file that `predict` refuses."""
    exported = format_of(model)
    if exported is None:
        return TORCH
    if exported.engine is None:
        suffixes = " or ".join(each.suffix for each in FORMATS.values() if each.engine)
        raise InputError(f"{model}: is for programs of your own; predict takes a model.safetensors, {suffixes}")
    return exported.engine


def own_runtime(model: Path) -> str:
    """The runtime that runs a file as it is: `native`, but onnxruntime for a model.safetensors without torch."""
    word = native(model)
    return word if word != TORCH or format_of(model) is not None or installed(TORCH) else ONNXRUNTIME


def runtime_for(model: Path, word: str = AUTO) -> Runtime:
    """The runtime of this name; the file's own for `auto`."""
    return RUNTIMES[own_runtime(model) if word == AUTO else word]


def checked(model: Path, asked: Asked, word: str = AUTO) -> Runtime:
    """`runtime_for`, found to take the file, device and precision. Raises InputError in one line."""
    own_runtime(model)
    runtime = runtime_for(model, word)
    runtime.check(model, asked)
    return runtime
