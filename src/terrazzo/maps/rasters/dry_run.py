"""What mapping rasters would take: windows, memory, time and disk. Nothing is written."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terrazzo.maps.areas import AREAS
from terrazzo.maps.command import Command
from terrazzo.maps.engines.local import batch_size
from terrazzo.maps.engines.options import DASK
from terrazzo.maps.inputs import RasterFile
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.outputs.cog import STRIP
from terrazzo.maps.pieces.journal import PARTIAL, Journal
from terrazzo.maps.pieces.lattice import SUM_BYTES, Lattice, Piece
from terrazzo.maps.pieces.sums import BANDS, CLASSES
from terrazzo.model.opening import computes_on
from terrazzo.model.predictor import Predictor
from terrazzo.model.windows.tiling import window_batch
from terrazzo.system.devices import precision_words
from terrazzo.system.places import Place
from terrazzo.system.reporting import how_many
from terrazzo.system.sizes import size_words

SHARE_OF_NETWORK = 0.84
"""The network's share of the time of a run without polygons, as benchmarks/prediction.py measured it."""
SMALL_BYTES = 4_000_000
"""An upper bound for quicklook.png, classes.qml, classes.tif.aux.xml and run.json together."""
ROW_BYTES = 120
"""An upper bound for a row of areas.csv, without names."""


@dataclass(frozen=True)
class Expected:
    """The time that a map is expected to take, and where."""

    seconds: float
    """Without polygons, in one process. Windows without a valid pixel are counted, though they cost nothing."""
    computed_by: str
    """Device, precision and runtime: `cpu, bf16, torch`."""


@dataclass(frozen=True)
class MapPlan:
    """What mapping one raster would take."""

    name: str
    folder: Place
    raster: str
    """Its size, bands, resolution and coordinate reference system in words."""
    n_pixels: int
    window: int
    n_windows: int
    n_pieces: int
    pieces_done: int
    """Pieces of unfinished work that would be resumed."""
    finished: bool
    """Whether the finished map exists and would be kept."""
    memory_bytes: int
    """An upper bound, libraries included, unless polygons are made of a map of mere specks. It includes the writing of
    the raster before, where that happens at the same time."""
    by_workers: bool
    """Whether that is the memory of each worker of --engine dask."""
    expected: Expected | None
    """None if there is nothing to compute."""
    outputs: tuple[tuple[str, int | None], ...]
    """The files and an upper bound of their bytes; None if that depends on the content."""
    temporary_bytes: int
    """An upper bound of what journal and drafts take in addition, until the outputs are finished."""
    free_bytes: int | None
    """Free bytes on that disk; None if not known."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan in words; the first line describes the raster."""
        return (
            f"{self.name}: {self.raster}",
            f"  {how_many(self.n_windows, 'window')} of {self.window} px in {how_many(self.n_pieces, 'piece')}, "
            f"{how_many(self.n_pixels, 'pixel')}",
            f"  memory: {self._memory()}; time: {self._time()}",
            f"  disk: {self._disk()}",
            f"  {self.folder}: {self._there()}",
        )

    def _memory(self) -> str:
        ragged = ", more if the map is all specks" if any(size is None for _, size in self.outputs) else ""
        return f"at most {size_words(self.memory_bytes)}{' for each worker' if self.by_workers else ''}{ragged}"

    def _time(self) -> str:
        if self.expected is None:
            return "none"
        minutes = self.expected.seconds / 60
        words = f"{minutes:.1f} minutes" if minutes >= 1 else f"{self.expected.seconds:.1f} seconds"
        return f"about {words} without polygons ({self.expected.computed_by})"

    def _disk(self) -> str:
        files = ", ".join(
            f"{name} {'depending on its content' if size is None else f'up to {size_words(size)}'}"
            for name, size in self.outputs
        )
        free = "" if self.free_bytes is None else f"; {size_words(self.free_bytes)} are free"
        return f"{files}; up to {size_words(self.temporary_bytes)} more temporarily{free}"

    def _there(self) -> str:
        if self.finished:
            return "the finished map is there and would be kept"
        if self.pieces_done:
            return f"unfinished work is there, {self.pieces_done} of {self.n_pieces} pieces are done"
        return "nothing is there yet"


def plan_maps(command: Command, jobs: Sequence[tuple[RasterFile, RasterJob]]) -> tuple[MapPlan, ...]:
    """The plan of each raster; opens the model if one is to be computed."""
    file = command.model
    model: Predictor | None = None
    timed: dict[tuple[int, ...], float] = {}
    plans = []
    before: RasterJob | None = None
    for raster, job in jobs:
        lattice = job.lattice
        finished = job.finished() and not command.overwrite
        journal = Journal(job.folder / PARTIAL, Path())
        resumed = not command.restart and not finished and journal.belongs_to(job.begun_as)
        there = journal.pieces() if resumed else frozenset()
        expected = None
        if not finished:
            model = model or command.open_model()
            means = computes_on(file)
            words = f"{means['device']}, {precision_words(means['precision'])}, {means['runtime']}"
            expected = Expected(_seconds(job, model, there, timed), words)
        plan = MapPlan(
            name=str(raster.name),
            folder=job.folder,
            raster=_describe(job),
            n_pixels=job.n_pixels,
            window=lattice.rows.axis.window,
            n_windows=lattice.n_windows,
            n_pieces=len(lattice.pieces),
            pieces_done=len(there),
            finished=finished,
            memory_bytes=_memory(command, job, before),
            by_workers=command.engine.engine == DASK,
            expected=expected,
            outputs=_outputs(job),
            temporary_bytes=_temporary(job),
            free_bytes=_free(job.folder),
        )
        plans.append(plan)
        before = before if finished else job
    return tuple(plans)


