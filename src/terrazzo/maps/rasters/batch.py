"""Rasters to maps with one model: all are checked before the first is computed, a bad one stops no other."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.maps.command import Command, Failures
from terrazzo.maps.engines.local import Engine, LocalEngine
from terrazzo.maps.engines.options import DASK
from terrazzo.maps.inputs import RasterFile
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.resolution import check_resampling, other_resolution
from terrazzo.maps.outputs.record import read_record
from terrazzo.maps.rasters.raster_map import map_raster
from terrazzo.model.opening import open_model
from terrazzo.model.predictor import Halving
from terrazzo.system.places import Place


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
    """The rasters of one command."""

    command: Command
    failures: Failures
    jobs: list[tuple[RasterFile, RasterJob]] = field(default_factory=list)

    def plan(self, files: Sequence[RasterFile]) -> None:
        """Find the rasters that can be mapped; the others are reported and remembered. Nothing is written.

        Raises OutputExistsError if something else is in the way of a map, InputError if zones touch no raster.
        """
        command, options = self.command, self.command.options
        if options.resample:
            check_resampling(command.model)
        for file in files:
            folder = file.folder(command.out)
            try:
                self.jobs.append((file, plan_map(file.path, folder, command.model, options, command.restart)))
            except InputError as error:
                self.failures.add(error)
        if options.zones is not None:
            from terrazzo.maps.outputs.zones import refuse_far_zones

            refuse_far_zones(options.zones, [(job.raster, job.zones) for _, job in self.jobs if job.zones])
        for _, job in self.jobs:
            job.check_place(command.overwrite, command.restart)
            for words in job.zones.notes if job.zones else ():
                command.reporter.say(words)
        self._report_scale()
        if not options.resample:
            self._report_resolution()

    def run(self) -> list[RasterMap]:
        """Map the rasters, or keep their finished maps; one that is damaged inside is reported and remembered."""
        command, done = self.command, []
        total = sum(job.n_pixels for _, job in self.jobs)
        finished = 0

        def step(pixels: int) -> None:
            nonlocal finished
            finished += pixels
            command.reporter.progress("predicting pixels", finished, total)

        with self._engine() as engine:
            for file, job in self.jobs:
                if job.finished() and not command.overwrite:
                    done.append(RasterMap(str(file.name), job.folder, True, dict(read_record(job.folder))))
                    step(job.n_pixels)
                    continue
                before = finished
                try:
                    record = map_raster(engine, job, step, restart=command.restart, say=command.reporter.say)
                except ImageError as error:
                    self.failures.add(error)
                    step(before + job.n_pixels - finished)
                else:
                    done.append(RasterMap(str(file.name), job.folder, False, record))
        return done

    def _engine(self) -> AbstractContextManager[Engine]:
        """What computes; it opens the model, or connects to a cluster, only if a map is not there yet."""
        model, say = self.command.model, self.command.reporter.say
        if self.command.engine.engine == DASK:
            from terrazzo.maps.engines.cluster import dask_engine

            return dask_engine(model, self.command.engine)
        return nullcontext(
            LocalEngine(lambda: Halving(open_model(model.path, model.device, model.precision), say), model)
        )

    def _report_scale(self) -> None:
        """Report once by which scale rasters are read if only the model names it."""
        scales = [job.choice.scale for _, job in self.jobs if job.choice.scale and not job.finished()]
        if scales and self.command.options.scale is None:
            low, high = scales[0]
            self.command.reporter.say(
                f"values {low:g} to {high:g} are read as 0 to 255, as in training (--scale changes it)"
            )

    def _report_resolution(self) -> None:
        """Report once which raster has another resolution than the training data, and how many more have."""
        header = self.command.model.header
        found = (other_resolution(job.raster, header) for _, job in self.jobs if not job.finished())
        others = [words for words in found if words is not None]
        if others:
            more = f" (so are {len(others) - 1} more rasters)" if len(others) > 1 else ""
            self.command.reporter.say(others[0] + more)
