"""A raster checked against a model before anything is computed: what its map is made from, and where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from terrazzo.maps.jobs.memory_need import MemoryNeed, memory_need
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.jobs.resolution import working_grid
from terrazzo.maps.outputs.record import finished, refuse_open_files, refuse_other_map
from terrazzo.maps.pieces.journal import PARTIAL, begun_cut, check_journal, run_key
from terrazzo.maps.pieces.lattice import Lattice, Piece, cut
from terrazzo.maps.pieces.working_grid import WorkingGrid
from terrazzo.maps.polygons.formats import TOLERANCE
from terrazzo.model.opening import ModelFile
from terrazzo.model.windows.blend import Axis
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.rasters.raster import MAX_PIXELS, Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.pixels.rasters.stacks.spec import RasterPath
from terrazzo.pixels.rasters.stacks.stack import read_image
from terrazzo.system.devices import OPENVINO
from terrazzo.system.files import digest
from terrazzo.system.machine import free_bytes, library_versions
from terrazzo.system.places import Place

if TYPE_CHECKING:
    from terrazzo.maps.outputs.zones import PlacedZones


@dataclass(frozen=True)
class Share:
    """What each of the processes that compute has of a machine's memory."""

    n_processes: int = 1
    """How many of them share one machine."""
    free: int | None = None
    """Free bytes of each; None: of the memory that is free here."""

    @property
    def free_bytes(self) -> int:
        """The free bytes of each."""
        return free_bytes() // self.n_processes if self.free is None else self.free


ALONE = Share()


@dataclass(frozen=True)
class RasterJob:
    """A raster that can be mapped with a model, and where its map goes."""

    raster: Raster
    choice: Choice
    model: ModelFile
    options: MapOptions
    grid: WorkingGrid
    """The grid on which the network sees the raster."""
    lattice: Lattice
    """The windows on that grid."""
    folder: Place
    made_of: Mapping[str, Any]
    """Everything that changes a value of the map."""
    zones: "PlacedZones | None" = None
    """The zones whose areas are counted, on the raster's grid."""
    need: MemoryNeed | None = None

    @property
    def begun_as(self) -> dict[str, Any]:
        """What the journal belongs to. Its pieces come from one cut, though no value depends on it."""
        return {**self.made_of, "cut": [self.lattice.rows.run, self.lattice.cols.run]}

    @property
    def key(self) -> str:
        """The key of the map: equal keys are equal bytes."""
        return run_key(self.made_of)

    @property
    def n_pixels(self) -> int:
        """Pixels of the raster."""
        return self.raster.height * self.raster.width

    def own_pixels(self, piece: Piece) -> int:
        """How many pixels of the raster a piece counts as done. Law: over all pieces they sum to `n_pixels`."""
        rows, cols = self.lattice.rows, self.lattice.cols
        top, left = rows.span(piece.row)[0], cols.span(piece.col)[0]
        return self.grid.n_pixels((top, top + rows.own(piece.row)), (left, left + cols.own(piece.col)))

    def finished(self) -> bool:
        """Whether the finished map exists."""
        return finished(self.folder, self.key)

    @property
    def writing_bytes(self) -> int:
        """The memory for writing the outputs, beside that of the libraries."""
        return 0 if self.need is None else self.need.writing(self.lattice)

    def fits_beside(self, written: "RasterJob", n_processes: int = 1) -> bool:
        """Whether memory allows computing this raster while another one, computed before, is written.

        The limit is that of the options; without one, what is free now. `n_processes` compute.
        """
        memory = self.options.max_memory or free_bytes()
        return self.need is not None and self.need.beside(self.lattice, written.writing_bytes, n_processes) <= memory

    def check_place(self, overwrite: bool, restart: bool) -> None:
        """Raise OutputExistsError if another map, an open file or the unfinished work of another run is in the way."""
        if overwrite:
            refuse_open_files(self.folder)
        else:
            refuse_other_map(self.folder, self.key)
        if not self.finished():
            check_journal(self.folder / PARTIAL, self.begun_as, restart)


def plan_map(
    path: RasterPath,
    folder: Place,
    model: ModelFile,
    options: MapOptions,
    restart: bool = False,
    share: Share = ALONE,
) -> RasterJob:
    """The raster at `path`, checked against the model. Raises ImageError or InputError with the remedy.

    Unfinished work on the same map is resumed with its own pieces, unless `restart`. The limit of the options is
    divided among the processes of a machine.
    """
    max_pixels = options.max_pixels or MAX_PIXELS
    raster = read_image(path, max_pixels, options.nodata)
    choice = choose(raster, model.header.bands, options.bands, options.scale, model.header.reading)
    grid = working_grid(raster, model, options.resample, max_pixels)
    made_of: dict[str, Any] = {
        "model": model.identity,
        "raster": digest(raster.identity),
        "bands": list(choice.bands),
        "scale": None if choice.scale is None else list(choice.scale),
        "window": model.tiling.window,
        "overlap": model.tiling.overlap,
        "batch_size": model.tiling.batch_size,
        "layers": list(options.layers),
        "tta": options.tta,
        "vectors": [options.vectors and options.vectors.name, options.mapping_unit],
        "device": model.device,
        "precision": model.precision,
        "library_versions": library_versions(*[OPENVINO] * (model.computed_by == OPENVINO)),
    }
    if model.other_runtime is not None:  # so that maps of versions without runtimes are still known as finished
        made_of["runtime"] = model.other_runtime
    if options.tta_scales:
        made_of["tta_scales"] = list(options.tta_scales)
    if options.simplify != TOLERANCE:
        made_of["simplify"] = options.simplify
    if options.resample:
        made_of["resample"] = list(grid.seen)
    zones = None
    if options.zones is not None:
        from terrazzo.maps.outputs.zones import place_zones

        zones = place_zones(options.zones, raster)
        made_of["zones"] = zones.digest
    need = memory_need(raster, choice, grid, model, options)
    run = options.run or (None if restart else begun_cut(folder / PARTIAL, made_of))
    axes, n_classes = model.tiling.axes(*grid.seen), model.header.schema.n_classes
    lattice = _lattice(need, axes, n_classes, run, options.max_memory, share)
    options = replace(options, zones=None)  # placed by now, and of no use to the workers that jobs are sent to
    return RasterJob(raster, choice, model, options, grid, lattice, folder, made_of, zones, need)


def _lattice(
    need: MemoryNeed,
    axes: tuple[Axis, Axis],
    n_classes: int,
    run: tuple[int, int] | None,
    limit: int | None,
    share: Share,
) -> Lattice:
    """The windows in pieces of `run`; None: the largest that fit into the limit, or into free memory without one.

    Each process has its part. Raises InputError if the pieces of `run`, or even the smallest ones, exceed the limit.
    """
    if limit is None:
        return cut(axes, n_classes, run, need.fits(share.free_bytes))
    lattice = cut(axes, n_classes, run, need.fits(limit // share.n_processes))
    need.check(lattice, need.of_lattice(cut(axes, n_classes, (1, 1))), limit, share.n_processes)
    return lattice