def _memory(command: Command, job: RasterJob, before: RasterJob | None) -> int:
    """The peak with a raster, which is computed while the one before may still be written."""
    if job.need is None:
        return 0
    alone = job.need.of_lattice(job.lattice)
    if before is None or command.engine.engine == DASK or not job.fits_beside(before):
        return alone
    return max(alone, job.need.beside(job.lattice, before.writing_bytes))


def _describe(job: RasterJob) -> str:
    raster = job.raster
    gsd_m = raster.gsd_m
    bands = ", ".join(f"{band} {raster.names[band - 1]}" for band in job.choice.bands)
    place = "no coordinate reference system" if raster.crs is None else raster.crs.to_string()
    size = f"{raster.height} x {raster.width} px of {raster.dtype}"
    return f"{size}, bands {bands}; {'' if gsd_m is None else f'{gsd_m:.3g} m a pixel, '}{place}"


def _seconds(job: RasterJob, model: Predictor, there: frozenset[Piece], timed: dict[tuple[int, ...], float]) -> float:
    """The time for the missing pieces, from the second of two batches."""
    lattice = job.lattice
    size = batch_size(job, window_batch(model, job.model.tiling))
    shape = (size, lattice.rows.axis.window, lattice.cols.axis.window, model.header.bands)
    if shape not in timed:
        classify = job.options.views.of(model.classify)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8).transpose(0, 3, 1, 2)
        classify(pixels)
        started = time.perf_counter()
        classify(pixels)
        timed[shape] = time.perf_counter() - started
    batches = sum(
        -(-len(lattice.rows.windows(piece.row)) * len(lattice.cols.windows(piece.col)) // size)
        for piece in lattice.pieces
        if piece not in there
    )
    return batches * timed[shape] / SHARE_OF_NETWORK


def _outputs(job: RasterJob) -> tuple[tuple[str, int | None], ...]:
    schema = job.model.header.schema
    size = (job.raster.height, job.raster.width)
    layers = [(f"{layer}.tif", _cog_bytes(*size) * _n_bands(job, layer)) for layer in job.options.layers]
    zones = [zone.name for zone in job.zones.zones] if job.zones else [""]
    longest = max(len(name.encode()) for name in schema.names) + max(len(name.encode()) for name in zones)
    table = (len(zones) * schema.n_classes + 1) * (ROW_BYTES + longest)
    polygons = [(f"{CLASSES}{job.options.vectors.suffix}", None)] if job.options.vectors else []
    return (*layers, *polygons, (AREAS, table), ("the others", SMALL_BYTES))


def _temporary(job: RasterJob) -> int:
    """The journal, the drafts (whole rasters), and the overviews that the COG driver collects."""
    height, width = job.raster.height, job.raster.width
    drafts = sum(_tiles(height, width) * STRIP**2 * _n_bands(job, layer) for layer in job.options.computed)
    most_bands = max(_n_bands(job, layer) for layer in job.options.layers)
    layer_bytes = sum(_n_bands(job, layer) for layer in job.options.computed)
    journal = _journal_bytes(job.lattice, job.model.header.schema.n_classes, layer_bytes)
    return journal + drafts + _cog_bytes(height, width) * most_bands


def _journal_bytes(lattice: Lattice, n_classes: int, layer_bytes: int) -> int:
    """All pieces: sums of shared pixels, finished layers of the others, and names."""
    total = 0
    for cell in lattice.cells():
        n_pieces = len(cell.pieces)
        pixels = cell.shape[0] * cell.shape[1]
        total += pixels * (n_pieces * n_classes * SUM_BYTES if cell.shared else layer_bytes) + 1024 * n_pieces
    return int(total * 1.001)


def _n_bands(job: RasterJob, layer: str) -> int:
    return BANDS.get(layer, job.model.header.schema.n_classes)


def _cog_bytes(height: int, width: int) -> int:
    """A band and its overviews if nothing shrinks; deflate adds at most a thousandth, headers little."""
    tiles = _tiles(height, width)
    while max(height, width) > STRIP:
        height, width = -(-height // 2), -(-width // 2)
        tiles += _tiles(height, width)
    return int(tiles * (STRIP**2 * 1.001 + 64)) + (1 << 16)


def _tiles(height: int, width: int) -> int:
    return -(-height // STRIP) * -(-width // STRIP)


def _free(folder: Place) -> int | None:
    """Free bytes on the disk of a folder that need not exist yet; None for an object store."""
    if not isinstance(folder, Path):
        return None
    above = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
    return shutil.disk_usage(above).free
