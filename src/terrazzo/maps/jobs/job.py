"""A raster checked against a model before anything is computed: what its map is made of, and where it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo.maps.jobs.memory_need import MemoryNeed, memory_need
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.jobs.resolution import working_grid
from terrazzo.maps.outputs.record import finished, refuse_other_map
from terrazzo.maps.pieces.journal import PARTIAL, begun_cut, check_journal, run_key
from terrazzo.maps.pieces.lattice import Lattice, Piece, cut
from terrazzo.maps.pieces.working_grid import WorkingGrid
from terrazzo.model.opening import ModelFile
from terrazzo.model.windows.blend import Axis
from terrazzo.pixels.band_choice import choose
from terrazzo.pixels.rasters import MAX_PIXELS, Choice, Raster, read_raster
from terrazzo.pixels.remote import Url
from terrazzo.system.files import digest
from terrazzo.system.machine import free_bytes, library_versions
from terrazzo.system.places import Place

if TYPE_CHECKING:
    from terrazzo.maps.outputs.zones import PlacedZones


@dataclass(frozen=True)
class RasterJob:
    """A raster that can be mapped with a model, and where its map goes."""

    raster: Raster
    choice: Choice
    model: ModelFile
    options: MapOptions
    grid: WorkingGrid
    """On which the network sees the raster."""
    lattice: Lattice
    """The windows on that grid."""
    folder: Place
    made_of: Mapping[str, Any]
    """Everything that changes a value of the map."""
    zones: "PlacedZones | None" = None
    """The zones for each of which areas are counted, on the raster's grid."""
    need: MemoryNeed | None = None
    """What mapping it takes of memory."""

    @property
    def begun_as(self) -> dict[str, Any]:
        """What the journal belongs to: the pieces in it are those of one cut, though no value depends on it."""
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
        """Whether the map is there already."""
        return finished(self.folder, self.key)

    def check_place(self, overwrite: bool, restart: bool) -> None:
        """Raise OutputExistsError where another map, or the unfinished work of another run, is in the way."""
        if not overwrite:
            refuse_other_map(self.folder, self.key)
        if not self.finished():
            check_journal(self.folder / PARTIAL, self.begun_as, restart)


def plan_map(
    path: Path | Url, folder: Place, model: ModelFile, options: MapOptions, restart: bool = False
) -> RasterJob:
    """The raster at `path`, checked against the model. Raises ImageError or InputError with the remedy.

    Unfinished work of the same map is gone on with in its own pieces, unless `restart`.
    """
    max_pixels = options.max_pixels or MAX_PIXELS
    raster = read_raster(path, max_pixels)
    choice = choose(raster, model.header.bands, options.bands, options.scale, model.header.band_reading)
    grid = working_grid(raster, model, options.resample, max_pixels)
    made_of = {
        "model": model.digest,
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
        "library_versions": library_versions(),
    }
    if options.resample:
        made_of["resample"] = list(grid.seen)
    zones = _placed(raster, options)
    if zones is not None:
        made_of["zones"] = zones.digest
    need = memory_need(raster, choice, grid, model, options)
    run = options.run or (None if restart else begun_cut(folder / PARTIAL, made_of))
    lattice = _lattice(need, model.tiling.axes(*grid.seen), model.header.schema.n_classes, run, options.max_memory)
    options = replace(options, zones=None)  # placed by now; jobs are sent to workers, which have no use for them
    return RasterJob(raster, choice, model, options, grid, lattice, folder, made_of, zones, need)


def _lattice(
    need: MemoryNeed, axes: tuple[Axis, Axis], n_classes: int, run: tuple[int, int] | None, limit: int | None
) -> Lattice:
    """The windows in pieces of `run`; None: in the largest that a limit allows, or without one what memory is free.

    Raises InputError where not even the smallest keep within the limit, or those of `run` do not.
    """
    if limit is None:
        return cut(axes, n_classes, run, need.fits(free_bytes()))
    lattice = cut(axes, n_classes, run, need.fits(limit))
    need.check(lattice, need.of_lattice(cut(axes, n_classes, (1, 1))), limit)
    return lattice


def _placed(raster: Raster, options: MapOptions) -> "PlacedZones | None":
    if options.zones is None:
        return None
    from terrazzo.maps.outputs.zones import place_zones

    return place_zones(options.zones, raster)
