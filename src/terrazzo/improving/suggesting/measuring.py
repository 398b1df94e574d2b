"""What an encoder sees around boxes: features to compare them by, and how far they are from the training data."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from terrazzo.model.opening import ModelFile
from terrazzo.model.predictor import Predictor
from terrazzo.pixels.bands.depth import Pixels

Values = NDArray[np.float64]


def measure(model: Predictor, file: ModelFile, windows: Iterable[Pixels]) -> Iterator[tuple[Values, Values | None]]:
    """Features (b, D) and feature distances (b,) of windows (S, S, C), a batch at a time, in their order.

    The distance is None if the model has no measure of its training data. The model is one that torch computes.
    """
    import torch

    from terrazzo.model.bundle import Bundle
    from terrazzo.model.familiarity.features import features

    if not isinstance(model, Bundle):
        raise TypeError(f"{file.path} is not computed by torch")
    at_once = max(1, model.batch_pixels // file.header.patch_size**2)
    waiting = iter(windows)
    while batch := list(islice(waiting, at_once)):
        pixels = np.ascontiguousarray(np.stack(batch).transpose(0, 3, 1, 2))
        found = features(model.network, torch.from_numpy(pixels))
        distances = None if model.measure is None else model.measure.distances(found).astype(np.float64)
        joined = torch.cat([found[level] for level in sorted(found)], dim=1)
        yield joined.cpu().numpy().astype(np.float64), distances
