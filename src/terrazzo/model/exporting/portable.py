"""The network as exports contain it: from an image to probabilities.

The image of a network of 8 bits is in 0..1. That of a network of deeper values is in the units of its training rasters,
and a value that is not finite is missing.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from terrazzo.model.exporting.parity import Levels, noise
from terrazzo.model.header import Header
from terrazzo.model.network import Network

INPUT, OUTPUT = "image", "probs"


class Model(Protocol):
    """A trained network, as a `Bundle` is."""

    @property
    def header(self) -> Header:
        """Its header."""

    @property
    def network(self) -> Network:
        """Its network."""


class Portable(nn.Module):
    """A network from images (B, C, H, W), float32, to probabilities (B, K, H, W).

    Height and width are multiples of 32: the padding of `Network` is not part of a graph.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        normalization = model.header.normalization
        self.value_range = None if normalization.deep else normalization.value_range
        self.normalizer = model.network.normalizer
        self.temperature = model.network.temperature
        self.body = model.network.body.to(memory_format=torch.contiguous_format)

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities of the image."""
        pixels = image if self.value_range is None else image * self.value_range
        logits: Tensor = self.body(self.normalizer(pixels))
        return _softmax(logits if self.temperature == 1 else logits / self.temperature)

    def probs(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same for arrays."""
        with torch.inference_mode():
            return np.asarray(self(torch.from_numpy(image)).numpy())


def _softmax(logits: Tensor) -> Tensor:
    """Over the classes of (B, K, H, W), in plain steps.

    onnxruntime's own softmax works on the last axis: it moves the classes there and back, and takes rows of K values
    one by one. Eight windows of 256 px in six classes took U-Net EfficientNet-Lite0 224 ms with it, and 188 with these
    steps (two cores). OpenVINO takes as long with either.
    """
    exponentials = (logits - logits.amax(dim=1, keepdim=True)).exp()
    return exponentials / exponentials.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class Graph:
    """What to write of a model: its network, the height and width of its input, and whether it takes others."""

    model: Model
    side: int
    dynamic: bool

    @cached_property
    def network(self) -> Portable:
        """The network from an image to probabilities."""
        return Portable(self.model).eval()

    def expected(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a file must give for an image: the probabilities of the model itself, its temperature included."""
        normalization = self.model.header.normalization
        pixels = image if normalization.deep else image * np.float32(normalization.value_range)
        with torch.inference_mode():
            return np.asarray(self.model.network(torch.from_numpy(pixels)).softmax(dim=1).numpy())

    def shape(self, count: int = 1) -> tuple[int, ...]:
        """The shape (B, C, H, W) of the input that the graph declares."""
        return (count, self.model.header.bands, self.side, self.side)

    @property
    def levels(self) -> Levels | None:
        """The low and high value of each band (C, 1, 1); None if the image is in 0..1."""
        normalization = self.model.header.normalization
        if not normalization.deep:
            return None
        low, high = normalization.levels()
        return low[:, None, None], high[:, None, None]

    def example(self) -> Tensor:
        """Two images of noise, to trace the network with."""
        return torch.from_numpy(noise(np.random.default_rng(), self.shape(2), self.levels))

    def other_shapes(self) -> list[tuple[int, ...]]:
        """Other shapes of input."""
        bands = self.model.header.bands
        return [(2, bands, 64, 96), (1, bands, 160, 64)]
