"""Models opened by what computes them: torch for a model.safetensors or .h5, onnxruntime for an .onnx.

Without torch, onnxruntime computes a model.safetensors too, by the graph that the file holds.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import FORMATS, FREE_SIZE, ONNX, format_of, read_notes
from terrazzo.system.extras import INSTALL_TRAIN, installed, need_torch
from terrazzo.system.files import digest
from terrazzo.system.places import PathLike

if TYPE_CHECKING:
    from terrazzo.model.bundle import Bundle
    from terrazzo.model.header import Header
    from terrazzo.model.predictor import Predictor
    from terrazzo.model.windows.tiling import Tiling

Engine = Literal["torch", "onnxruntime"]


@dataclass(frozen=True)
class ModelFile:
    """A model file, its header, and how it is to tile images and to compute."""

    path: Path
    digest: str
    header: "Header"
    tiling: "Tiling"
    device: str
    precision: str
    others: tuple["ModelFile", ...] = ()
    """The models that predict together with this one. They see its windows and share its device and precision."""

    @property
    def every(self) -> tuple["ModelFile", ...]:
        """This model and the others, each for itself."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @property
    def identity(self) -> str:
        """The hash of the file; of several models one hash of all files in their order."""
        return digest("models", *(each.digest for each in self.every)) if self.others else self.digest

    @property
    def runs_torch(self) -> bool:
        """Whether torch computes any of the models."""
        return any(engine_of(each.path) == "torch" for each in self.every)

    @property
    def runs_onnx(self) -> bool:
        """Whether onnxruntime computes any of the models."""
        return any(engine_of(each.path) == "onnxruntime" for each in self.every)

    def absolute(self) -> "ModelFile":
        """The same with absolute paths, for processes in other folders."""
        others = tuple(each.absolute() for each in self.others)
        return replace(self, path=self.path.absolute(), others=others)


def load(model: PathLike, *, device: str = "auto", precision: str = "auto") -> "Bundle":
    """A trained model in memory: `load(path).predict(image)` gives ids (H, W) and probabilities (K, H, W).

    `image` is an array (H, W, C), uint8, or of a model of deeper values in the units of its training rasters.

    Raises InputError or ModelFileError.
    """
    from terrazzo.model.header import read_header
    from terrazzo.system.devices import check_compute

    check_compute(device, precision)
    need_torch("load")
    read_header(Path(model))  # a damaged file is refused before torch is imported
    from terrazzo.model import bundle

    return bundle.load(model, device, precision)


def engine_of(model: Path) -> Engine:
    """What computes a model file on this machine: torch where it is installed, but onnxruntime for an .onnx."""
    exported = format_of(model)
    if exported is not None:
        return exported.engine or "torch"
    return "torch" if installed("torch") else "onnxruntime"


def check_engine(model: Path, device: str, precision: str) -> None:
    """Raise InputError if this kind of file does not run here, on the device or at the precision.

    Raises ModelFileError if only torch runs it, and torch is not installed.
    """
    exported = format_of(model)
    if exported is not None and exported.engine is None:
        suffixes = " or ".join(each.suffix for each in FORMATS.values() if each.engine)
        raise InputError(f"{model}: is for programs of your own; predict takes a model.safetensors, {suffixes}")
    if engine_of(model) == "torch":
        need_torch(f"{model}: computing it")
        return
    what = "an ONNX file" if exported is not None else "a model without torch"
    else_ = "give the .safetensors" if exported is not None else f"install torch with {INSTALL_TRAIN}"
    if device not in ("auto", "cpu"):
        raise InputError(f"--device {device}: {what} runs on the CPU; leave it out, or {else_}")
    if precision not in ("auto", "32"):
        raise InputError(f"--precision {precision}: {what} computes in float32; leave it out, or {else_}")
    if exported is None and model.is_file():
        from terrazzo.model.exporting.stored_graph import check_graph

        check_graph(model)


def check_sizes(model: Path, largest: float) -> None:
    """Raise InputError if the file takes no windows enlarged by the factor `largest`, as graphs of one size do."""
    if largest > 1 and engine_of(model) == "onnxruntime" and not _takes_any_size(model):
        raise InputError(
            f"--tta-scales {largest:g}: {model} is a graph for windows of one size; "
            "leave the factors above 1 out, or give the model.safetensors"
        )


def _takes_any_size(model: Path) -> bool:
    """Whether the graph of a file takes windows of any size."""
    if model.suffix.lower() == ONNX:
        return FREE_SIZE in read_notes(model)
    from terrazzo.model.exporting.stored_graph import read_graph

    graph = read_graph(model)
    return graph is None or graph.onnx.declared_side is None


def open_models(file: ModelFile, n_threads: int | None = None) -> "Predictor":
    """The model ready to classify; several as one that gives the mean of their probabilities."""
    opened = [open_model(each.path, each.device, each.precision, n_threads) for each in file.every]
    if len(opened) == 1:
        return opened[0]
    from terrazzo.model.averaging.together import Together

    return Together(tuple(opened))


def open_model(model: Path, device: str, precision: str, n_threads: int | None = None) -> "Predictor":
    """The model, ready to classify. Only models that torch computes import it.

    `n_threads` is how many cores it may use; None means all.
    """
    check_engine(model, device, precision)
    if model.suffix.lower() == ONNX:
        from terrazzo.model.onnx_model import load_onnx

        return load_onnx(model, n_threads)
    if engine_of(model) == "onnxruntime":
        from terrazzo.model.onnx_model import load_stored

        return load_stored(model, n_threads)
    from terrazzo.model.bundle import load

    if n_threads is not None:
        import torch

        torch.set_num_threads(n_threads)
    return load(model, device, precision)


def computes_on(model: Path, device: str, precision: str) -> tuple[str, str]:
    """The type of device and the precision, `32` or `bf16`, that `open_model` computes with."""
    if engine_of(model) == "onnxruntime":
        return "cpu", "32"
    from terrazzo.model.hardware import choose

    compute = choose(device, precision)
    return compute.device.type, compute.precision
