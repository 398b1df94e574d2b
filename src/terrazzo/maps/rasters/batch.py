"""Rasters to maps with one model. All are checked before the first is computed; a bad one does not stop the others."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.maps.command import Command, Failures
from terrazzo.maps.engines.local import Engine, LocalEngine
from terrazzo.maps.engines.options import DASK
from terrazzo.maps.inputs import FoundPictures, RasterFile
from terrazzo.maps.jobs.job import RasterJob, Share, plan_map
from terrazzo.maps.jobs.resolution import check_resampling, other_resolution
from terrazzo.maps.jobs.runtime import finished_with
from terrazzo.maps.outputs.record import read_record
from terrazzo.maps.rasters.behind import Behind, Outcome
from terrazzo.maps.rasters.dry_run import MapPlan, plan_maps
from terrazzo.maps.rasters.looking import Looking
from terrazzo.maps.rasters.raster_map import compute_raster
from terrazzo.maps.rasters.units import unlike_training
from terrazzo.model.predictor import Predictor
from terrazzo.pixels.bands.order import order_note
from terrazzo.pixels.bands.scaling import extent
from terrazzo.pixels.rasters.doubts import Doubt, doubts, in_words
from terrazzo.pixels.rasters.sampling import has_valid_pixel, sample
from terrazzo.pixels.rasters.stacks.stack import warp_notes
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
        self._doubts: list[tuple[Doubt, ...]] = []
        self._done: dict[int, RasterMap] = {}

    def plan(self) -> None:
        """Find the rasters that can be mapped; report the others and remember them. Nothing is written.

        Raises OutputExistsError if something else is in the way of a map, InputError if zones touch no raster.
        """
        command, options = self.command, self.command.options
        if options.resample:
            check_resampling(command.model)
        for file in self._files:
            try:
                job = self._job(file, Share(command.engine.n_processes))
            except InputError as error:
                self.failures.add(error)
                continue
            by_cluster = command.engine.scheduler is not None and (command.overwrite or not job.finished())
            share = self._share if by_cluster else None  # raises where there is no cluster, so outside the `try`
            try:
                job = job if share is None else self._job(file, share)
                self._look_at(job)
                self.jobs.append((file, job))
            except InputError as error:
                self.failures.add(error)
        for line in in_words(self._doubts):
            command.reporter.say(line)
        if options.zones is not None:
            from terrazzo.maps.outputs.zones import refuse_far_zones

            refuse_far_zones(options.zones, [(job.raster, job.zones) for _, job in self.jobs if job.zones])
        for _, job in self.jobs:
            job.check_place(command.overwrite, command.restart)
            for words in job.zones.notes if job.zones else ():
                command.reporter.say(words)
        for words in warp_notes([job.raster for _, job in self.jobs if not job.finished()]):
            command.reporter.say(words)
        self._report_scale()
        self._report_units()
        if not options.resample:
            self._report_resolution()

    def _job(self, file: RasterFile, share: Share) -> RasterJob:
        """The raster, checked against the model and cut into pieces for the memory of each process."""
        command, folder = self.command, file.folder(self.command.out)
        model = command.model
        if command.kept and (runtime := finished_with(folder, model)) in command.kept:
            model = model.by(runtime)
        return plan_map(file.path, folder, model, command.options, command.restart, share)

    @cached_property
    def _share(self) -> Share:
        """What the workers of an existing cluster have of the memory of their machines, asked once."""
        from terrazzo.maps.engines.cluster import share_of_memory

        return share_of_memory(self.command.engine)

    def _look_at(self, job: RasterJob) -> None:
        """Report what cannot be read of a raster, and remember the doubts about it.

        Raises ImageError if no pixel is valid.
        """
        if job.finished() and not self.command.overwrite:
            return
        raster = job.raster
        for line in raster.notes:
            self.command.reporter.say(line)
        if self.command.options.bands is None:
            note = order_note(raster, job.choice.bands, self.command.model.header.reading)
            if note is not None:
                self.command.reporter.say(note)
        seen = sample(raster, job.choice.bands)
        if not has_valid_pixel(raster, job.choice, seen):
            words = "" if raster.nodata is None else f", all have the nodata value {raster.nodata:g} or are masked"
            raise ImageError(f"{raster.path}: no pixel is valid{words}; there is nothing to map")
        flag = "--scale" if self.command.options.scale else "the training's scale"
        self._doubts.append(doubts(raster, job.choice, seen, flag))

    def planned(self) -> tuple[MapPlan, ...]:
        """What mapping each raster would take."""
        return plan_maps(self.command, self.jobs)

    @property
    def done(self) -> list[RasterMap]:
        """The maps that exist so far, in the order of the inputs; also after `run` was broken off."""
        return [self._done[number] for number in sorted(self._done)]

    def run(self) -> list[RasterMap]:
        """Map the rasters or keep their finished maps; report those damaged inside and remember them."""
        command = self.command
        say, total = command.reporter.say, sum(job.n_pixels for _, job in self.jobs)
        finished = 0

        def step(pixels: int) -> None:
            nonlocal finished
            finished += pixels
            command.reporter.progress("predicting pixels", finished, total)
            behind.look()

        missing = [not job.finished() or command.overwrite for _, job in self.jobs]
        with self._engine() as engine, Behind(say) as behind:
            looking = Looking(self._local_model(engine), say)
            for number, (file, job) in enumerate(self.jobs):
                if not missing[number]:
                    self._done[number] = RasterMap(str(file.name), job.folder, True, dict(read_record(job.folder)))
                    step(job.n_pixels)
                    continue
                before = finished
                try:
                    computed = compute_raster(engine, job, step, restart=command.restart, say=say, looking=looking)
                except ImageError as error:
                    behind.wait()  # errors are reported in the order of the inputs
                    self.failures.add(error)
                    step(before + job.n_pixels - finished)
                    continue
                following = next((self.jobs[n][1] for n in range(number + 1, len(missing)) if missing[n]), None)
                aside = following is not None and following.fits_beside(job, command.engine.n_processes)
                behind.write(computed, aside, partial(self._finish, number, file))
            behind.wait()
            looking.finish()
        return self.done

    def _finish(self, number: int, file: RasterFile, outcome: Outcome) -> None:
        """Take note of the map of a raster, or report that the raster is damaged inside."""
        try:
            written = outcome()
        except ImageError as error:
            self.failures.add(error)
            return
        for line in written.notes:
            self.command.reporter.say(line)
        self._done[number] = RasterMap(str(file.name), self.jobs[number][1].folder, False, written.record)

    def _local_model(self, engine: Engine) -> Callable[[], Predictor]:
        """What gives a model in this process: the engine's own, or beside a cluster one on the CPU, opened once."""
        if isinstance(engine, LocalEngine):
            return lambda: self.command.measuring(engine.model)
        return lambda: self.command.measuring_model

    def _engine(self) -> AbstractContextManager[Engine]:
        """The engine. It opens the model, or connects to a cluster, only if a map is missing."""
        if self.command.engine.engine == DASK:
            from terrazzo.maps.engines.cluster import dask_engine

            return dask_engine(self.command.model, self.command.engine)
        if self.command.engine.devices > 1:
            from terrazzo.maps.engines.devices import DevicesEngine, on_device

            opening = [
                partial(self.command.opened, on_device(self.command.model, number))
                for number in range(self.command.engine.devices)
            ]
            return nullcontext(DevicesEngine(opening[0], self.command.model, tuple(opening[1:])))
        return nullcontext(LocalEngine(self.command.open_model, self.command.model))

    def _report_scale(self) -> None:
        """Report the scale that rasters are read with if it comes from the model."""
        scales = [job.choice.scale for _, job in self.jobs if job.choice.scale and not job.finished()]
        if scales and self.command.options.scale is None:
            low, high = extent(scales[0])
            self.command.reporter.say(
                f"values {low:g} to {high:g} are read as 0 to 255, as in training (change it with --scale)"
            )

    def _report_units(self) -> None:
        """Report the first raster whose values are unlike the training's, and how many more there are."""
        found = []
        for _, job in self.jobs:
            if not job.finished():
                with suppress(ImageError):  # said where it is mapped
                    found += [words] if (words := unlike_training(job)) else []
        if found:
            more = f" (and {how_many(len(found) - 1, 'more raster')})" if len(found) > 1 else ""
            self.command.reporter.say(found[0] + more)

    def _report_resolution(self) -> None:
        """Report the first raster of another resolution than the training data, and how many more there are."""
        header = self.command.model.header
        found = (other_resolution(job.raster, header) for _, job in self.jobs if not job.finished())
        others = [words for words in found if words is not None]
        if others:
            more = f" (and {how_many(len(others) - 1, 'more raster')})" if len(others) > 1 else ""
            self.command.reporter.say(others[0] + more)
