"""The inputs and options of an evaluation, checked before anything heavy is imported."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo._version import __version__
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError, PatchesError
from terrazzo.evaluation.patchwise.width import BOUNDARY_PX
from terrazzo.model.averaging.views import PLAIN, Views
from terrazzo.model.header import Header, read_header
from terrazzo.model.opening import check_engine
from terrazzo.model.runtimes.choosing import choose
from terrazzo.model.runtimes.registry import native
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.model.scoring.fitting import fitting_patches
from terrazzo.model.windows.tiling import plan
from terrazzo.patches.folder import Patches
from terrazzo.recipe.sections import LossSection
from terrazzo.system.devices import AUTO, check_run
from terrazzo.system.files import digest, file_digest
from terrazzo.system.reporting import Reporter

FORMAT = 4
"""The format of scores.json and report.html. A report of another format is not kept."""


@dataclass(frozen=True)
class Request:
    """What to score: a model on one split of patches, and how to compute."""

    model: Path
    patches: Path
    split: str
    batch_size: int = 8
    device: str = "auto"
    precision: str = "auto"
    reporter: Reporter = field(default_factory=Reporter)
    views: Views = PLAIN
    """The mirror images and sizes of each patch that are averaged."""
    boundary_px: int = BOUNDARY_PX
    """The width of boundary IoU."""
    runtime: str = AUTO
    """What computes the model; `with_runtime` puts a name in place of `auto`."""
    devices: int = 1
    """GPUs that share the batches."""


@dataclass(frozen=True)
class Inputs:
    """The model's header and the patches of a request, found to fit each other."""

    request: Request
    header: Header
    patches: Patches
    rows: NDArray[np.int64]
    """The numbers of the split's patches."""

    @property
    def image_of(self) -> NDArray[np.int64]:
        """(N,) the index of the image that each scored patch was cut from."""
        return self.patches.image_of[self.rows]

    def key(self) -> str:
        """A key, equal for the same model, patches and options."""
        wanted = self.request
        options = [wanted.split, str(wanted.batch_size), wanted.device, wanted.precision]
        if wanted.boundary_px != BOUNDARY_PX:
            options.append(f"boundary {wanted.boundary_px}")
        if wanted.runtime not in (AUTO, native(wanted.model)):
            options.append(f"runtime {wanted.runtime}")
        if wanted.views != PLAIN:  # so that reports of versions without them are still known as finished
            options += [wanted.views.tta, str(wanted.views.scales)]
        return digest(str(FORMAT), __version__, file_digest(wanted.model), self.patches.content_hash, *options)

    def loss(self) -> LossSection:
        """The loss that the model was trained with."""
        return LossSection.model_validate(self.header.recipe["loss"])


def open_inputs(request: Request) -> Inputs:
    """The inputs of a request. Raises InputError, ModelFileError or PatchesError, before torch is imported."""
    model, patches = request.model, request.patches
    if request.batch_size < 1:
        raise InputError(f"--batch-size {request.batch_size}: expected at least 1")
    if request.boundary_px < 1:
        raise InputError(f"--boundary-px {request.boundary_px}: expected at least 1")
    check_run(request.device, request.precision, request.runtime)
    header = read_header(model)
    check_engine(model, request.device, request.precision, request.runtime)
    opened = fitting_patches(model, header, patches, request.reporter.say)
    rows = opened.rows(request.split)
    if not any((opened.masks[row] != IGNORE).any() for row in rows):
        raise PatchesError(
            f"{patches}: every pixel of its split {request.split} is ignored, so there is nothing to score"
        )
    return Inputs(request, header, opened, rows)


def with_runtime(inputs: Inputs) -> Inputs:
    """The inputs with the runtime that `auto` means here."""
    request = inputs.request
    if request.runtime != AUTO:
        return inputs
    asked = Asked(request.device, request.precision)
    chosen = choose(request.model, plan(inputs.header), asked, request.reporter.say)
    return replace(inputs, request=replace(request, runtime=chosen))
