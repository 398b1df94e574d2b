"""A model trained on the corrections of its map, as a new version, and the map made anew by it.

The steps lie in the folder of the job, and each keeps what an earlier worker finished: a copy of the corrections, the
labels, patches, the run and the map. Last of all the model and then the map are put in place, by a rename each.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.model.header import read_header
from terrazzo.model.runtimes.kept import kept_model
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.preparing.prepare import prepare
from terrazzo.serving.jobs.assignment import LABELS, Assignment
from terrazzo.serving.jobs.kept_inputs import KeptInputs, link
from terrazzo.serving.jobs.tasks.drawn import Drawn, draw_on, write_labels
from terrazzo.serving.jobs.tasks.image import open_raster, raster_of
from terrazzo.serving.jobs.tasks.mapping import draw_map, put_in_place
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.serving.jobs.tasks.scoring import score_map
from terrazzo.serving.jobs.training_here import WHAT
from terrazzo.serving.jobs.versions import LINEAGE, MODEL, publish_version, result_of, version_of
from terrazzo.serving.results.corrections import CLASS
from terrazzo.system.extras import need_training
from terrazzo.system.files import write_json
from terrazzo.training.train import train

_STEPS = "training, images"
"""What `train` calls its steps."""
_READING = ("bands", "scale", "nodata")
"""Options of the map that also say how its image is read for training."""
_TRAINED, _MAPPED = 70.0, 97.0
"""Per cent of the job when the model is trained, and when the map is drawn."""


def improve(assignment: Assignment, report: Report) -> Mapping[str, Any]:
    """Train the map's model on its corrections and map the image again: version, map before, and scores.

    Raises InputError where training is not installed, and what `prepare`, `train` and `predict` raise.
    """
    need_training(WHAT)
    job = Improvement.of(assignment)
    report.stage("reading the corrections", 0, 2)
    job.inputs.keep(assignment)
    if assignment.target.is_dir():  # a worker died between its last step and its last word
        there = version_of(assignment.job, job.models) or assignment.model_id
        return result_of(job.models, there, assignment.of_map)
    job.train(report)
    mapping = replace(assignment, model=job.model)
    drawn = draw_map(mapping, report, (_TRAINED, _MAPPED))
    report.stage("scoring", _MAPPED, 100)
    version = version_of(assignment.job, job.models)
    if version is None:
        job.write_version(job.scores(drawn))
        version = publish_version(job.draft, job.models, assignment.model_id, assignment.version)
    put_in_place(replace(mapping, model_id=version), drawn)
    return result_of(job.models, version, assignment.of_map)


@dataclass(frozen=True)
class Improvement:
    """One improvement, and where its steps lie."""

    assignment: Assignment
    models: Path
    """The folder of versions."""

    @classmethod
    def of(cls, assignment: Assignment) -> "Improvement":
        """The improvement that was assigned."""
        if assignment.out is None:
            raise ValueError("an assignment of an improvement without a folder of models")
        return cls(assignment, assignment.out)

    @property
    def inputs(self) -> KeptInputs:
        """The corrections and the map before, as they were when the job began."""
        return KeptInputs(self.assignment.folder)

    @property
    def run(self) -> Path:
        """The folder of the training run."""
        return self.assignment.folder / "training"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.run / MODEL

    @property
    def draft(self) -> Path:
        """The version, before it is published."""
        return self.assignment.folder / "version"

    @cached_property
    def raster(self) -> Raster:
        """The image."""
        path = raster_of(self.assignment.image, self.assignment.folder)
        return open_raster(path, self.assignment.options, self.assignment.max_pixels)

    @cached_property
    def parts(self) -> tuple[Drawn, Drawn]:
        """The corrections to train on, and those kept aside."""
        return draw_on(self.inputs.corrections, self.raster).divided()

    def train(self, report: Report) -> None:
        """Train on the corrections, from the last finished epoch of an earlier worker."""
        assignment = self.assignment
        labels, patches = assignment.folder / LABELS, assignment.folder / "patches"
        if not labels.is_file():
            write_labels(self.parts[0], self.raster, labels)
        report.stage("cutting patches", 2, 5)
        reading = {name: assignment.options[name] for name in _READING if name in assignment.options}
        prepare(
            str(self.raster.path),
            labels,
            out=patches,
            class_field=CLASS,
            for_model=assignment.model,
            progress=report.progress,
            **reading,
        )
        report.count = lambda: _epochs(self.run)
        report.stage("training", 5, _TRAINED)

        def progress(what: str, done: int, total: int) -> None:
            if what == _STEPS:  # what follows it is short, and would begin at 0 again
                report.progress(what, done, total)

        if (kept := kept_model()) is not None:
            kept.let_go()  # training needs the memory
        train(patches, out=self.run, from_model=assignment.model, resume=True, progress=progress)
        report.before = _epochs(self.run)

    def scores(self, drawn: Path) -> dict[str, Any]:
        """The scores of the map before and of the one in `drawn`; None where no polygon was kept aside."""
        names = read_header(self.model).schema.names
        trained, aside = self.parts
        return {
            "before": score_map(self.inputs.old_map, names, aside, trained),
            "after": score_map(drawn, names, aside, trained),
        }

    def write_version(self, scores: Mapping[str, Any]) -> None:
        """Write the draft of the version: the model and its lineage."""
        self.draft.mkdir(exist_ok=True)
        link(self.model, self.draft / MODEL)
        trained, aside = self.parts
        lineage = {
            "parent": self.assignment.model_id,
            "parent_sha256": _sha256(self.assignment.model),
            "map": self.assignment.of_map,
            "corrections_sha256": _sha256(self.inputs.corrections),
            "polygons": {"trained": len(trained), "kept_aside": len(aside)},
            "job": self.assignment.job,
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "scores": scores,
        }
        write_json(self.draft / LINEAGE, lineage)


def _epochs(run: Path) -> int:
    """The finished epochs of a run."""
    try:
        return max(0, len((run / "metrics.csv").read_text(encoding="utf-8").splitlines()) - 1)
    except OSError:
        return 0


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: is no longer there; choose another model") from error
