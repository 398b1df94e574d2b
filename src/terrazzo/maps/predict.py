"""Images of any kind to maps: ordinary pictures and georeferenced rasters each take their own way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError, PartialError, TerrazzoError
from terrazzo.maps.command import Command, Failures
from terrazzo.maps.engines.options import EngineOptions
from terrazzo.maps.inputs import FoundPictures, find_pictures
from terrazzo.maps.jobs.options import MapOptions, given_flags
from terrazzo.maps.pieces.turning import NONE
from terrazzo.model.header import read_header
from terrazzo.model.opening import ModelFile, check_engine
from terrazzo.model.windows.tiling import plan
from terrazzo.system.devices import check_compute
from terrazzo.system.files import file_digest
from terrazzo.system.places import Place, place_of
from terrazzo.system.reporting import Progress, Reporter, Say, how_many, listed, quiet, silent

if TYPE_CHECKING:
    from terrazzo.maps.areas import Areas
    from terrazzo.maps.pictures.batch import PictureBatch, Prediction
    from terrazzo.maps.rasters.batch import RasterBatch, RasterMap
    from terrazzo.maps.rasters.dry_run import MapPlan


@dataclass(frozen=True)
class Maps:
    """What a prediction made, and what was there already."""

    out: Place
    rasters: tuple["RasterMap", ...]
    """The maps of the rasters, in the order of the inputs."""
    pictures: "Prediction | None"
    """What became of the pictures; None where there were none."""
    planned: tuple["MapPlan", ...] = ()
    """Of a dry run, what the map of each raster would take."""
    planned_pictures: int = 0
    """Of a dry run, how many pictures would be mapped."""
    n_failed: int = 0
    """How many inputs failed."""

    @property
    def written(self) -> tuple[str, ...]:
        """Names of what was predicted now, below the inputs."""
        rasters = tuple(found.name for found in self.rasters if not found.kept)
        return rasters + (self.pictures.written if self.pictures else ())

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of those whose finished maps were kept."""
        rasters = tuple(found.name for found in self.rasters if found.kept)
        return rasters + (self.pictures.kept if self.pictures else ())

    @property
    def areas(self) -> "tuple[Areas, ...]":
        """Pixels by class of every picture; those of a raster are in its own areas.csv."""
        return self.pictures.areas if self.pictures else ()


