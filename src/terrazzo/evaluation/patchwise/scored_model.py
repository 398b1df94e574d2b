"""The model that is scored: a `Bundle`, or a graph in another runtime behind the same methods."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.evaluation.request import Inputs, Request
from terrazzo.model.bundle import Bundle
from terrazzo.model.header import Header
from terrazzo.model.opening import open_model
from terrazzo.model.runtimes.gpus import check_gpus, gpu
from terrazzo.model.runtimes.registry import checked
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.pixels.bands.depth import Pixels

if TYPE_CHECKING:
    from terrazzo.model.predictor import Predictor


class ScoredModel(Protocol):
    """What scoring asks of a model."""

    @property
    def header(self) -> Header:
        """The model's header."""

    @property
    def device(self) -> torch.device:
        """Where probabilities lie."""

    def probs(self, pixels: Tensor) -> Tensor:
        """Probabilities (B, K, H, W) float32 on the device, for pixels (B, C, H, W)."""

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """The same for arrays."""


@dataclass(frozen=True)
class GraphOnCpu:
    """A graph that onnxruntime or OpenVINO computes."""

    graph: "Predictor"

    @property
    def header(self) -> Header:
        """The header of its file."""
        return self.graph.header

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def probs(self, pixels: Tensor) -> Tensor:
        """`classify` for tensors."""
        return torch.from_numpy(self.classify(pixels.numpy()))

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """The graph's probabilities (B, K, H, W)."""
        return np.ascontiguousarray(self.graph.classify(pixels))


@dataclass(frozen=True)
class OnDevices:
    """The same model on several devices; what is not shared among them is that of the first."""

    models: tuple[ScoredModel, ...]

    @property
    def header(self) -> Header:
        """The model's header."""
        return self.models[0].header

    @property
    def device(self) -> torch.device:
        """The first device."""
        return self.models[0].device

    def probs(self, pixels: Tensor) -> Tensor:
        """Those of the first device."""
        return self.models[0].probs(pixels)

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """That of the first device."""
        return self.models[0].classify(pixels)


def each_of(model: ScoredModel) -> tuple[ScoredModel, ...]:
    """The model on each of its devices."""
    return model.models if isinstance(model, OnDevices) else (model,)


def open_scored(request: Request) -> ScoredModel:
    """The model of a request in its runtime, on each of its devices. Raises InputError or ModelFileError."""
    if request.devices > 1:
        return OnDevices(tuple(_opened(request, gpu(number)) for number in range(request.devices)))
    return _opened(request, request.device)


def check_devices(inputs: Inputs) -> None:
    """Raise InputError where the model does not compute on as many GPUs as are asked for."""
    request = inputs.request
    asked = Asked(request.device, request.precision)
    device, _ = checked(request.model, asked, request.runtime).computes_on(request.model, asked)
    check_gpus(request.device, request.devices, {"device": device, "runtime": request.runtime})


def _opened(request: Request, device: str) -> ScoredModel:
    model = open_model(request.model, device, request.precision, runtime=request.runtime)
    return model if isinstance(model, Bundle) else GraphOnCpu(model)
