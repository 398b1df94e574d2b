"""A model and a scene on which naive self-training collapses, and that training."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.improving.self_training import SelfTraining
from tests.worlds.models import write_model
from tests.worlds.rasters import write_raster

SURE, UNSURE = (140, 120, 120), (118, 120, 118)
"""Colours that `write_model` gives the first class with 0.92, and the second with 0.41, below every threshold.

So only the first class has labels. Learning them moves all pixels towards it, the unsure ones first.
"""


class Naive(SelfTraining):
    """Self-training on the teacher's classes where it is sure, and on nothing else."""

    def targets(self, pixels: Tensor) -> Tensor:
        """1 for the class of a pixel with a probability of 0.5 or more; 0 for all classes of other pixels."""
        probs = self.probs(pixels)
        confidence, ids = probs.max(dim=1)
        classes = F.one_hot(ids, probs.shape[1]).permute(0, 3, 1, 2).float()
        return torch.where((confidence >= 0.5)[:, None], classes, 0)


def half_unsure(height: int, width: int) -> NDArray[np.uint8]:
    """Bands (3, H, W): rows of 8 pixels, in turn of the sure and the unsure colour."""
    sure = (np.arange(height) // 8 % 2 == 0)[None, :, None]
    bands = np.where(sure, np.array(SURE)[:, None, None], np.array(UNSURE)[:, None, None])
    return np.broadcast_to(bands, (3, height, width)).astype(np.uint8).copy()


def drifting(folder: Path) -> tuple[Path, Path]:
    """The model and the scene: 164 x 96 px, of five strips of windows of 32 px with gaps."""
    return write_model(folder / "model.safetensors"), write_raster(folder / "scene.tif", half_unsure(168, 96))


def steady(folder: Path) -> tuple[Path, Path]:
    """A model and a scene of all three classes, each with 0.92: nothing drifts."""
    colors = np.array([SURE, SURE[1:] + SURE[:1], SURE[2:] + SURE[:2]])
    rows = colors[np.arange(168) // 8 % 3].T[:, :, None]
    scene = np.broadcast_to(rows, (3, 168, 96)).astype(np.uint8).copy()
    return write_model(folder / "model.safetensors"), write_raster(folder / "scene.tif", scene)
