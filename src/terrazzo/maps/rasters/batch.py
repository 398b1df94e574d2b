"""Several rasters to maps with one model: all are checked before the first is computed, a bad one stops no other."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.maps.engines.local import Engine, LocalEngine
from terrazzo.maps.engines.options import DASK, EngineOptions
from terrazzo.maps.inputs import RasterFile
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.jobs.resolution import check_resampling, other_resolution
from terrazzo.maps.outputs.record import read_record
from terrazzo.maps.rasters.mapping import map_with
from terrazzo.model.opening import ModelFile, open_model
from terrazzo.model.predictor import Halving
from terrazzo.system.places import Place
from terrazzo.system.reporting import Progress, Say


@dataclass(frozen=True)
class RasterMap:
    """The map of one raster."""

    name: str
    """The raster's name below its input."""
    folder: Place
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
    engine: EngineOptions = field(default_factory=EngineOptions)
    jobs: list[tuple[RasterFile, RasterJob]] = field(default_factory=list)
    failures: list[InputError] = field(default_factory=list)

    def plan(self, files: Sequence[RasterFile], out: Place, overwrite: bool, restart: bool) -> None:
        """Find the rasters that can be mapped; the others are told and remembered.

        Raises OutputExistsError where something else is in the way of a map, InputError where zones touch no raster.
        """
        if self.options.resample:
            check_resampling(self.model)
        for file in files:
            try:
                self.jobs.append((file, plan_map(file.path, file.folder(out), self.model, self.options, restart)))
            except InputError as error:
                self._failed(error, len(files))
        if self.options.zones is not None:
            from terrazzo.maps.outputs.zones import refuse_far_zones

            refuse_far_zones(self.options.zones, [(job.raster, job.zones) for _, job in self.jobs if job.zones])
        for _, job in self.jobs:
            job.check_place(overwrite, restart)
            for words in job.zones.notes if job.zones else ():
                self.say(words)
        self._tell_scale()
        if not self.options.resample:
            self._warn_of_resolution()

    def run(self, overwrite: bool, restart: bool) -> list[RasterMap]:
        """Map the rasters, or keep their finished maps; one that is damaged inside is told and remembered."""
        done = []
        total = sum(job.n_pixels for _, job in self.jobs)
        finished = 0

        def step(pixels: int) -> None:
            nonlocal finished
            finished += pixels
            self.progress("predicting pixels", finished, total)

        with self._engine() as engine:
            for file, job in self.jobs:
                if job.finished() and not overwrite:
                    done.append(RasterMap(str(file.name), job.folder, True, dict(read_record(job.folder))))
                    step(job.n_pixels)
                    continue
                before = finished
                try:
                    record = map_with(engine, job, restart, step, self.say)
                except ImageError as error:
                    self._failed(error, len(self.jobs))
                    step(before + job.n_pixels - finished)
                else:
                    done.append(RasterMap(str(file.name), job.folder, False, record))
        return done

    def _engine(self) -> AbstractContextManager[Engine]:
        """What computes; it opens the model, or connects to a cluster, only where a map is not there yet."""
        model = self.model
        if self.engine.engine == DASK:
            from terrazzo.maps.engines.cluster import dask_engine

            return dask_engine(model, self.engine)
        return nullcontext(
            LocalEngine(lambda: Halving(open_model(model.path, model.device, model.precision), self.say), model)
        )

    def _tell_scale(self) -> None:
        """Say once by which scale rasters are read where only the model says so."""
        scales = [job.choice.scale for _, job in self.jobs if job.choice.scale and not job.finished()]
        if scales and self.options.scale is None:
            low, high = scales[0]
            self.say(f"values {low:g} to {high:g} are read as 0 to 255, as in training (--scale changes it)")

    def _warn_of_resolution(self) -> None:
        """Say once which raster is of another resolution than the model's training, and how many more are."""
        found = (other_resolution(job.raster, self.model.header) for _, job in self.jobs if not job.finished())
        others = [words for words in found if words is not None]
        if others:
            self.say(others[0] + (f" (so are {len(others) - 1} more rasters)" if len(others) > 1 else ""))

    def _failed(self, error: InputError, n_files: int) -> None:
        self.failures.append(error)
        if n_files > 1:
            self.say(str(error))
