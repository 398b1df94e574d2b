"""What a Dask worker does: it opens the model once, each raster once, and writes finished pieces to the journal.

Only a piece's number goes to a worker and only a count comes back. Pixels and sums never pass through the scheduler. A
worker computes one piece at a time, in a thread of its own, as a GDAL file belongs to the thread that opened it.
"""

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from typing import cast

from distributed import Worker, WorkerPlugin, get_worker

from terrazzo.errors import InputError, TerrazzoError
from terrazzo.maps.engines.local import compute_pieces, reading
from terrazzo.maps.engines.threads import steady_count, steady_threads
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.pieces.computing import Finished
from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Piece
from terrazzo.maps.pieces.window_reader import WindowReader
from terrazzo.model.opening import ModelFile, computes_on, open_models
from terrazzo.model.predictor import Halving, Predictor
from terrazzo.model.windows.tiling import window_batch
from terrazzo.pixels.rasters.stacks.stack import read_image
from terrazzo.system.devices import OPENVINO, TORCH
from terrazzo.system.files import file_digest
from terrazzo.system.machine import library_versions


@dataclass(frozen=True)
class Equipment:
    """What a worker computes with, as far as it affects a map; equal on all workers of a run."""

    versions: dict[str, str]
    device: str
    precision: str
    window_batch: int
    """How many windows it computes best at a time."""
    runtime: str = TORCH

    def differs(self, expected: "Equipment") -> str | None:
        """The first difference, as `torch 2.4.0 instead of 2.5.1`; None if there is none."""
        for library in sorted(self.versions.keys() | expected.versions.keys()):
            found, wanted = (which.versions.get(library, "missing") for which in (self, expected))
            if found != wanted:
                return f"{library} {found} instead of {wanted}"
        if (self.device, self.precision) != (expected.device, expected.precision):
            return f"{self.device} ({self.precision}) instead of {expected.device} ({expected.precision})"
        if self.runtime != expected.runtime:
            return f"{self.runtime} instead of {expected.runtime}"
        return None

    @property
    def means(self) -> dict[str, str]:
        """Device, precision and runtime, by the names of their flags."""
        return {"device": self.device, "precision": self.precision, "runtime": self.runtime}


class ModelOnWorker(WorkerPlugin):
    """The model of a run on one worker, and the thread that computes with it.

    `n_threads` is how many cores a worker of the client's own cluster may use. None: the cluster is someone else's, and
    knows the cores of its workers.
    """

    def __init__(self, model: ModelFile, n_threads: int | None) -> None:
        self._file, self._n_threads = model, n_threads
        self._model: Predictor | None = None

    def setup(self, worker: Worker) -> None:
        """Called by Dask on each worker, including those that join later."""
        self.address = worker.address
        self.thread = ThreadPoolExecutor(1, "terrazzo")
        if self._n_threads is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the client stops its workers
        # Dask gives a worker one thread for each core. Only one of them computes, so torch may use all cores.
        self._n_threads = steady_count(self._n_threads or worker.state.nthreads)

    def teardown(self, worker: Worker) -> None:
        """Called by Dask at the end."""
        self.thread.shutdown(wait=False)

    def opened(self) -> Predictor:
        """The model, opened by the first call. Raises InputError if the worker does not see the client's file."""
        if self._model is None:
            for file in self._file.every:
                path = file.path
                if not path.is_file() or file_digest(path) != file.digest:
                    raise InputError(
                        f"{path}: worker {self.address} finds {'another' if path.is_file() else 'no'} file there; "
                        "the model must lie where all workers can read it under the same path"
                    )
            self._model = Halving(open_models(self._file, self._n_threads))
        return self._model

    def threads(self) -> AbstractContextManager[None]:
        """The worker's cores for torch, where torch computes; its process has its own number back at the end."""
        return steady_threads(self._n_threads) if self._file.runs_torch else nullcontext()

    def equipment(self) -> Equipment:
        """What this worker computes with."""
        file = self._file
        return Equipment(
            library_versions(*[OPENVINO] * (file.computed_by == OPENVINO)),
            **computes_on(file),
            window_batch=window_batch(self.opened(), file.tiling),
        )


class RasterOnWorker(WorkerPlugin):
    """A raster of a run on one worker, opened for its first piece there, and the journal of its pieces."""

    def __init__(self, job: RasterJob, journal: Journal, model: str, equipment: Equipment, batch_size: int) -> None:
        self._job, self._journal, self._model = job, journal, model
        self._equipment, self._batch_size = equipment, batch_size
        self._reader: WindowReader | None = None

    def setup(self, worker: Worker) -> None:
        """Called by Dask on each worker, including those that join later."""
        self._model_on_worker = cast(ModelOnWorker, worker.plugins[self._model])
        self._stack = ExitStack()

    def teardown(self, worker: Worker) -> None:
        """Called by Dask when the raster is done; the thread first finishes the piece at hand."""
        with suppress(RuntimeError):  # the worker is closing and its thread is gone
            self._model_on_worker.thread.submit(self._stack.close)

    def finish(self, piece: Piece) -> Finished:
        """Compute a piece, unless a worker finished it and died before it could report."""
        try:
            return self._model_on_worker.thread.submit(self._finish, piece).result()
        except TerrazzoError as error:
            failure = type(error)(str(error))
        raise failure  # without its cause: GDAL's error cannot be sent to the client

    def _finish(self, piece: Piece) -> Finished:
        reader = self._reader = self._reader or self._opened()
        if self._journal.has(piece):
            return Finished(piece, 0)
        worker = self._model_on_worker
        with worker.threads():
            (done,) = compute_pieces(self._job, worker.opened(), reader, self._journal, [piece])
        return done

    def _opened(self) -> WindowReader:
        """The raster, open for reading. Raises InputError if this worker differs from the others."""
        worker, raster = self._model_on_worker, self._job.raster
        difference = worker.equipment().differs(self._equipment)
        if difference is not None:
            raise InputError(f"worker {worker.address} has {difference}; all workers of a run must be alike")
        if not self._journal.belongs_to(self._job.begun_as):
            raise InputError(
                f"{self._journal.folder}: worker {worker.address} does not find the run's unfinished work there; "
                "--out must lie where all workers can write under the same path"
            )
        if read_image(raster.path, raster.height * raster.width, raster.ignored).identity != raster.identity:
            raise InputError(
                f"{raster.path}: worker {worker.address} finds another file there; "
                "rasters must lie where all workers can read them under the same path"
            )
        return self._stack.enter_context(reading(self._job, self._batch_size))


async def report(model: str, dask_worker: Worker) -> Equipment:
    """What a worker computes with; this opens the model there."""
    plugin = cast(ModelOnWorker, dask_worker.plugins[model])
    return await asyncio.wrap_future(plugin.thread.submit(plugin.equipment))


def finish_piece(raster: str, piece: Piece) -> Finished:
    """The task that Dask runs: one piece of the raster that the workers know by this name."""
    return cast(RasterOnWorker, get_worker().plugins[raster]).finish(piece)
