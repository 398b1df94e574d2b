"""The model that is scored: a `Bundle`, or a graph in another runtime behind the same methods."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.evaluation.request import Request
from terrazzo.model.bundle import Bundle
from terrazzo.model.header import Header
from terrazzo.model.opening import open_model
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


def open_scored(request: Request) -> ScoredModel:
    """The model of a request in its runtime. Raises InputError or ModelFileError."""
    model = open_model(request.model, request.device, request.precision, runtime=request.runtime)
    return model if isinstance(model, Bundle) else GraphOnCpu(model)