def predict(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    window: int | None = None,
    overlap: int | None = None,
    batch_size: int | str | None = None,
    device: str = "auto",
    precision: str = "auto",
    bands: str | Sequence[str | int] | None = None,
    scale: str | tuple[float, float] | None = None,
    max_pixels: int | None = None,
    resample: bool = False,
    confidence: bool = False,
    probabilities: bool = False,
    tta: str = "none",
    vector_format: str = "gpkg",
    mapping_unit: int = 1,
    zones: str | Path | None = None,
    zone_field: str | None = None,
    max_memory: str | int | None = None,
    engine: str = "local",
    workers: int | None = None,
    scheduler: str | None = None,
    restart: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Maps:
    """Write the maps of images and folders of images to the folder `out`.

    `model` is a model.safetensors, or an .onnx or .h5 that `export` made of one; an .onnx is computed by onnxruntime,
    without torch. `inputs` are files; folders, whose sub-folders are mirrored; patterns like `scenes/**/*.tif`,
    likewise below their first wildcard; and web addresses of rasters, as text, which are read in parts. `window` and
    `overlap` are in pixels, `batch_size` in windows; None takes what suits the model, and so does a batch of "auto".

    A picture (.png, .jpg, ...) gives STEM_classes.png and STEM_overlay.jpg, all pictures together areas.csv and
    legend.png (`prediction.pictures`). A raster (.tif, .tiff, .jp2; a .vrt that is named itself) gives a folder STEM
    with classes.tif on its own grid, polygons in `vector_format` (gpkg, geojson, parquet or none; areas of fewer than
    `mapping_unit` pixels joined to a neighbour), areas.csv (of each polygon in the file `zones`, named by its field
    `zone_field`, instead of the whole), classes.qml, quicklook.png and run.json, and with
    `confidence` and `probabilities` those too. `bands`, `scale` ((low, high): the stored values that become 0 and 255),
    `max_pixels`, `resample` (read at the resolution of the model's training, written on the raster's own grid) and
    `tta` (none, flips or d4) are for rasters. A killed run goes on where it stopped; `restart` throws the unfinished
    work of other inputs or options away. Finished maps of the same inputs and options are kept, unless `overwrite`;
    something else in the way raises OutputExistsError before anything is written. A bad input is told to `say` and the
    others are done; then PartialError is raised, whose `done` are the Maps of the others, or what was wrong where all
    failed.

    `max_memory` (4GB, 3500MB, bytes) bounds the process' memory, libraries included, by the size of pieces; no value
    depends on it. With `dry_run` all is checked, the model is timed, nothing is written: `Maps.planned` says what the
    maps of rasters would take.

    With `engine` dask rasters are computed by `workers` processes here, or by the cluster at `scheduler`
    (tcp://host:8786), whose workers must see model, rasters and `out` under the same paths; where the caller's own
    client is connected to that scheduler, it is used. The maps are the same bytes. For rasters alone `out` may also be
    the URL of a place in an object store that fsspec understands (s3://bucket/maps).
    """
    check_compute(device, precision)
    model = Path(model)
    check_engine(model, device, precision)
    options = MapOptions.from_words(
        bands=bands,
        scale=scale,
        max_pixels=max_pixels,
        resample=resample,
        confidence=confidence,
        probabilities=probabilities,
        tta=tta,
        vector_format=vector_format,
        mapping_unit=mapping_unit,
        zones=zones,
        zone_field=zone_field,
        max_memory=max_memory,
    )
    computed_by = EngineOptions(engine, workers, scheduler)
    header = read_header(model)
    tiling = plan(header, window, overlap, batch_size)
    place = place_of(out)
    found = find_pictures([inputs] if isinstance(inputs, str | Path) else inputs, Path(str(place)))
    if found.pictures and not isinstance(place, Path):
        raise InputError(f"--out {out}: takes maps of rasters alone, not of {found.pictures[0].name}; choose a folder")
    file = ModelFile(model, file_digest(model), header, tiling, device, precision)
    command = Command(file, options, computed_by, place, overwrite, restart, Reporter(progress, say))
    if found.pictures:
        _refuse_or_report_raster_flags(command, found)
    rasters, pictures = _rasters(command, found), _pictures(command, found)
    batches = [batch for batch in (rasters, pictures) if batch is not None]
    if dry_run and any(batch.jobs for batch in batches):
        return _planned(command, rasters, pictures)
    mapped = pictures.run() if pictures and not dry_run else None
    done = tuple(rasters.run()) if rasters and not dry_run else ()
    maps = Maps(place, done, mapped, n_failed=sum(batch.failures.count for batch in batches))
    if errors := [error for batch in batches for error in batch.failures.errors]:
        raise _summary(maps, errors, len(found.rasters) + len(found.pictures))
    return maps


def _refuse_or_report_raster_flags(command: Command, found: FoundPictures) -> None:
    """Report which of the given flags do not concern pictures. Raises InputError where there are pictures alone."""
    flags = given_flags(replace(command.options, tta=NONE, confidence=False)) + given_flags(command.engine)
    flags += ["--restart"] * command.restart
    if not flags:
        return
    if not found.rasters:
        name = found.pictures[0].name.name
        raise InputError(
            f"{flags[0]}: is for rasters (.tif, .tiff, .jp2, .vrt); {name} is a picture; leave {flags[0]} out"
        )
    command.reporter.say(f"{listed(flags, len(flags))}: for rasters; pictures are mapped without")


def _rasters(command: Command, found: FoundPictures) -> "RasterBatch | None":
    """The rasters, checked; None where there are none."""
    if not found.rasters:
        return None
    from terrazzo.maps.rasters.batch import RasterBatch

    batch = RasterBatch(command, Failures(command.reporter.say, len(found.rasters)))
    batch.plan(found.rasters)
    return batch


def _pictures(command: Command, found: FoundPictures) -> "PictureBatch | None":
    """The pictures, checked; None where there are none."""
    if not found.pictures or not isinstance(command.out, Path):
        return None
    from terrazzo.maps.pictures.batch import PictureBatch

    batch = PictureBatch(command, command.out, Failures(command.reporter.say, len(found.pictures)))
    batch.plan(found)
    return batch


def _planned(command: Command, rasters: "RasterBatch | None", pictures: "PictureBatch | None") -> Maps:
    """What a dry run finds."""
    n_pictures = len(pictures.jobs) if pictures else 0
    if rasters is None:
        return Maps(command.out, (), None, (), n_pictures)
    from terrazzo.maps.rasters.dry_run import plan_maps

    return Maps(command.out, (), None, plan_maps(rasters), n_pictures)


def _summary(maps: Maps, errors: Sequence[TerrazzoError], n_images: int) -> TerrazzoError:
    """The error that sums up what failed."""
    first = errors[0]
    if maps.written or maps.kept:
        words = f"{maps.n_failed} of {how_many(n_images, 'image')} failed"
        return PartialError(f"{words}, the others are in {maps.out}; the first: {first}", maps)
    return first if len(errors) == 1 else InputError(f"all {maps.n_failed} images failed; the first: {first}")
