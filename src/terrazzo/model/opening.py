"""A model opened by what computes it: torch for a model.safetensors or .h5, onnxruntime for an .onnx."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import FORMATS, ONNX, format_of
from terrazzo.system.places import PathLike

if TYPE_CHECKING:
    from terrazzo.model.bundle import Bundle
    from terrazzo.model.header import Header
    from terrazzo.model.predictor import Predictor
    from terrazzo.model.windows.tiling import Tiling


@dataclass(frozen=True)
class ModelFile:
    """A model file, its header, and how it is to tile images and to compute."""

    path: Path
    digest: str
    header: "Header"
    tiling: "Tiling"
    device: str
    precision: str


def load(model: PathLike, *, device: str = "auto", precision: str = "auto") -> "Bundle":
    """A trained model in memory: `load(path).predict(image)` gives ids (H, W) and probabilities (K, H, W).

    `image` is an array (H, W, C), uint8, or of a model of deeper values in the units of its training rasters.

    Raises InputError or ModelFileError.
    """
    from terrazzo.model.header import read_header
    from terrazzo.system.devices import check_compute

    check_compute(device, precision)
    read_header(Path(model))  # a damaged file is refused before torch is imported
    from terrazzo.model import bundle

    return bundle.load(model, device, precision)


def check_engine(model: Path, device: str, precision: str) -> None:
    """Raise InputError if this kind of file does not run on the device or at the precision."""
    exported = format_of(model)
    if exported is not None and exported.engine is None:
        suffixes = " or ".join(each.suffix for each in FORMATS.values() if each.engine)
        raise InputError(f"{model}: is for programs of your own; predict takes a model.safetensors, {suffixes}")
    if exported is not None and exported.engine == "onnxruntime":
        if device not in ("auto", "cpu"):
            raise InputError(f"--device {device}: an ONNX file runs on the CPU; leave it out, or give the .safetensors")
        if precision not in ("auto", "32"):
            raise InputError(f"--precision {precision}: an ONNX file computes in float32; leave it out")


def open_model(model: Path, device: str, precision: str, n_threads: int | None = None) -> "Predictor":
    """The model, ready to classify. Only models that torch computes import it.

    `n_threads` is how many cores it may use; None means all.
    """
    check_engine(model, device, precision)
    if model.suffix.lower() == ONNX:
        from terrazzo.model.onnx_model import load_onnx

        return load_onnx(model, n_threads)
    from terrazzo.model.bundle import load

    if n_threads is not None:
        import torch

        torch.set_num_threads(n_threads)
    return load(model, device, precision)


def computes_on(model: Path, device: str, precision: str) -> tuple[str, str]:
    """The type of device and the precision, `32` or `bf16`, that `open_model` computes with."""
    if model.suffix.lower() == ONNX:
        return "cpu", "32"
    from terrazzo.model.hardware import choose

    compute = choose(device, precision)
    return compute.device.type, compute.precision
