"""The interface of a trained model for mapping images, whether torch or onnxruntime computes it."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.model.header import Header
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.reporting import Say, quiet

STRIDE = 32
"""Networks halve their input up to five times, so heights and widths are multiples of this, or padded to one."""

CPU_BATCH_PIXELS = 1 << 18
"""Pixels to process together on a CPU. More are slower, as their activations do not fit the cache."""

Classify = Callable[[Pixels], NDArray[np.float32]]
"""Pixels (B, C, H, W), uint8 or float32 with NaN where missing, to probabilities (B, K, H, W)."""


class Predictor(Protocol):
    """A model on some device: `Bundle` or `OnnxModel`."""

    @property
    def header(self) -> Header:
        """The model's header."""

    @property
    def batch_pixels(self) -> int:
        """How many pixels are best processed together."""

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """Class probabilities (B, K, H, W) for pixels (B, C, H, W). Raises MemoryError if they do not fit."""


@runtime_checkable
class Measuring(Protocol):
    """A model that may measure how far windows are from its training data."""

    def distances(self, pixels: Pixels) -> NDArray[np.float32] | None:
        """Feature distances (B,) of windows (B, C, H, W); None if the model has no measure."""


class Halving:
    """A predictor that halves the number of windows per call if memory does not hold them, and reports it.

    A number that did not fit is not tried again. Raises InputError if not even one window fits.
    """

    def __init__(self, model: Predictor, say: Say = quiet) -> None:
        self._model, self._say = model, say
        self._most: int | None = None

    @property
    def header(self) -> Header:
        """The model's header."""
        return self._model.header

    @property
    def batch_pixels(self) -> int:
        """The model's own."""
        return self._model.batch_pixels

    def classify(self, pixels: Pixels) -> NDArray[np.float32]:
        """The model's probabilities; halving does not change them."""
        found: list[NDArray[np.float32]] = []
        done = 0
        while done < len(pixels):
            piece = pixels[done : done + (self._most or len(pixels))]
            try:
                found.append(self._model.classify(piece))
                done += len(piece)
            except MemoryError as error:
                self._most = self._halved(piece.shape, error)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def distances(self, pixels: Pixels) -> NDArray[np.float32] | None:
        """The model's own; None if it measures none."""
        return self._model.distances(pixels) if isinstance(self._model, Measuring) else None

    def _halved(self, shape: tuple[int, ...], error: MemoryError) -> int:
        count, _, height, width = shape
        if count == 1:
            raise InputError(
                f"one window of {height} x {width} px does not fit into memory; use a smaller --window, or --device cpu"
            ) from error
        self._say(
            f"{count} windows of {height} x {width} px do not fit into memory; continuing with {count // 2} at a time "
            f"(--batch-size {count // 2} starts that way)"
        )
        return count // 2
