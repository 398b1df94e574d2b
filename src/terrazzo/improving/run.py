"""One adaptation, from checked arguments to the written model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from terrazzo._version import __version__
from terrazzo.errors import InputError
from terrazzo.improving.checkpoint import Checkpoint
from terrazzo.improving.confidence import LEAST, Confidences
from terrazzo.improving.guard import Guard
from terrazzo.improving.scenes import Reading, Scene, open_scenes
from terrazzo.improving.self_training import Schedule, SelfTraining, augmentation_of, self_train
from terrazzo.improving.windows import Windows, read_windows
from terrazzo.model.bundle import Bundle, load, save
from terrazzo.model.header import GuardFigures, Header, LineageStep
from terrazzo.model.opening import ModelFile
from terrazzo.model.windows.tiling import plan
from terrazzo.pixels.bands.light import light_of
from terrazzo.system.files import writing
from terrazzo.system.reporting import Reporter, first_line, how_many, listed
from terrazzo.training.augmentation import Augmentation

if TYPE_CHECKING:
    from terrazzo.maps.inputs import PictureFile, RasterFile

MOST_STEPS = 150
ROUNDS = 20
"""Without --steps, each window is seen this often, within `MOST_STEPS`."""
BATCH, BATCH_PIXELS = 8, 1 << 19
"""Windows a step: at most so many, and so many pixels."""


@dataclass(frozen=True)
class Job:
    """The arguments of `adapt`, checked."""

    model: Path
    header: Header
    files: "Sequence[PictureFile | RasterFile]"
    hashes: Sequence[str]
    """SHA-256 of each scene."""
    parent: str
    """SHA-256 of the model."""
    key: str
    out: Path
    steps: int | None
    seed: int
    device: str
    precision: str
    reading: Mapping[str, Any]

    def schedule(self, n_windows: int) -> Schedule:
        """How long to train on `n_windows` windows."""
        batch = max(1, min(BATCH, BATCH_PIXELS // self.header.patch_size**2))
        steps = self.steps or min(MOST_STEPS, -(-ROUNDS * n_windows // batch))
        return Schedule(steps, batch, seed=self.seed)


def run(job: Job, reporter: Reporter) -> LineageStep:
    """Adapt the model and write it; what is added to its lineage.

    Raises ImageError or InputError where the scenes cannot be used, or memory does not hold a step.
    """
    file = ModelFile(job.model, job.parent, job.header, plan(job.header), job.device, job.precision)
    scenes = open_scenes(job.files, file, Reading(**job.reading), reporter.say)
    windows, guard_windows = read_windows(scenes, job.header, reporter.progress)
    bundle = load(job.model, job.device, job.precision)
    bundle.network.temperature = 1.0  # it learns as a trained network does; its file keeps the start model's
    schedule = job.schedule(len(windows))
    reporter.say(
        f"adapting on {bundle.compute.describe()}: {how_many(schedule.steps, 'step')} of {schedule.batch} windows; "
        f"{len(windows)} to train on, {len(guard_windows)} to check with"
    )
    with _memory(bundle.compute.device.type):
        confidences = _confidences(bundle, windows, schedule.batch, reporter)
        thresholds = confidences.thresholds()
        training = SelfTraining(bundle.network, bundle.compute, _augmentation(job.header))
        guard = Guard(guard_windows, training.probs, thresholds, schedule.batch, bundle.compute.device)
        _refuse_unsure(scenes, confidences.sure(thresholds), guard.n_confident)
        checkpoint, names = Checkpoint(job.out, job.key, reporter.say), job.header.schema.names
        found = self_train(training, windows, guard, schedule, checkpoint, (names, reporter.progress))
    if found.stopped is not None:
        reporter.say(f"{job.out}: the guard ended training: {found.stopped}")
    figures = GuardFigures(
        n_training=len(windows),
        n_guard=len(guard_windows),
        agreement=found.figures.agreement,
        shares_before=dict(zip(names, guard.start.shares, strict=True)),
        shares_after=dict(zip(names, found.figures.shares, strict=True)),
        used=dict(zip(names, confidences.pixels, strict=True)),
        stopped=found.stopped,
    )
    seen = tuple({"name": scene.name, "sha256": sha256} for scene, sha256 in zip(scenes, job.hashes, strict=True))
    step = LineageStep("adapt", (job.parent,), seen, found.figures.step, figures, found.stopped is not None)
    header = replace(
        job.header,
        terrazzo_version=__version__,
        key=job.key,
        scores=None,  # they were the start model's
        calibration=None if job.header.calibration is None else job.header.calibration.unmeasured(),
        lineage=(*job.header.lineage, step),
    )
    with writing(job.out):
        save(job.out, header, dict(found.state))
    checkpoint.remove()
    return step


def _augmentation(header: Header) -> Augmentation:
    names = None if header.band_reading is None else header.band_reading.names
    light = light_of(names, header.bands, not header.normalization.deep)
    return augmentation_of(header.recipe, light, header.schema.n_classes)


def _confidences(bundle: Bundle, windows: Windows, batch: int, reporter: Reporter) -> Confidences:
    """How sure the start model is of each class, on the windows to train on."""
    device = bundle.compute.device
    found = Confidences(bundle.header.schema.n_classes, device)
    for first in range(0, len(windows), batch):
        part = slice(first, first + batch)
        probs = bundle.probs(torch.from_numpy(windows.pixels[part]))
        found.add(probs, torch.from_numpy(windows.valid[part]).to(device))
        reporter.progress("mapping windows", min(first + batch, len(windows)), len(windows))
    return found


def _refuse_unsure(scenes: Sequence[Scene], n_sure: int, n_confident: int) -> None:
    """Raise InputError if the model is sure of nothing in a place, so that there is nothing to learn from."""
    if n_sure and n_confident:
        return
    where = "to train on" if not n_sure else "to check with"
    raise InputError(
        f"{listed([scene.name for scene in scenes])}: the model gives no pixel {where} a probability of {LEAST:g}; "
        "give a scene more like its training data, or train with labels of this place"
    )


@contextmanager
def _memory(device: str) -> Iterator[None]:
    """Raise InputError where the device's memory does not hold a step."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"--device {device}: ran out of memory ({first_line(error):.100}); use --device cpu"
        ) from error
