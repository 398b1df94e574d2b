"""OpenVINO: float32, bf16 or int8 on the CPU, from an .xml or .onnx, or the converted graph of a model."""

from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError
from terrazzo.model.runtimes.converted import check_convertible, with_graph
from terrazzo.model.runtimes.precisions import check_int8, holds_graph_alone, is_int8
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.system.devices import AUTO, INT8, OPENVINO
from terrazzo.system.extras import need

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor


class OpenVinoRuntime:
    """Runs a graph on the CPU."""

    name = OPENVINO

    def check(self, model: Path, asked: Asked) -> None:
        """Raise InputError for another device, for bf16 where the CPU lacks it, or if a package is missing."""
        if asked.device not in (AUTO, "cpu"):
            words = f"{OPENVINO} runs on the CPU here; leave it out, or choose another runtime"
            raise InputError(f"--device {asked.device}: {words}")
        need("openvino", "openvino", for_what=f"--runtime {OPENVINO}")
        if not check_int8(model, asked) and asked.precision == "bf16" and not has_bf16():
            raise InputError(
                "--precision bf16: openvino has none on this CPU, which lacks AVX-512 BF16 and AMX; leave it out"
            )
        check_convertible(model, OPENVINO)

    def computes_on(self, model: Path, asked: Asked) -> tuple[str, str]:
        """The CPU, and `precision_of`."""
        return "cpu", precision_of(model, asked)

    def open(self, model: Path, asked: Asked) -> "Predictor":
        """The graph compiled for this CPU; of a model with weights the converted graph."""
        from terrazzo.model.runtimes.openvino_graph import load_openvino

        return with_graph(model, lambda graph: load_openvino(graph, precision_of(model, asked), asked.n_threads))


def has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this CPU."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def precision_of(model: Path, asked: Asked) -> str:
    """`int8` of a file in int8, else what is asked for. `auto` means bf16 for weights where the CPU has it.

    A graph that was exported, an .onnx or .xml, computes with `auto` in float32, in which it was compared with the
    model when it was written.
    """
    if is_int8(model):
        return INT8
    if asked.precision != AUTO:
        return asked.precision
    return "bf16" if not holds_graph_alone(model) and has_bf16() else "32"
