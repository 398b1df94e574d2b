"""Models opened by what computes them: by itself torch for weights, and for a graph the runtime that it is for.

Without torch, onnxruntime computes a model.safetensors too, by the graph that the file holds.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import FREE_SIZE, format_of, read_notes
from terrazzo.model.runtimes.converted import graph_of
from terrazzo.model.runtimes.kept import kept_model
from terrazzo.model.runtimes.registry import checked, native, own_runtime, runtime_for
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import AUTO, TORCH
from terrazzo.system.extras import installed, need_torch
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
    runtime: str = AUTO
    """What computes them; `auto`: each by its own."""

    @property
    def every(self) -> tuple["ModelFile", ...]:
        """This model and the others, each for itself."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @property
    def identity(self) -> str:
        """The hash of the file; of several models one hash of all files in their order."""
        return digest("models", *(each.digest for each in self.every)) if self.others else self.digest

    @property
    def computed_by(self) -> str:
        """The name of the runtime of this model: its own with `auto`."""
        return own_runtime(self.path) if self.runtime == AUTO else self.runtime

    @property
    def other_runtime(self) -> str | None:
        """The runtimes, where they are not those that the files were made for. A map's key names them then."""
        found = [each.computed_by for each in self.every]
        return None if found == [native(each.path) for each in self.every] else " ".join(dict.fromkeys(found))

    @property
    def runs_torch(self) -> bool:
        """Whether torch computes any of the models."""
        return any(each.computed_by == TORCH for each in self.every)

    @property
    def measured_apart(self) -> bool:
        """Whether torch measures how far images are from the training data, beside the runtime that maps them."""
        return installed("torch") and not self.others and self.header.familiarity is not None and not self.runs_torch

    @property
    def runs_graphs(self) -> bool:
        """Whether onnxruntime or OpenVINO computes any of the models."""
        return any(each.computed_by != TORCH for each in self.every)

    def by(self, runtime: str) -> "ModelFile":
        """The same models, computed by a runtime."""
        return replace(self, runtime=runtime, others=tuple(replace(each, runtime=runtime) for each in self.others))

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


def check_engine(model: Path, device: str, precision: str, runtime: str = AUTO) -> None:
    """Raise InputError if this kind of file does not run on the device, at the precision or in the runtime."""
    checked(model, Asked(device, precision), runtime)


def check_sizes(model: Path, largest: float, runtime: str = AUTO) -> None:
    """Raise InputError if the file takes no windows enlarged by the factor `largest`, as graphs of one size do."""
    if largest > 1 and runtime_for(model, runtime).name != TORCH and not _takes_any_size(model):
        raise InputError(
            f"--tta-scales {largest:g}: {model} is a graph for windows of one size; "
            "leave the factors above 1 out, or give the model.safetensors"
        )


def _takes_any_size(model: Path) -> bool:
    """Whether the graph of a file takes windows of any size."""
    if format_of(model) is not None:
        return FREE_SIZE in read_notes(graph_of(model))
    from terrazzo.model.exporting.stored_graph import read_graph

    graph = read_graph(model)
    return graph is None or graph.onnx.declared_side is None


def open_models(file: ModelFile, n_threads: int | None = None) -> "Predictor":
    """The model ready to classify; several as one that gives the mean of their probabilities.

    Inside `keeping_model` it is opened once.
    """
    kept = kept_model()
    return _open_anew(file, n_threads) if kept is None else kept.get(file, n_threads, _open_anew)


def _open_anew(file: ModelFile, n_threads: int | None) -> "Predictor":
    opened = [open_model(each.path, each.device, each.precision, n_threads, each.runtime) for each in file.every]
    if len(opened) == 1:
        return opened[0]
    from terrazzo.model.averaging.together import Together

    return Together(tuple(opened))


def open_model(
    model: Path, device: str, precision: str, n_threads: int | None = None, runtime: str = AUTO
) -> "Predictor":
    """The model, ready to classify, in a runtime; `auto` is the file's own. Only torch's import it.

    `n_threads` is how many cores a graph may use; None means all. Torch uses what it is set to where it computes.
    """
    asked = Asked(device, precision, n_threads)
    return checked(model, asked, runtime).open(model, asked)


def computes_on(file: ModelFile) -> dict[str, str]:
    """Type of device, precision (`32`, `bf16`, `int8`) and runtime of the first model, by the names of their flags."""
    asked = Asked(file.device, file.precision)
    device, precision = checked(file.path, asked, file.runtime).computes_on(file.path, asked)
    return {"device": device, "precision": precision, "runtime": file.computed_by}


def convert(file: ModelFile) -> None:
    """Convert the models that their runtime needs as graphs, unless the cache has them."""
    for each in file.every:
        if each.computed_by != TORCH:
            graph_of(each.path)
