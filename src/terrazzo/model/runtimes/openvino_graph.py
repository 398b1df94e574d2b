"""An exported graph, run by OpenVINO without torch.

The precision is always stated: by itself OpenVINO computes in bf16 wherever the CPU has it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import ModelFileError
from terrazzo.model.exporting.formats import FREE_SIZE, read_notes
from terrazzo.model.header import read_header
from terrazzo.model.onnx_model import OnnxModel
from terrazzo.system.reporting import first_line

HINTS = {"32": "f32", "bf16": "bf16"}
"""OpenVINO's words for the precisions."""


@dataclass(frozen=True)
class Session:
    """A compiled graph that is called as a session of onnxruntime is."""

    request: Any
    """An InferRequest."""
    name: str
    """That of the one input."""

    def get_inputs(self) -> list[Any]:
        """The one input, which has a name."""
        return [Input(self.name)]

    def run(self, outputs: Any, feed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The outputs for the one input."""
        (image,) = feed.values()
        found = self.request.infer([image], share_inputs=True, share_outputs=False)
        return [np.asarray(found[0])]


@dataclass(frozen=True)
class Input:
    """The input of a graph."""

    name: str


def load_openvino(path: Path, precision: str = "32", n_threads: int | None = None) -> OnnxModel:
    """The model in an .xml or .onnx that `terrazzo export` wrote. Raises ModelFileError if it is damaged.

    As in onnxruntime, graphs that take any height and width get them, whatever their file declares.
    """
    header, free = read_header(path), FREE_SIZE in read_notes(path)
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": n_threads or os.cpu_count() or 1,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    try:
        model = core.read_model(path)
        declared = model.input(0).partial_shape
        if free:
            model.reshape([-1, header.bands, -1, -1])
        window = None if free or declared[2].is_dynamic else declared[2].get_length()
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise ModelFileError(f"{path}: openvino cannot run it ({first_line(error)}); export the model again") from error
    return OnnxModel(header, Session(compiled.create_infer_request(), model.input(0).get_any_name()), window)
