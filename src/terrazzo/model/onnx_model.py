"""A graph run by onnxruntime without torch: an exported .onnx, or the graph in a model.safetensors."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.exporting.formats import FREE_SIZE
from terrazzo.model.exporting.onnx_file import OnnxFile
from terrazzo.model.exporting.stored_graph import NO_GRAPH, read_graph, read_weights
from terrazzo.model.header import Header, read_header
from terrazzo.model.predictor import CPU_BATCH_PIXELS, STRIDE
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.extras import silence_onnxruntime
from terrazzo.system.reporting import first_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Weights = Mapping[str, NDArray[np.generic]]


class Session(Protocol):
    """What runs a graph: onnxruntime's InferenceSession, or OpenVINO behind the same two methods."""

    def get_inputs(self) -> Any:
        """The inputs; each has a name."""

    def run(self, outputs: Any, feed: Any) -> Any:
        """The outputs for arrays by the names of the inputs."""


@dataclass(frozen=True)
class OnnxModel:
    """A graph, computed on the CPU by a session: of onnxruntime, in float32 on all cores."""

    header: Header
    session: Session
    window: int | None
    """The one height and width that the graph takes; None if it takes any multiple of 32."""
    weights: Weights | None = None
    """Weights that the session uses where they are, and that must live as long."""

    @property
    def batch_pixels(self) -> int:
        """How many pixels to process together."""
        return CPU_BATCH_PIXELS

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """Class probabilities (B, K, H, W) for pixels (B, C, H, W), padded at the border as `Network` does.

        Raises InputError if a window is larger than the graph takes.
        """
        height, width = pixels.shape[2:]
        return self.probs(self.image_of(pixels))[..., :height, :width]

    def image_of(self, pixels: Pixels) -> NDArray[np.float32]:
        """The image (B, C, H, W) that the graph takes for pixels: padded, and in 0..1 if they have 8 bits.

        Raises InputError if it is larger than the graph takes.
        """
        height, width = pixels.shape[2:]
        if self.window is not None and max(height, width) > self.window:
            raise InputError(
                f"--window {max(height, width)}: this graph takes at most {self.window} px; use a smaller one"
            )
        pad = [(0, 0), (0, 0), *((0, (self.window or -(-side // STRIDE) * STRIDE) - side) for side in (height, width))]
        image = np.pad(pixels, pad, mode="edge")
        if not self.header.normalization.deep:
            image = np.divide(image, self.header.normalization.value_range, dtype=np.float32)
        return np.ascontiguousarray(image, np.float32)

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
    header, file = read_header(path), OnnxFile.read(path)
    declared = file.declared_side
    free = FREE_SIZE in file.notes
    if free:
        file.free_size()
    with _naming(path, "export the model again"):
        session = open_session(file.to_bytes(), n_threads)
    return OnnxModel(header, session, None if free else declared)


def load_stored(path: Path, n_threads: int | None = None) -> OnnxModel:
    """The model in a model.safetensors by the graph that it holds, ready to run.

    Raises ModelFileError if it is damaged, or holds no graph.
    """
    header, graph = read_header(path), read_graph(path)
    if graph is None:
        raise ModelFileError(NO_GRAPH.format(path=path))
    weights = read_weights(path, graph)
    with _naming(path, "copy or train the model again"):
        session = open_session(graph.onnx.to_bytes(), n_threads, weights)
    return OnnxModel(header, session, graph.onnx.declared_side, weights)


def open_session(graph: bytes, n_threads: int | None = None, weights: Weights | None = None) -> "InferenceSession":
    """Onnxruntime with a graph; `weights` are those that it names and does not hold, and must outlive the session."""
    silence_onnxruntime()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads or os.cpu_count() or 1
    options.log_severity_level = 3  # errors only: users cannot act on the warnings
    if weights:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
        options.add_external_initializers(list(weights), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@contextmanager
def _naming(path: Path, remedy: str) -> Iterator[None]:
    """Raise ModelFileError, naming the file, where onnxruntime cannot open its graph."""
    silence_onnxruntime()
    from onnxruntime.capi import onnxruntime_pybind11_state as trouble

    try:
        yield
    except (trouble.Fail, trouble.InvalidGraph, trouble.InvalidProtobuf, trouble.NotImplemented) as error:
        raise ModelFileError(f"{path}: onnxruntime cannot run it ({first_line(error)}); {remedy}") from error
