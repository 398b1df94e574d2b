"""A trained model as one value: the network with its weights, and the header with everything else.

`save` writes one safetensors file. `load` needs only that file: no network access, no pickle, nothing to retype.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.exporting.formats import format_of, read_hdf5_weights
from terrazzo.model.exporting.stored_graph import GRAPH_KEY, packed
from terrazzo.model.familiarity.distance import Measure, distances, split_tensors
from terrazzo.model.hardware import Compute, choose
from terrazzo.model.header import METADATA_KEY, Header, read_header
from terrazzo.model.network import NETWORK_ERRORS, Network, build_model
from terrazzo.model.predictor import CPU_BATCH_PIXELS
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.extras import installed, silence_onnxruntime
from terrazzo.system.files import write_beside
from terrazzo.system.reporting import first_line

_GPU_BATCH_PIXELS = 1 << 22


@dataclass(frozen=True)
class Bundle:
    """A trained model, ready to use on one device."""

    header: Header
    network: Network
    compute: Compute
    measure: Measure | None = None
    """What the feature distance from the training data is computed from; None in exports and earlier files."""
    settled: Network | None = None
    """The same network prepared for maps alone (`runtimes.settled`), which gives the same logits; None: `network`."""

    def probs(self, pixels: Tensor) -> Tensor:
        """Class probabilities (B, K, H, W) float32 on the device, for pixels (B, C, H, W) as `Network` takes them.

        They are calibrated by the header's temperature.
        """
        if pixels.shape[1] != self.header.bands:
            raise InputError(f"the image has {pixels.shape[1]} bands, the model takes {self.header.bands}")
        with torch.inference_mode(), self.compute.autocast():
            moved = pixels.to(self.compute.device).contiguous(memory_format=self.compute.memory_format)
            logits = self._logits(moved)
        return logits.float().softmax(dim=1).contiguous()  # class by class, as blending adds them up

    def _logits(self, pixels: Tensor) -> Tensor:
        """Logits (B, K, H, W). Raises InputError if the network does not take images of this height and width."""
        try:
            return cast(Tensor, (self.network if self.settled is None else self.settled)(pixels))
        except torch.OutOfMemoryError:
            raise
        except NETWORK_ERRORS as error:
            height, width = pixels.shape[-2:]
            raise InputError(
                f"{self.header.title}: the network cannot map a window of {height} x {width} px "
                f"({first_line(error):.160}); it was trained on patches of {self.header.patch_size} px"
            ) from error

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.compute.device

    @property
    def batch_pixels(self) -> int:
        """How many pixels to process together: about 0.25 megapixels on a CPU, 4 on an accelerator."""
        return CPU_BATCH_PIXELS if self.compute.device.type == "cpu" else _GPU_BATCH_PIXELS

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """`probs` for arrays. Raises MemoryError if the accelerator's memory does not hold the batch."""
        try:
            return cast(NDArray[np.float32], self.probs(torch.from_numpy(pixels)).cpu().numpy())
        except torch.cuda.OutOfMemoryError as error:
            message = str(error)
        # Outside the handler: the frames of the error hold the tensors that are to be freed.
        torch.cuda.empty_cache()
        raise MemoryError(message)

    def distances(self, pixels: Pixels) -> NDArray[np.float32] | None:
        """Feature distances (B,) of windows (B, C, H, W) from the training data (`familiarity.distance`), or None."""
        return distances(self, pixels)

    def predict(self, image: Pixels) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Class ids (H, W) and probabilities (K, H, W) of one image (H, W, C) of any size from 1 px.

        It is uint8, or of a model of deeper values any number type, in the units of its training rasters.
        """
        from terrazzo.model.windows.tiling import predict_array

        return predict_array(self, image)


def load(path: str | Path, device: str = "auto", precision: str = "auto") -> Bundle:
    """The model in a model.safetensors or an exported .h5, on a device.

    Raises InputError or ModelFileError naming the file.
    """
    path = Path(path)
    header, exported = read_header(path), format_of(path)
    if exported is not None and exported.holds == "graph":
        raise InputError(
            f"{path}: holds a compiled graph, not weights that torch can load; "
            "give the model.safetensors that it was exported from"
        )
    compute = choose(device, precision)
    network = build_model(header.model, header.bands, header.schema.n_classes, header.normalization)
    network.temperature = header.temperature
    weights, measure = split_tensors(_tensors(path))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path}: its weights do not fit its own header; the file was changed, train it again"
        ) from error
    network.eval().to(compute.device, memory_format=compute.memory_format)  # type: ignore[call-overload]
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return Bundle(header, network, compute, measure if header.familiarity is not None else None)


def _tensors(path: Path) -> dict[str, Tensor]:
    if format_of(path):
        return {name: torch.from_numpy(weights) for name, weights in read_hdf5_weights(path).items()}
    return dict(load_file(path))


def save(path: Path, header: Header, state: dict[str, Tensor], measure: Measure | None = None) -> None:
    """Write header and weights as one safetensors file, whole or not at all. Equal ones give equal bytes.

    With the package onnx, the file also holds the graph by which onnxruntime maps without torch (`stored_graph`).
    Without the measure that belongs to these very weights, the header's `familiarity` is left out.
    """
    weights, _ = split_tensors(state)
    state = weights | (measure.tensors() if measure else {})
    header = header if measure else header.without_familiarity()
    tensors = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in state.items()}
    entries = {METADATA_KEY: header.to_json(), "format": "pt"} | _graph_entry(header, tensors)
    with write_beside(path) as temporary:
        save_file(tensors, temporary, metadata=entries)
        _order_notes(temporary)
        temporary.chmod(0o644)  # the library leaves it readable by its owner alone


def _graph_entry(header: Header, tensors: dict[str, Tensor]) -> dict[str, str]:
    """The text entry of the graph; none if the package that makes it is absent, or there is no such graph."""
    if not installed("onnx"):
        return {}
    silence_onnxruntime()
    from terrazzo.model.exporting.graph_making import graph_of

    graph = graph_of(header, split_tensors(tensors)[0])
    return {} if graph is None else {GRAPH_KEY: packed(graph)}


def _order_notes(path: Path) -> None:
    """Put the text entries of a safetensors file in alphabetical order: the library writes them in a random one."""
    with path.open("rb+") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
        entries["__metadata__"] = dict(sorted(entries["__metadata__"].items()))
        text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:  # else the library wrote a character more briefly: its order is as good a file
            file.seek(8)
            file.write(text.ljust(length))
