"""What computes the pieces of a raster: the interface, and the engine that does it in this process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from terrazzo.maps.engines.options import LOCAL
from terrazzo.maps.engines.threads import steady_threads
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.pieces.computing import Finished, fill_journal
from terrazzo.maps.pieces.journal import Journal
from terrazzo.maps.pieces.lattice import Piece
from terrazzo.maps.pieces.window_reader import WindowReader
from terrazzo.model.opening import ModelFile, computes_on
from terrazzo.model.predictor import Predictor
from terrazzo.model.windows.tiling import window_batch
from terrazzo.pixels.rasters.reading import open_pixels


class Engine(Protocol):
    """Computes the pieces of one raster after the other."""

    def get_ready(self) -> None:
        """Do what is needed once, before the first raster: open the model, or connect to a cluster."""

    def compute(self, job: RasterJob, journal: Journal, pieces: Sequence[Piece]) -> Iterator[Finished]:
        """Compute the pieces in any order; each is in the journal when it is returned."""

    def describe(self) -> Mapping[str, Any]:
        """How the pieces are computed, for run.json."""


@dataclass(frozen=True)
class LocalEngine:
    """Computes in this process; the model is opened for the first piece and kept."""

    open_model: Callable[[], Predictor]
    file: ModelFile | None = None
    """The file that is opened; None leaves device, precision and runtime out of run.json."""

    @cached_property
    def model(self) -> Predictor:
        """The opened model."""
        return self.open_model()

    def get_ready(self) -> None:
        """Open the model."""
        _ = self.model

    def compute(self, job: RasterJob, journal: Journal, pieces: Sequence[Piece]) -> Iterator[Finished]:
        """Compute the pieces in their order."""
        if pieces:
            at_once = window_batch(self.model, job.model.tiling)
            if (means := self._means()) is not None:
                journal.settle(means)
            with self._steady(), reading(job, batch_size(job, at_once)) as reader:
                yield from compute_pieces(job, self.model, reader, journal, pieces)

    def describe(self) -> Mapping[str, Any]:
        """This process, and its device, precision and runtime if it has computed anything."""
        means = self._means() if "model" in self.__dict__ else None
        return {"engine": LOCAL, **(means or {})}

    def _means(self) -> dict[str, str] | None:
        """Device, precision and runtime, by the names of their flags; None without a model file."""
        return None if self.file is None else computes_on(self.file)

    def _steady(self) -> AbstractContextManager[None]:
        return steady_threads() if self.file is not None and self.file.runs_torch else nullcontext()


def batch_size(job: RasterJob, at_once: int) -> int:
    """How many windows are classified at a time: the same for every batch of a raster (`window_reader.Batch`).

    `at_once` is what suits the model (`tiling.window_batch`). It is cut to the windows of the raster, not of a piece.
    """
    return min(job.model.tiling.batch_size or at_once, job.lattice.n_windows)


@contextmanager
def reading(job: RasterJob, batch_size: int) -> Iterator[WindowReader]:
    """The windows of a job's raster, open for reading. Close it in the thread that opened it."""
    with open_pixels(job.raster, job.choice) as source:
        yield WindowReader(job.grid.source(source), job.lattice, job.model.header.normalization, batch_size)


def compute_pieces(
    job: RasterJob, model: Predictor, reader: WindowReader, journal: Journal, pieces: Sequence[Piece]
) -> Iterator[Finished]:
    """Compute pieces of a job with an opened model, as every engine does."""
    return fill_journal(job.options.views.of(model.classify), reader, journal, job.options.computed, pieces)
