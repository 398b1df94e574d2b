"""What is asked of an evaluation: inputs and options, all checked before anything heavy is imported."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError, PatchesError
from terrazzo.model.header import Header, read_header
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.recipe.published import Published
from terrazzo.recipe.sections import LossSection
from terrazzo.system.devices import check_compute
from terrazzo.system.files import digest, file_digest

FORMAT = 2
"""Of scores.json and report.html; a report of another format is not kept."""


@dataclass(frozen=True)
class Asked:
    """One evaluation's inputs and options, checked."""

    model: Path
    header: Header
    patches: Patches
    rows: NDArray[np.int64]
    """The numbers of the split's patches."""
    split: str
    batch_size: int
    device: str
    precision: str

    @property
    def image_of(self) -> NDArray[np.int64]:
        """(N,) the number of the image that each scored patch was cut from."""
        return self.patches.image_of[self.rows]

    def key(self) -> str:
        """Equal for evaluations of the same model and patches with the same options."""
        options = [self.split, str(self.batch_size), self.device, self.precision]
        return digest(str(FORMAT), __version__, file_digest(self.model), self.patches.content_hash, *options)

    def published(self) -> Published:
        """What was published of the model's recipe; nothing in a model file from before recipes held it."""
        return Published.model_validate(self.header.recipe.get("published", {}))

    def loss(self) -> LossSection:
        """The loss that the model was trained with."""
        return LossSection.model_validate(self.header.recipe["loss"])


def check(model: Path, patches: Path, split: str, batch_size: int, device: str, precision: str) -> Asked:
    """The command of these arguments, or the error of the first that cannot be used."""
    if batch_size < 1:
        raise InputError(f"--batch-size {batch_size}: expected at least 1")
    check_compute(device, precision)
    header = read_header(model)
    opened = open_patches(patches)
    if header.schema.names != opened.schema.names:
        raise PatchesError(
            f"{patches}: has the classes {', '.join(opened.schema.names)}; the model {model} knows "
            f"{', '.join(header.schema.names)}; prepare patches with the model's classes, in its order"
        )
    if header.bands != opened.bands:
        raise PatchesError(f"{patches}: has {opened.bands} bands, the model {model} takes {header.bands}")
    rows = opened.rows(split)
    if not any((opened.masks[row] != IGNORE).any() for row in rows):
        raise PatchesError(f"{patches}: every pixel of its split {split} is ignored, so there is nothing to score")
    return Asked(model, header, opened, rows, split, batch_size, device, precision)
