"""One raster to its map: computed in pieces, written and published whole."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from terrazzo.files import write_json
from terrazzo.geodesy import pixel_areas
from terrazzo.orthomosaics.cog import MapSheet, strips, thumbnail, write_maps
from terrazzo.orthomosaics.computing import assemble, compute
from terrazzo.orthomosaics.jobs import RasterJob
from terrazzo.orthomosaics.journal import PARTIAL, Journal, open_journal
from terrazzo.orthomosaics.outputs import count_areas, quicklook_size, write_class_areas, write_quicklook, write_style
from terrazzo.orthomosaics.polygon_layer import write_vectors
from terrazzo.orthomosaics.record import RUN, peak_rss_mb, publish
from terrazzo.orthomosaics.sums import CLASSES
from terrazzo.orthomosaics.turning import averaging
from terrazzo.orthomosaics.windows import WindowReader
from terrazzo.prediction.outputs import writing
from terrazzo.predictors import Predictor
from terrazzo.rasters import open_pixels
from terrazzo.tiling import window_batch

Step = Callable[[int], None]
"""step(pixels): so many more pixels of the raster are done."""


def map_raster(job: RasterJob, model: Predictor, restart: bool, step: Step) -> dict[str, Any]:
    """Write the map of a raster into its folder; what run.json says of it. Goes on where a killed run stopped."""
    started = time.monotonic()
    journal = open_journal(job.folder / PARTIAL, job.begun_as, restart)
    computed = _compute(job, model, journal, step)
    seconds = {"computing": round(time.monotonic() - started, 3)}
    with writing(job.folder):
        _write(job, journal)
    total = time.monotonic() - started
    seconds["writing"] = round(total - seconds["computing"], 3)
    polygons = None
    if job.options.vectors:
        with writing(job.folder):
            polygons = write_vectors(journal.staged, job.raster, job.model.header.schema.names, job.options)
        seconds["polygons"] = round(time.monotonic() - started - total, 3)
    seconds["total"] = round(time.monotonic() - started, 3)
    record = {
        **_describe(job),
        **computed,
        "seconds": seconds,
        "mpx_per_s": round(computed["pixels_computed"] / 1e6 / total, 4),
        "peak_rss_mb": peak_rss_mb(),
        "polygons": None if polygons is None else asdict(polygons),
        "outputs": sorted([file.name for file in journal.staged.iterdir()] + [RUN]),
    }
    with writing(job.folder):
        write_json(journal.staged / RUN, record)
        publish(journal.staged, job.folder)
    journal.remove()
    return record


def _compute(job: RasterJob, model: Predictor, journal: Journal, step: Step) -> dict[str, int]:
    """Compute the pieces that the journal lacks; how many there were."""
    lattice, header = job.lattice, job.model.header
    own = {piece: lattice.own_pixels(piece) for piece in lattice.pieces}
    found = sum(own[piece] for piece in lattice.pieces if journal.has(piece))
    counts = {"pieces": len(own), "pieces_computed": 0, "pixels_computed": 0, "windows_computed": 0}
    step(found)
    # As many windows as the raster has at most, but not fewer in a smaller piece: see `windows.Batch`.
    batch_size = min(job.model.tiling.batch_size or window_batch(model, job.model.tiling), lattice.n_windows)
    classify = averaging(model.classify, job.options.tta)
    with open_pixels(job.raster, job.choice) as source:
        reader = WindowReader(source, lattice, header.normalization, batch_size)
        for done in compute(classify, reader, journal, header.schema.n_classes, job.options.layers):
            counts["pieces_computed"] += 1
            counts["pixels_computed"] += own[done.piece]
            counts["windows_computed"] += done.n_windows
            step(own[done.piece])
    return counts


def _write(job: RasterJob, journal: Journal) -> None:
    """Write every output but polygons and run.json into the staging folder, from the journal alone."""
    raster, schema, staged = job.raster, job.model.header.schema, journal.staged
    wanted = job.options.layers
    cells = assemble(job.lattice, journal, wanted)
    write_maps(cells, MapSheet(raster, schema, job.key), wanted, staged)
    classes = staged / f"{CLASSES}.tif"
    place = (raster.transform, raster.crs, raster.height, raster.width)
    areas = pixel_areas(*place) if raster.georeferenced else None
    write_class_areas(staged / "areas.csv", count_areas(strips(classes), schema.n_classes, areas), schema)
    write_style(staged / "classes.qml", schema)
    small = thumbnail(classes, *quicklook_size(raster.height, raster.width, schema))
    write_quicklook(staged / "quicklook.png", small, schema)


def _describe(job: RasterJob) -> dict[str, Any]:
    """The inputs and options of a map as JSON values."""
    raster, header = job.raster, job.model.header
    return {
        "key": job.key,
        "input": {
            "path": str(raster.path),
            "height": raster.height,
            "width": raster.width,
            "dtype": raster.dtype,
            "bands": list(raster.names),
            "crs": raster.crs.to_string() if raster.crs is not None else None,
            "bytes": raster.path.stat().st_size,
        },
        "model": {"path": str(job.model.path), "title": header.title, "bands": header.bands},
        "classes": header.schema.to_list(),
        "made_of": dict(job.made_of),
    }
