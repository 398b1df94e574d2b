"""An exported ONNX model, run by onnxruntime without torch."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.exporting.formats import FREE_SIZE, read_notes
from terrazzo.model.header import Header, read_header
from terrazzo.model.predictor import CPU_BATCH_PIXELS, STRIDE
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.extras import silence_onnxruntime
from terrazzo.system.reporting import first_line

if TYPE_CHECKING:
    import onnx


class Session(Protocol):
    """What runs a graph: onnxruntime's InferenceSession, or OpenVINO behind the same two methods."""

    def get_inputs(self) -> Any:
        """The inputs; each has a name."""

    def run(self, outputs: Any, feed: Any) -> Any:
        """The outputs for arrays by the names of the inputs."""


@dataclass(frozen=True)
class OnnxModel:
    """An exported graph, computed on the CPU by a session: of onnxruntime, in float32 on all cores."""

    header: Header
    session: Session
    window: int | None
    """The one height and width that the graph takes; None if it takes any multiple of 32."""

    @property
    def batch_pixels(self) -> int:
        """How many pixels to process together."""
        return CPU_BATCH_PIXELS

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """Class probabilities (B, K, H, W) for pixels (B, C, H, W), padded at the border as `Network` does.

        Raises InputError if a window is larger than the graph takes.
        """
        height, width = pixels.shape[2:]
        if self.window is not None and max(height, width) > self.window:
            raise InputError(
                f"--window {max(height, width)}: its graph takes at most {self.window} px; use a smaller one"
            )
        pad = [(0, 0), (0, 0), *((0, (self.window or -(-side // STRIDE) * STRIDE) - side) for side in (height, width))]
        image = np.pad(pixels, pad, mode="edge")
        if not self.header.normalization.deep:
            image = np.divide(image, self.header.normalization.value_range, dtype=np.float32)
        return self.probs(image)[..., :height, :width]

    def probs(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output of the graph: probabilities (B, K, H, W) for an image (B, C, H, W) in the units that it states."""
        image = np.ascontiguousarray(image, np.float32)
        (probs,) = self.session.run(None, {self.session.get_inputs()[0].name: image})
        return np.asarray(probs)


def load_onnx(path: Path, n_threads: int | None = None) -> OnnxModel:
    """The model in an .onnx that `terrazzo export` wrote, ready to run. Raises ModelFileError if it is damaged.

    The file declares one height and width, because QGIS tools read them. Most graphs take others, too, so small images
    get the same windows here as with the model.safetensors.
    """
    header, free = read_header(path), FREE_SIZE in read_notes(path)
    import onnx

    silence_onnxruntime()
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as trouble

    model = onnx.load(path)
    declared = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    if free:
        free_size(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads or os.cpu_count() or 1
    options.log_severity_level = 3  # errors only: users cannot act on the warnings
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except (trouble.Fail, trouble.InvalidGraph, trouble.InvalidProtobuf, trouble.NotImplemented) as error:
        raise ModelFileError(
            f"{path}: onnxruntime cannot run it ({first_line(error)}); export the model again"
        ) from error
    return OnnxModel(header, session, None if free else declared)


def free_size(model: "onnx.ModelProto") -> None:
    """Declare that input and output of a graph take any height and width, in place."""
    for value in (model.graph.input[0], model.graph.output[0]):
        for axis, name in ((2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
