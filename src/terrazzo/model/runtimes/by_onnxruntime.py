"""onnxruntime: float32 or int8 on the CPU, without torch, from an .onnx or the graph of a model."""

from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import ONNX
from terrazzo.model.runtimes.converted import check_convertible, holds_graph, refuse_other_graphs, with_graph
from terrazzo.model.runtimes.precisions import check_int8, is_int8
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import AUTO, INT8, ONNXRUNTIME, TORCH
from terrazzo.system.extras import INSTALL_TRAIN, installed

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor


class OnnxRuntime:
    """Runs a graph, in float32 unless it is one in int8."""

    name = ONNXRUNTIME

    def check(self, model: Path, asked: Asked) -> None:
        """Raise InputError for another device or precision, ModelFileError where there is no way to the graph."""
        of_graph = model.suffix.lower() == ONNX
        what, remedy = ONNXRUNTIME, "choose another runtime"
        if of_graph:
            what, remedy = "an ONNX file", "give the .safetensors"
        elif not installed(TORCH):
            what, remedy = "a model without torch", f"install torch with {INSTALL_TRAIN}"
        if asked.device not in (AUTO, "cpu"):
            raise InputError(f"--device {asked.device}: {what} runs on the CPU; leave it out, or {remedy}")
        if not check_int8(model, asked) and asked.precision not in (AUTO, "32"):
            raise InputError(f"--precision {asked.precision}: {what} computes in float32; leave it out, or {remedy}")
        refuse_other_graphs(model, ONNXRUNTIME)
        check_convertible(model, ONNXRUNTIME)

    def computes_on(self, model: Path, asked: Asked) -> tuple[str, str]:
        """The CPU; int8 of a file in int8, else float32."""
        return "cpu", INT8 if is_int8(model) else "32"

    def open(self, model: Path, asked: Asked) -> "Predictor":
        """The graph in a session of its own; of a model with weights the converted graph."""
        from terrazzo.model.onnx_model import load_onnx, load_stored

        if holds_graph(model):
            return load_stored(model, asked.n_threads)
        return with_graph(model, lambda graph: load_onnx(graph, asked.n_threads))
