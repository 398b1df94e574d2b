"""The model that a command predicts with, as a value: known by its header alone, loaded when it is needed."""

from dataclasses import dataclass
from pathlib import Path

from terrazzo.model.header import Header
from terrazzo.model.windows.tiling import Tiling


@dataclass(frozen=True)
class ModelFile:
    """The model of a run: its file, what that says of itself, and how it is to look at images and to compute."""

    path: Path
    digest: str
    header: Header
    tiling: Tiling
    device: str
    precision: str
