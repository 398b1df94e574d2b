"""Models opened by what computes them: torch for a model.safetensors or .h5, onnxruntime for an .onnx."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import FORMATS, FREE_SIZE, ONNX, format_of, read_notes
from terrazzo.system.files import digest
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
        return any(each.path.suffix.lower() != ONNX for each in self.every)

    @property
    def runs_onnx(self) -> bool:
        """Whether onnxruntime computes any of the models."""
        return any(each.path.suffix.lower() == ONNX for each in self.every)

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


def check_sizes(model: Path, largest: float) -> None:
    """Raise InputError if the file takes no windows enlarged by the factor `largest`, as graphs of one size do."""
    if largest > 1 and model.suffix.lower() == ONNX and FREE_SIZE not in read_notes(model):
        raise InputError(
            f"--tta-scales {largest:g}: {model} is a graph for windows of one size; "
            "leave the factors above 1 out, or give the model.safetensors"
        )


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
