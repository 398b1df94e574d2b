"""The small network that `terrazzo doctor` times; `python -m tests.worlds.probe` writes its file anew."""

import numpy as np
import torch

from terrazzo._version import __version__
from terrazzo.classes.schema import ClassSchema
from terrazzo.diagnosis.speed import PROBE
from terrazzo.model import bundle
from terrazzo.model.header import Header, TrainingData
from terrazzo.model.network import build_model
from terrazzo.model.normalization import Normalization
from terrazzo.recipe.sections import ModelSection

SECTION = ModelSection(filters=(8, 16, 32), batch_norm=True, dropout=0)
HEADER = Header(
    terrazzo_version=__version__,
    model=SECTION,
    bands=3,
    schema=ClassSchema(("a", "b", "c"), ((255, 0, 0), (0, 255, 0), (0, 0, 255))),
    normalization=Normalization("unit", (0.5,) * 3, (0.25,) * 3),
    patch_size=256,
    fit="crop",
    recipe={},
    training_data=TrainingData("", "group", {}, 0, (), 0, 0),
    key="probe",
)


def state() -> dict[str, torch.Tensor]:
    """Weights of a fixed pattern, so that they depend on no generator of random numbers."""
    found = build_model(SECTION, 3, 3, HEADER.normalization).state_dict()
    for name, tensor in found.items():
        if tensor.ndim == 4:
            wave = np.sin(np.arange(tensor.numel(), dtype=np.float64) * 0.7)
            scale = np.sqrt(4 / (tensor.shape[1] * tensor.shape[2] * tensor.shape[3]))
            found[name] = torch.from_numpy((wave * scale).astype(np.float32)).view(tensor.shape)
        elif name.endswith("bias"):
            found[name] = torch.zeros_like(tensor)
    return found


if __name__ == "__main__":
    bundle.save(PROBE, HEADER, state())
