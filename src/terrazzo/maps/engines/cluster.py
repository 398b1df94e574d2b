"""The engine that lets the workers of a Dask cluster compute: one on this machine, or any existing one.

The client decides everything once (lattice, batch size, device, precision, runtime). It hands out pieces, a few ahead
for each worker, and the workers write them to the journal. If a worker is lost, Dask gives its piece to another one.
"""

# mypy: allow-untyped-calls
# (Dask types only a part of its functions.)

import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import uuid4

from distributed import CancelledError, KilledWorker, as_completed

from terrazzo.errors import InputError
from terrazzo.maps.engines.connection import check_installed, connected, workers_of
from terrazzo.maps.engines.local import batch_size
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.engines.worker import Equipment, ModelOnWorker, RasterOnWorker, finish_piece, report
from terrazzo.maps.jobs.job import RasterJob, Share
from terrazzo.maps.pieces.computing import Finished
from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Piece
from terrazzo.model.opening import ModelFile, convert
from terrazzo.system.devices import OPENVINO
from terrazzo.system.machine import free_bytes, library_versions

AHEAD = 2
"""Pieces that a worker holds at a time: one to compute, and the next."""
_GONE = (KeyError, OSError, RuntimeError, CancelledError)  # what Dask raises if a worker or the scheduler is gone


@dataclass(frozen=True)
class Crew:
    """A connected cluster whose workers have the model open."""

    client: Any
    model: str
    """The name by which the workers know the model."""
    equipment: Equipment
    n_workers: int


@dataclass(frozen=True)
class DaskEngine:
    """Computes on a Dask cluster, connected to for the first piece; `dask_engine` disconnects."""

    model: ModelFile
    options: EngineOptions
    stack: ExitStack = field(repr=False)

    @cached_property
    def crew(self) -> Crew:
        """The connected cluster. Raises InputError if its workers cannot be used."""
        client, n_threads = self.stack.enter_context(connected(self.options))
        return self.stack.enter_context(_equipped(client, self.model, n_threads, self.options.scheduler))

    def get_ready(self) -> None:
        """Connect, and let the workers open the model."""
        _ = self.crew

    def compute(self, job: RasterJob, journal: Journal, pieces: Sequence[Piece]) -> Iterator[Finished]:
        """Compute the pieces, returned in the order in which they are finished."""
        if not pieces:
            return
        client, equipment = self.crew.client, self.crew.equipment
        journal.settle(equipment.means)
        with self._raster(job, journal) as raster:
            waiting, pending = deque(pieces), dict[Any, str]()
            finished = as_completed(loop=client.loop)
            try:
                while waiting or pending:
                    for future in self._hand_out(raster, waiting, pending):
                        finished.add(future)
                    future = next(finished)
                    del pending[future]
                    yield _result(future, job)
                    # Released at once: a result still held when its worker dies would be computed again.
                    future.release()
            finally:
                with suppress(*_GONE):
                    client.cancel(list(pending))

    def describe(self) -> Mapping[str, Any]:
        """The cluster, and its device, precision and runtime once it is connected."""
        found: dict[str, Any] = {"engine": "dask", "scheduler": self.options.scheduler or "on this machine"}
        if "crew" in self.__dict__:
            equipment = self.crew.equipment
            found |= {"workers": self.crew.n_workers, **equipment.means}
        return found

    @contextmanager
    def _raster(self, job: RasterJob, journal: Journal) -> Iterator[str]:
        """Announce a raster to the workers, including those that join later; the name by which they know it."""
        crew, name = self.crew, f"terrazzo-raster-{uuid4().hex}"
        windows = batch_size(job, crew.equipment.window_batch)
        plugin = RasterOnWorker(_absolute(job), journal.absolute(), crew.model, crew.equipment, windows)
        crew.client.register_plugin(plugin, name)
        try:
            yield name
        finally:
            _forget(crew.client, name)

    def _hand_out(self, raster: str, waiting: deque[Piece], pending: dict[Any, str]) -> Iterator[Any]:
        """Give pieces to the workers that have the fewest; if one is lost, another takes them."""
        client = self.crew.client
        workers, load = tuple(client.nthreads()), Counter(pending.values())
        if not workers and not pending:
            workers = workers_of(client, self.options.scheduler)
        while waiting and workers:
            worker = min(workers, key=load.__getitem__)
            if load[worker] >= AHEAD:
                return
            piece = waiting.popleft()
            future = client.submit(finish_piece, raster, piece, pure=False, workers=[worker], allow_other_workers=True)
            load[worker] += 1
            pending[future] = worker
            yield future


