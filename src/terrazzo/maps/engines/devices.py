"""The engine that shares the pieces of a raster among several GPUs of this machine, each with a thread of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from queue import SimpleQueue
from threading import Event
from typing import Any

from terrazzo.maps.engines.local import LocalEngine, batch_size, compute_pieces, reading
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.pieces.computing import Finished
from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Piece
from terrazzo.model.opening import ModelFile, computes_on
from terrazzo.model.predictor import Predictor
from terrazzo.model.runtimes.gpus import check_gpus, gpu
from terrazzo.model.windows.tiling import window_batch


@dataclass(frozen=True)
class DevicesEngine(LocalEngine):
    """Computes on `model` and the `others`, the same on further devices.

    Law: no byte of a map depends on how many there are, as every piece is computed by one of them alone.
    """

    open_others: tuple[Callable[[], Predictor], ...] = ()

    @cached_property
    def others(self) -> tuple[Predictor, ...]:
        """The models on the further devices, opened."""
        return tuple(open_model() for open_model in self.open_others)

    def get_ready(self) -> None:
        """Open the models."""
        _ = self.model, self.others

    def compute(self, job: RasterJob, journal: Journal, pieces: Sequence[Piece]) -> Iterator[Finished]:
        """Compute the pieces; each device takes every n-th."""
        if not pieces:
            return
        models = (self.model, *self.others)
        windows = batch_size(job, window_batch(self.model, job.model.tiling))
        if (means := self._means()) is not None:
            journal.settle(means)
        results: SimpleQueue[Finished | None] = SimpleQueue()
        stopped = Event()

        def work(model: Predictor, own: Sequence[Piece]) -> None:
            try:
                with reading(job, windows) as reader:
                    for done in compute_pieces(job, model, reader, journal, own):
                        results.put(done)
                        if stopped.is_set():
                            return
            except BaseException:
                stopped.set()
                raise
            finally:
                results.put(None)

        n = len(models)
        with self._steady(), ThreadPoolExecutor(n, "device") as threads:
            working = [threads.submit(work, model, pieces[place::n]) for place, model in enumerate(models)]
            try:
                left = n
                while left:
                    done = results.get()
                    if done is None:
                        left -= 1
                    else:
                        yield done
            finally:
                stopped.set()
            for each in working:
                each.result()

    def describe(self) -> Mapping[str, Any]:
        """This process, its devices, precision and runtime."""
        return {**super().describe(), "devices": 1 + len(self.open_others)}


def on_device(file: ModelFile, number: int) -> ModelFile:
    """The same models on GPU `number`."""
    device = gpu(number)
    return replace(file, device=device, others=tuple(replace(each, device=device) for each in file.others))


def check_devices(file: ModelFile, devices: int) -> None:
    """Raise InputError where the models do not compute on GPUs, or there are fewer than `devices`."""
    if devices > 1:
        check_gpus(file.device, devices, computes_on(file), f", or use --engine dask --workers {devices} for processes")
