"""An exported graph, run by OpenVINO without torch.

The precision is always stated: by itself OpenVINO computes in bf16 wherever the CPU has it.

Graphs in int8 are compiled for each height and width that is asked for. Compiled for any size, they give wrong classes
(OpenVINO 2026.4 on AVX-512 VNNI; float32 graphs do not).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import ModelFileError
from terrazzo.model.exporting.formats import FREE_SIZE, read_notes
from terrazzo.model.header import read_header
from terrazzo.model.onnx_model import OnnxModel
from terrazzo.model.predictor import STRIDE
from terrazzo.system.devices import INT8
from terrazzo.system.reporting import first_line

HINTS = {"32": "f32", "bf16": "bf16", INT8: "f32"}
"""OpenVINO's words for the precisions: in an int8 graph what is not int8 is float32."""
KEPT = 4
"""The sizes of windows for which a graph stays compiled; a map has one, or a few with --tta-scales."""

Compile = Callable[[tuple[int, int] | None], Any]
"""The InferRequest of a graph for a height and width, or for any."""


@dataclass(frozen=True)
class Session:
    """A compiled graph that is called as a session of onnxruntime is."""

    compile: Compile
    name: str
    """That of the one input."""
    by_size: bool
    """Whether the graph is compiled for each height and width."""
    requests: dict[tuple[int, int] | None, Any] = field(default_factory=dict)
    """What is compiled, the size that was used last at the end."""

    def get_inputs(self) -> list[Any]:
        """The one input, which has a name."""
        return [Input(self.name)]

    def run(self, outputs: Any, feed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The outputs for the one input."""
        (image,) = feed.values()
        found = self._request(image).infer([image], share_inputs=True, share_outputs=False)
        return [np.asarray(found[0])]

    def _request(self, image: NDArray[np.float32]) -> Any:
        """The request for an image (B, C, H, W)."""
        height, width = image.shape[2:]
        size = (height, width) if self.by_size else None
        request = self.requests.pop(size, None)
        if request is None:
            request = self.compile(size)
        self.requests[size] = request
        if len(self.requests) > KEPT:
            del self.requests[next(iter(self.requests))]
        return request


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
    by_size = free and precision == INT8
    try:
        model = core.read_model(path)
        declared = model.input(0).partial_shape

        def compiled(size: tuple[int, int] | None) -> Any:
            if free:
                model.reshape([-1, header.bands, *(size or (-1, -1))])
            return core.compile_model(model, "CPU", settings).create_infer_request()

        window = None if free or declared[2].is_dynamic else declared[2].get_length()
        session = Session(compiled, model.input(0).get_any_name(), by_size)
        first = None if not by_size else (STRIDE, STRIDE)  # finds out whether it can be compiled
        session.requests[first] = compiled(first)
    except RuntimeError as error:
        raise ModelFileError(f"{path}: openvino cannot run it ({first_line(error)}); export the model again") from error
    return OnnxModel(header, session, window)
