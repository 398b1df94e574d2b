"""Rasters to maps with one model. All are checked before the first is computed; a bad one does not stop the others."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.maps.command import Command, Failures
from terrazzo.maps.engines.local import Engine, LocalEngine
from terrazzo.maps.engines.options import DASK
from terrazzo.maps.inputs import FoundPictures, RasterFile
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.resolution import check_resampling, other_resolution
from terrazzo.maps.outputs.record import read_record
from terrazzo.maps.rasters.dry_run import MapPlan, plan_maps
from terrazzo.maps.rasters.raster_map import map_raster
from terrazzo.system.places import Place
from terrazzo.system.reporting import how_many


@dataclass(frozen=True)
class RasterMap:
    """The map of one raster."""

    name: str
    """The raster's name below its input."""
    folder: Place
    kept: bool
    record: dict[str, Any]


class RasterBatch:
    """The rasters of one command."""

    def __init__(self, command: Command, found: FoundPictures) -> None:
        self.command, self._files = command, found.rasters
        self.failures = Failures(command.reporter.say, len(found.rasters))
        self.jobs: list[tuple[RasterFile, RasterJob]] = []
        self.done: list[RasterMap] = []
        """The maps that exist so far, also after `run` was broken off."""

    def plan(self) -> None:
        """Find the rasters that can be mapped; report the others and remember them. Nothing is written.

        Raises OutputExistsError if something else is in the way of a map, InputError if zones touch no raster.
        """
        command, options = self.command, self.command.options
        if options.resample:
            check_resampling(command.model)
        for file in self._files:
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

    def planned(self) -> tuple[MapPlan, ...]:
        """What mapping each raster would take."""
        return plan_maps(self.command, self.jobs)

    def run(self) -> list[RasterMap]:
        """Map the rasters or keep their finished maps; report those damaged inside and remember them."""
        command, done = self.command, self.done
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
        """The engine. It opens the model, or connects to a cluster, only if a map is missing."""
        if self.command.engine.engine == DASK:
            from terrazzo.maps.engines.cluster import dask_engine

            return dask_engine(self.command.model, self.command.engine)
        return nullcontext(LocalEngine(self.command.open_model, self.command.model))

    def _report_scale(self) -> None:
        """Report the scale that rasters are read with if it comes from the model."""
        scales = [job.choice.scale for _, job in self.jobs if job.choice.scale and not job.finished()]
        if scales and self.command.options.scale is None:
            low, high = scales[0]
            self.command.reporter.say(
                f"values {low:g} to {high:g} are read as 0 to 255, as in training (change it with --scale)"
            )

    def _report_resolution(self) -> None:
        """Report the first raster of another resolution than the training data, and how many more there are."""
        header = self.command.model.header
        found = (other_resolution(job.raster, header) for _, job in self.jobs if not job.finished())
        others = [words for words in found if words is not None]
        if others:
            more = f" (and {how_many(len(others) - 1, 'more raster')})" if len(others) > 1 else ""
            self.command.reporter.say(others[0] + more)