@contextmanager
def dask_engine(model: ModelFile, options: EngineOptions) -> Iterator[DaskEngine]:
    """The engine. At the end a cluster on this machine is closed, and workers elsewhere forget the run."""
    with quiet_dask(), ExitStack() as stack:
        yield DaskEngine(model.absolute(), options, stack)


def share_of_memory(options: EngineOptions) -> Share:
    """What the workers have of the memory of their machines; of machines that differ, the least.

    Raises InputError if the scheduler or its workers cannot be reached, or have no terrazzo.
    """
    with quiet_dask(), connected(options) as (client, _):
        workers_of(client, options.scheduler)
        check_installed(client)
        free: dict[str, int] = client.run(free_bytes)
        hosts = {address: found["host"] for address, found in client.scheduler_info()["workers"].items()}
    counts = Counter(hosts.get(address, address) for address in free)
    each = (found // counts[hosts.get(address, address)] for address, found in free.items())
    return Share(max(counts.values()), min(each))


@contextmanager
def _equipped(client: Any, model: ModelFile, n_threads: int | None, scheduler: str | None) -> Iterator[Crew]:
    """Announce the model to the workers. Raises InputError if they cannot open it, or do not all compute alike."""
    workers = workers_of(client, scheduler)
    check_installed(client)
    convert(model)  # once here: workers on this machine share the cache
    name = f"terrazzo-model-{uuid4().hex}"
    client.register_plugin(ModelOnWorker(model, n_threads), name)
    try:
        reports: dict[str, Equipment] = client.run(report, name)
        first = next(iter(reports.values()))
        here = replace(first, versions=library_versions(*[OPENVINO] * (first.runtime == OPENVINO)))
        for worker, found in reports.items():
            if (difference := found.differs(here)) is not None:
                remedy = (
                    "choose one with --device, --precision and --runtime" if found.versions == here.versions else ""
                )
                raise InputError(
                    f"worker {worker} has {difference}; {remedy or 'install the same versions on the workers as here'}"
                )
        yield Crew(client, name, first, len(workers))
    finally:
        _forget(client, name)


def _forget(client: Any, name: str) -> None:
    """Remove a plugin from the workers. If they are gone, so is it: what ended the run is reported instead."""
    with suppress(*_GONE):
        client.unregister_worker_plugin(name)


def _absolute(job: RasterJob) -> RasterJob:
    """The job with absolute paths, which processes in other folders can find."""
    options = replace(job.options, zones=None)  # zones can be large, and are counted by the client
    return replace(job, raster=job.raster.absolute(), options=options, folder=job.folder.absolute(), zones=None)


def _result(future: Any, job: RasterJob) -> Finished:
    """The result of a task. Raises the task's own error, or InputError if it was lost."""
    try:
        finished: Finished = future.result()
    except KilledWorker as error:
        raise InputError(
            f"{job.raster.path}: {error.allowed_failures + 1} workers died over one piece, the last at "
            f"{error.last_worker.address}; they most likely lack memory: use fewer of them, or a smaller --window"
        ) from error
    except CancelledError as error:
        raise InputError(f"{job.raster.path}: the Dask scheduler is gone; run the command again to resume") from error
    return finished


@contextmanager
def quiet_dask() -> Iterator[None]:
    """Keep Dask's log lines off the terminal; errors say what the user must know."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("distributed", "tornado")]
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
