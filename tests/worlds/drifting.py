"""A model and a scene on which plain self-training collapses."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.worlds.models import write_model
from tests.worlds.rasters import write_raster

SURE, UNSURE = (140, 120, 120), (118, 120, 118)
"""Colours that `write_model` gives the first class with 0.92, and the second with 0.41, below every threshold.

So only the first class has labels. Learning them moves all pixels towards it, the unsure ones first.
"""


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
