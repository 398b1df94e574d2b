"""One raster to its map: planned and checked before anything is computed, computed in pieces, published whole."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.files import digest, write_json
from terrazzo.geodesy import pixel_areas
from terrazzo.orthomosaics.cog import MapSheet, strips, thumbnail, write_maps
from terrazzo.orthomosaics.computing import assemble, compute
from terrazzo.orthomosaics.journal import PARTIAL, Journal, check_journal, key_of, open_journal
from terrazzo.orthomosaics.lattice import Lattice, cut
from terrazzo.orthomosaics.options import MapOptions
from terrazzo.orthomosaics.outputs import count_areas, quicklook_size, write_class_areas, write_quicklook, write_style
from terrazzo.orthomosaics.polygon_layer import write_vectors
from terrazzo.orthomosaics.record import RUN, finished, library_versions, peak_rss_mb, publish, refuse_other_map
from terrazzo.orthomosaics.sums import CLASSES
from terrazzo.orthomosaics.turning import averaging
from terrazzo.orthomosaics.windows import WindowReader
from terrazzo.prediction.model_file import ModelFile
from terrazzo.prediction.outputs import writing
from terrazzo.predictors import Predictor
from terrazzo.rasters import MAX_PIXELS, Choice, Raster, choose, open_pixels, read_raster
from terrazzo.tiling import window_batch

Step = Callable[[int], None]
"""step(pixels): so many more pixels of the raster are done."""


@dataclass(frozen=True)
class RasterJob:
    """A raster that can be mapped with a model, and where its map goes."""

    raster: Raster
    choice: Choice
    model: ModelFile
    options: MapOptions
    lattice: Lattice
    folder: Path
    made_of: Mapping[str, Any]
    """Everything that changes a value of the map."""

    @property
    def begun_as(self) -> dict[str, Any]:
        """What the journal belongs to: the pieces in it are those of one cut, though no value depends on it."""
        return {**self.made_of, "cut": [self.lattice.rows.run, self.lattice.cols.run]}

    @property
    def key(self) -> str:
        """The key of the map: equal keys are equal bytes."""
        return key_of(self.made_of)

    @property
    def n_pixels(self) -> int:
        """Pixels of the raster."""
        return self.raster.height * self.raster.width

    def finished(self) -> bool:
        """Whether the map is there already."""
        return finished(self.folder, self.key)

    def check_place(self, overwrite: bool, restart: bool) -> None:
        """Raise OutputExistsError where another map, or the unfinished work of another run, is in the way."""
        if not overwrite:
            refuse_other_map(self.folder, self.key)
        if not self.finished():
            check_journal(self.folder / PARTIAL, self.begun_as, restart)


def check_model(model: ModelFile) -> None:
    """Raise InputError where the model does not look at images window by window."""
    if model.tiling.whole:
        raise InputError(
            f"{model.path}: sees whole images resized to {model.tiling.window} px (--fit resize), not windows; "
            "rasters need a model that was trained on crops"
        )
    if model.tiling.downsample > 1:
        raise InputError(
            f"{model.path}: was trained on images read at 1/{model.tiling.downsample:g} of their size (--downsample); "
            "reduce the raster so with gdalwarp, or train without --downsample"
        )


def plan_map(path: Path, folder: Path, model: ModelFile, options: MapOptions) -> RasterJob:
    """The raster at `path`, checked against the model. Raises ImageError or InputError with the remedy."""
    raster = read_raster(path, options.max_pixels or MAX_PIXELS)
    choice = choose(raster, model.header.bands, options.bands, options.scale)
    lattice = cut(model.tiling.axes(raster.height, raster.width), model.header.schema.n_classes, options.run)
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
        "vectors": [options.vectors, options.mapping_unit],
        "device": model.device,
        "precision": model.precision,
        "library_versions": library_versions(),
    }
    return RasterJob(raster, choice, model, options, lattice, folder, made_of)


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
