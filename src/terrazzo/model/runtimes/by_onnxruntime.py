"""onnxruntime: float32 on the CPU, without torch, from an .onnx or the converted graph of a model."""

from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.exporting.formats import ONNX, format_of
from terrazzo.model.runtimes.converted import refuse_other_graphs, with_graph
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import AUTO, ONNXRUNTIME
from terrazzo.system.extras import need

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor


class OnnxRuntime:
    """Runs a graph in float32."""

    name = ONNXRUNTIME

    def check(self, model: Path, asked: Asked) -> None:
        """Raise InputError for another device or precision, or if a package is missing."""
        of_graph = model.suffix.lower() == ONNX
        what, remedy = (
            ("an ONNX file", "give the .safetensors") if of_graph else (ONNXRUNTIME, "choose another runtime")
        )
        if asked.device not in (AUTO, "cpu"):
            raise InputError(f"--device {asked.device}: {what} runs on the CPU; leave it out, or {remedy}")
        if asked.precision not in (AUTO, "32"):
            remedy = "leave it out" if of_graph else f"leave it out, or {remedy}"
            raise InputError(f"--precision {asked.precision}: {what} computes in float32; {remedy}")
        refuse_other_graphs(model, ONNXRUNTIME)
        exported = format_of(model)
        if exported is None or exported.engine != ONNXRUNTIME:
            need("onnx", "onnx", "onnxruntime", for_what=f"--runtime {ONNXRUNTIME}")

    def computes_on(self, asked: Asked) -> tuple[str, str]:
        """The CPU, float32."""
        return "cpu", "32"

    def open(self, model: Path, asked: Asked) -> "Predictor":
        """The graph in a session of its own; of a model with weights the converted graph."""
        from terrazzo.model.onnx_model import load_onnx

        return with_graph(model, lambda graph: load_onnx(graph, asked.n_threads))
