"""One raster to its map: computed in pieces, then written and put in place whole. The two can overlap (`behind`)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from terrazzo.maps.areas import AREAS, count_areas, describe_areas, write_class_areas, write_zone_areas
from terrazzo.maps.engines.local import Engine
from terrazzo.maps.jobs.job import RasterJob
from terrazzo.maps.jobs.memory_need import MB, over_limit
from terrazzo.maps.outputs.attribute_table import table_of, write_attribute_table
from terrazzo.maps.outputs.cog import MapSheet, strips, thumbnail, write_maps
from terrazzo.maps.outputs.polygon_layer import write_vectors
from terrazzo.maps.outputs.record import RUN, publish
from terrazzo.maps.outputs.style import QUICKLOOK, STYLE, quicklook_size, write_quicklook, write_style
from terrazzo.maps.outputs.zone_counts import count_zones
from terrazzo.maps.pieces.computing import assemble
from terrazzo.maps.pieces.journal import PARTIAL, Journal, open_journal
from terrazzo.maps.pieces.lattice import Piece
from terrazzo.maps.pieces.sums import CLASSES
from terrazzo.maps.pieces.working_grid import on_input
from terrazzo.maps.polygons.polygons import PolygonOptions
from terrazzo.maps.rasters.looking import Looking
from terrazzo.pixels.geodesy import pixel_areas
from terrazzo.pixels.rasters.reading import open_pixels
from terrazzo.system.files import write_json, writing
from terrazzo.system.machine import peak_rss_mb
from terrazzo.system.reporting import Say, quiet

Step = Callable[[int], None]
"""step(pixels): this many more pixels of the raster are done."""
Check = Callable[[], None]
"""check(): raises where the work shall stop."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class Written:
    """A map that is in its place."""

    record: dict[str, Any]
    """The content of its run.json."""
    notes: tuple[str, ...] = ()
    """Lines for the user."""


@dataclass(frozen=True)
class ComputedRaster:
    """A raster whose pieces are all in its journal, which stays open until `write` has used them."""

    job: RasterJob
    journal: Journal
    opened: ExitStack
    record: Mapping[str, Any]
    """What run.json says of the computing."""
    seconds: Mapping[str, float]
    peak_mb: float
    """The peak memory of this process before the raster, in MB."""

    def write(self, check: Check = lambda: None) -> Written:
        """Make all outputs, put them in place and remove the journal. `check` is called before each part of them.

        It may run in a thread of its own while another raster is computed. What it raises leaves the journal.
        """
        with self.opened:
            return self._written(check)

    def _written(self, check: Check) -> Written:
        job, journal, peaks = self.job, self.journal, [self.peak_mb]
        started = time.monotonic()
        with writing(job.folder):
            areas = _write(job, journal, check)
        seconds = {**self.seconds, "writing": round(time.monotonic() - started, 3)}
        total = self.seconds["computing"] + seconds["writing"]
        peaks.append(peak_rss_mb())
        polygons = None
        if vectors := job.options.vectors:
            begun = time.monotonic()
            with writing(job.folder):
                how = PolygonOptions(job.options.mapping_unit, job.options.simplify)
                polygons = write_vectors(journal.staged, job.raster, job.model.header.schema, vectors, how, check)
            seconds["polygons"] = round(time.monotonic() - begun, 3)
        seconds["total"] = round(total + seconds.get("polygons", 0), 3)
        peaks.append(peak_rss_mb())
        limit = job.options.max_memory
        record = {
            **self.record,
            "seconds": seconds,
            "mpx_per_s": round(self.record["pixels_computed"] / 1e6 / total, 4) if total else 0.0,
            "peak_rss_mb": peaks[-1],
            "max_memory_kept": None if limit is None else peaks[-1] * MB <= limit,
            "polygons": None if polygons is None else asdict(polygons),
            "areas": areas,
            "outputs": sorted([file.name for file in journal.staged.iterdir()] + [RUN]),
        }
        check()
        with writing(job.folder):
            write_json(journal.staged / RUN, record)
            publish(journal.staged, job.folder)
        journal.remove()
        words = over_limit(job.options, *(peak * MB for peak in peaks))
        return Written(record, () if words is None else (f"{job.raster.path}: {words}",))


