"""Small towns of three colours, and a model that knows them, with a measure of how far other places are from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from terrazzo.model import bundle
from terrazzo.model.familiarity.distance import fit
from terrazzo.model.familiarity.features import features
from tests.worlds.familiarity import stated
from tests.worlds.models import write_model

COLORS = ((150, 110, 110), (110, 150, 110), (110, 110, 150))
"""Colours that `write_model` is sure of, with 1 for each class."""


def town(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Bands (3, H, W): blocks of 8 px of the three colours, with noise."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 3, (-(-height // 8), -(-width // 8)))
    ids = np.repeat(np.repeat(blocks, 8, axis=0), 8, axis=1)[:height, :width]
    bands = np.array(COLORS)[ids].transpose(2, 0, 1) + rng.normal(0, 12, (3, height, width))
    return np.asarray(bands.clip(1, 255), np.uint8)


def knowing_model(path: Path) -> Path:
    """A model of patches of 32 px that measures the feature distance from such towns."""
    found = bundle.load(write_model(path), "cpu", "32")
    seen = town(256, 512, seed=1)
    windows = np.stack([seen[:, 32 * i : 32 * i + 32, 32 * j : 32 * j + 32] for i, j in np.ndindex(8, 16)])
    measure = fit(features(found.network, torch.from_numpy(windows)))
    bundle.save(path, replace(found.header, familiarity=stated()), load_file(path), measure)
    return path
