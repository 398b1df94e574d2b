"""Several rasters to maps with one model: all are checked before the first is computed, a bad one stops no other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.orthomosaics.jobs import RasterJob, check_model, plan_map
from terrazzo.orthomosaics.mapping import map_raster
from terrazzo.orthomosaics.options import MapOptions
from terrazzo.orthomosaics.record import read_record
from terrazzo.prediction.engines import open_model
from terrazzo.prediction.inputs import RasterFile
from terrazzo.prediction.model_file import ModelFile
from terrazzo.predictors import Halving, Predictor
from terrazzo.reporting import Progress, Say


@dataclass(frozen=True)
class RasterMap:
    """The map of one raster."""

    name: str
    """The raster's name below its input."""
    folder: Path
    kept: bool
    """Whether it was there already."""
    record: dict[str, Any]
    """What its run.json says."""


@dataclass
class RasterBatch:
    """The rasters of one command and what has become of them so far."""

    model: ModelFile
    options: MapOptions
    progress: Progress
    say: Say
    jobs: list[tuple[RasterFile, RasterJob]] = field(default_factory=list)
    failures: list[InputError] = field(default_factory=list)

    def plan(self, files: Sequence[RasterFile], out: Path, overwrite: bool, restart: bool) -> None:
        """Find the rasters that can be mapped; the others are told and remembered.

        Raises OutputExistsError where something else is in the way of a map.
        """
        check_model(self.model)
        for file in files:
            try:
                self.jobs.append((file, plan_map(file.path, file.folder(out), self.model, self.options)))
            except InputError as error:
                self._failed(error, len(files))
        for _, job in self.jobs:
            job.check_place(overwrite, restart)

    def run(self, overwrite: bool, restart: bool) -> list[RasterMap]:
        """Map the rasters, or keep their finished maps; one that is damaged inside is told and remembered."""
        done = []
        total = sum(job.n_pixels for _, job in self.jobs)
        finished = 0
        model: Predictor | None = None

        def step(pixels: int) -> None:
            nonlocal finished
            finished += pixels
            self.progress("predicting pixels", finished, total)

        for file, job in self.jobs:
            if job.finished() and not overwrite:
                done.append(RasterMap(str(file.name), job.folder, True, dict(read_record(job.folder))))
                step(job.n_pixels)
                continue
            # Opened only now: torch is not waited for where all maps are there.
            model = model or Halving(open_model(self.model.path, self.model.device, self.model.precision), self.say)
            before = finished
            try:
                record = map_raster(job, model, restart, step)
            except ImageError as error:
                self._failed(error, len(self.jobs))
                step(before + job.n_pixels - finished)
            else:
                done.append(RasterMap(str(file.name), job.folder, False, record))
        return done

    def _failed(self, error: InputError, n_files: int) -> None:
        self.failures.append(error)
        if n_files > 1:
            self.say(str(error))