def compute_raster(
    engine: Engine,
    job: RasterJob,
    step: Step,
    *,
    restart: bool = False,
    say: Say = quiet,
    looking: Looking | None = None,
) -> ComputedRaster:
    """Compute the pieces that the raster's journal lacks: all, or those that a killed run left.

    The map is there once the result was written.
    """
    with ExitStack() as stack:
        journal = stack.enter_context(open_journal(job.folder / PARTIAL, job.begun_as, restart))
        there = journal.pieces()
        if there:
            say(f"{job.raster.path}: resumed, {len(there)} of {len(job.lattice.pieces)} pieces are done")
        lacking = [piece for piece in job.lattice.pieces if piece not in there]
        called, peak_mb = time.monotonic(), peak_rss_mb()
        if lacking:
            engine.get_ready()
        seen = looking.at(job, journal) if looking is not None else None
        started = time.monotonic()
        counts = _compute(job, engine, journal, lacking, step)
        seconds = {"getting_ready": round(started - called, 3), "computing": round(time.monotonic() - started, 3)}
        record = {
            **_describe(job),
            **counts,
            "computed_by": dict(engine.describe()),
            "familiarity": None if seen is None else seen.to_json(),
        }
        return ComputedRaster(job, journal, stack.pop_all(), record, seconds, peak_mb)


def _compute(job: RasterJob, engine: Engine, journal: Journal, lacking: Sequence[Piece], step: Step) -> dict[str, int]:
    """Compute the pieces that the journal lacks; counts for run.json."""
    own = {piece: job.own_pixels(piece) for piece in lacking}
    counts = {"pieces": len(job.lattice.pieces), "pieces_computed": 0, "pixels_computed": 0, "windows_computed": 0}
    step(job.n_pixels - sum(own.values()))
    for done in engine.compute(job, journal, lacking):
        counts["pieces_computed"] += 1
        counts["pixels_computed"] += own[done.piece]
        counts["windows_computed"] += done.n_windows
        step(own[done.piece])
    return counts


def _write(job: RasterJob, journal: Journal, check: Check) -> dict[str, Any]:
    """Write every output but polygons and run.json into the staging folder, from the journal; the map's areas.

    Confidences that only the polygons need stay there as a draft.
    """
    raster, schema, staged = job.raster, job.model.header.schema, journal.staged
    wanted = job.options.layers
    drafted = tuple(layer for layer in job.options.computed if layer not in wanted)
    cells = assemble(job.lattice, journal, job.options.computed)
    with open_pixels(raster, job.choice) as source:
        parts = on_input(cells, job.grid, source.valid)
        write_maps(_checked(parts, check), MapSheet(raster, schema, job.key), wanted, staged, drafted)
    classes = staged / f"{CLASSES}.tif"
    place = (raster.transform, raster.crs, raster.height, raster.width)
    sizes = pixel_areas(*place) if raster.georeferenced else None
    areas = count_areas(_checked(strips(classes), check), schema.n_classes, sizes)
    if job.zones is None:
        write_class_areas(staged / AREAS, areas, schema)
    else:
        by_zone = count_zones(_checked(strips(classes), check), schema.n_classes, sizes, job.zones.zones)
        write_zone_areas(staged / AREAS, by_zone, [zone.name for zone in job.zones.zones], schema)
    write_style(staged / STYLE, schema.rows)
    write_attribute_table(staged / table_of(classes.name), schema.rows)
    check()
    small = thumbnail(classes, *quicklook_size(raster.height, raster.width, schema))
    write_quicklook(staged / QUICKLOOK, small, schema)
    return describe_areas(areas, schema)


def _checked(items: Iterable[Item], check: Check) -> Iterator[Item]:
    """The items, each after a check."""
    for item in items:
        check()
        yield item


def _describe(job: RasterJob) -> dict[str, Any]:
    """The inputs and options of a map as JSON values."""
    raster, header = job.raster, job.model.header
    models = [{"path": str(each.path), "digest": each.digest, "title": each.header.title} for each in job.model.every]
    return {
        "key": job.key,
        "input": {
            "path": str(raster.path),
            "height": raster.height,
            "width": raster.width,
            "dtype": raster.dtype,
            "bands": list(raster.names),
            "crs": raster.crs.to_string() if raster.crs is not None else None,
            "bytes": raster.n_bytes,
        },
        "model": {"path": str(job.model.path), "title": header.title, "bands": header.bands},
        **({"models": models} if job.model.others else {}),
        "classes": header.schema.to_list(),
        "made_of": dict(job.made_of),
    }
