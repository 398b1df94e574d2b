"""Maps of photos and rasters: the public function."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import InputError, PartialError, TerrazzoError
from terrazzo.maps.polygons.formats import TOLERANCE, VECTOR_FORMATS
from terrazzo.pixels.bands.reading import Bands, Nodata, Scale
from terrazzo.system.options import RASTERS, Device, Option, Overwrite, Precision, Runtime, Tta, TtaScales
from terrazzo.system.places import Place, place_of
from terrazzo.system.reporting import Progress, Reporter, Say, how_many, listed, quiet, silent

if TYPE_CHECKING:
    from terrazzo.maps.areas import Areas
    from terrazzo.maps.command import Command
    from terrazzo.maps.inputs import FoundPictures
    from terrazzo.maps.pictures.batch import Prediction
    from terrazzo.maps.rasters.batch import RasterMap
    from terrazzo.maps.rasters.dry_run import MapPlan


@dataclass(frozen=True)
class Maps:
    """What a prediction made, kept or, as a dry run, would make."""

    out: Place
    rasters: tuple["RasterMap", ...]
    """The maps of the rasters, in the order of the inputs."""
    pictures: "Prediction | None"
    """The maps of the pictures; None if there are none."""
    planned: tuple["MapPlan", ...] = ()
    """What the map of each raster would take (dry run)."""
    planned_pictures: int = 0
    """How many pictures would be mapped (dry run)."""
    n_failed: int = 0

    @property
    def written(self) -> tuple[str, ...]:
        """Names of the images that were mapped now, below their inputs."""
        rasters = tuple(found.name for found in self.rasters if not found.kept)
        return rasters + (self.pictures.written if self.pictures else ())

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the images whose finished maps were kept."""
        rasters = tuple(found.name for found in self.rasters if found.kept)
        return rasters + (self.pictures.kept if self.pictures else ())

    @property
    def areas(self) -> "tuple[Areas, ...]":
        """Pixels by class of every picture; a raster has its own areas.csv."""
        return self.pictures.areas if self.pictures else ()


def predict(
    model: Annotated[
        str | Path | Sequence[str | Path],
        Option("A model.safetensors, or an .onnx or .h5 that export wrote; several predict together."),
    ],
    inputs: Annotated[
        str | Path | Sequence[str | Path],
        Option(
            "Images and rasters, folders of them, patterns, and addresses (https://, s3://, zip://); several rasters "
            "as one: rgb=ortho.tif,dsm=height.tif.",
            many=True,
            remote=True,
        ),
    ],
    *,
    out: Annotated[str | Path, Option("Folder for the maps; for rasters also a store: s3://bucket/maps.", remote=True)],
    window: Annotated[int | None, Option("Side of the windows in pixels, a multiple of 32.")] = None,
    overlap: Annotated[int | None, Option("Overlap of neighbouring windows in pixels.")] = None,
    batch_size: Annotated[
        int | str | None,
        Option("Windows at a time; auto: what suits the device.", flags=("--batch-size", "--batch")),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    runtime: Runtime = "auto",
    bands: Bands = None,
    scale: Scale = None,
    nodata: Nodata = None,
    max_pixels: Annotated[int | None, Option("Refuse larger rasters; 20 gigapixels if not given.", RASTERS)] = None,
    resample: Annotated[
        bool, Option("Read at the resolution of the model's training; the map keeps the raster's grid.", RASTERS)
    ] = False,
    confidence: Annotated[
        bool,
        Option("Also write the winning class's share in %: confidence.tif, or STEM_confidence.png of a photo."),
    ] = False,
    probabilities: Annotated[bool, Option("Also write probabilities.tif, one band per class.", RASTERS)] = False,
    tta: Tta = "none",
    tta_scales: TtaScales = (),
    vector_format: Annotated[str, Option(f"Polygons of rasters: {', '.join(VECTOR_FORMATS)}.", RASTERS)] = "gpkg",
    mapping_unit: Annotated[int, Option("Areas of fewer pixels join a neighbour in the polygons.", RASTERS)] = 1,
    simplify: Annotated[
        float, Option("Width in pixels of the corners that polygons lose; 0 keeps every corner.", RASTERS)
    ] = TOLERANCE,
    zones: Annotated[
        str | Path | None,
        Option("areas.csv by the polygons of this file (.gpkg, .geojson, .shp, .parquet, .fgb).", RASTERS),
    ] = None,
    zone_field: Annotated[str | None, Option("The field that names the zones.", RASTERS)] = None,
    max_memory: Annotated[str | int | None, Option("The most memory to use, as in 4GB.", RASTERS)] = None,
    engine: Annotated[str, Option("What computes: local (this process) or dask.", RASTERS)] = "local",
    workers: Annotated[
        int | None, Option("Processes of --engine dask here; half the cores if not given.", RASTERS)
    ] = None,
    devices: Annotated[int, Option("GPUs of this machine that share the pieces of a raster.", RASTERS)] = 1,
    scheduler: Annotated[
        str | None, Option("An existing Dask cluster for --engine dask: tcp://host:8786.", RASTERS, remote=True)
    ] = None,
    restart: Annotated[bool, Option("Throw away the unfinished work of another run.", RASTERS)] = False,
    overwrite: Overwrite = False,
    dry_run: Annotated[bool, Option("Report the memory, time and disk space needed; write nothing.")] = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Maps:
    """Map the classes of images: class map and overlay of photos, GeoTIFFs, polygons and areas of rasters.

    An .onnx runs in onnxruntime and an .xml in OpenVINO, without torch. `runtime` names another; `auto` takes torch on
    a GPU or a CPU with bf16, elsewhere what is fastest for the model, timed once. Several models give the mean of their
    probabilities. They must agree on classes, bands, scale and ground sampling distance, and see the windows of the
    first.

    `inputs` are files, folders, patterns like `scenes/**/*.tif`, and web addresses of rasters, which are read in parts.
    Model files among them are further models. The sub-folders of folders and patterns are mirrored. Several rasters
    are read as one by `rgb=ortho.tif,dsm=height.tif`; the map has the first one's grid and name.

    A photo (.png, .jpg, ...) becomes STEM_classes.png and STEM_overlay.jpg; all photos share areas.csv and legend.png.
    A raster (.tif, .tiff, .jp2; a .vrt only if named itself) becomes a folder STEM, one of another format
    (`rasters.formats`) a folder of its whole name. It holds classes.tif on the raster's grid, polygons, areas.csv,
    classes.qml, quicklook.png and run.json. A photo that a world file places is a raster. Options of the panel Rasters
    raise InputError with photos alone; with both, a note names them.

    The workers of a cluster at `scheduler` must see all files under the same paths. If your own Dask client is
    connected to it, that is used. Neither memory nor engine changes a byte of a map.

    A killed run is resumed. Finished maps of the same inputs and options are kept, unless `overwrite`. Anything else in
    the way raises OutputExistsError before anything is written. An input that fails is reported to `say` and the others
    are mapped; then PartialError is raised, whose `done` is the Maps of the others. It is raised too if a full disk or
    the like ends them half way. If all fail, the first error is raised. `dry_run` checks everything, times the
    model and writes nothing: see `Maps.planned`.
    """
    given = dict(locals())
    from terrazzo.maps.command import Command
    from terrazzo.maps.engines.options import EngineOptions
    from terrazzo.maps.inputs import find_pictures
    from terrazzo.maps.jobs.options import MapOptions
    from terrazzo.maps.jobs.runtime import settled
    from terrazzo.maps.models import check_models, model_file, models_among
    from terrazzo.model.opening import check_sizes
    from terrazzo.model.windows.tiling import plan

    models, images = models_among(model, inputs)
    check_models(models, device, precision, runtime)
    options = MapOptions.from_words(**given)
    engine_options = EngineOptions(engine, workers, scheduler, devices)
    tiling = partial(plan, window=window, overlap=overlap, batch_size=batch_size)
    file = model_file(models, tiling, device, precision, say, runtime)
    place = place_of(out)
    found = find_pictures(images, Path(str(place)), say)
    if found.pictures and not isinstance(place, Path):
        raise InputError(f"--out {out}: takes maps of rasters alone, not of {found.pictures[0].name}; choose a folder")
    if devices > 1:
        from terrazzo.maps.engines.devices import check_devices

        check_devices(file, devices)
    file, kept = settled(file, [raster.folder(place) for raster in found.rasters], restart, overwrite, say)
    for each in file.every:
        check_sizes(each.path, max(options.tta_scales, default=1), each.runtime)
    command = Command(file, options, engine_options, place, overwrite, restart, Reporter(progress, say), kept)
    if found.pictures:
        _refuse_raster_options(command, found)
    rasters = pictures = None
    if found.rasters:
        from terrazzo.maps.rasters.batch import RasterBatch

        rasters = RasterBatch(command, found)
    if found.pictures:
        from terrazzo.maps.pictures.batch import PictureBatch

        pictures = PictureBatch(command, found)
    batches = [batch for batch in (rasters, pictures) if batch]
    for batch in batches:
        batch.plan()
    if dry_run and any(batch.jobs for batch in batches):
        return Maps(place, (), None, rasters.planned() if rasters else (), len(pictures.jobs) if pictures else 0)
    mapped = None
    try:
        if pictures and not dry_run:
            mapped = pictures.run()
        if rasters and not dry_run:
            rasters.run()
    except BaseException as error:
        there = Maps(place, tuple(rasters.done) if rasters else (), mapped or (pictures.done if pictures else None))
        _tell_finished(error, there, len(found.rasters) + len(found.pictures), say)
        raise
    maps = Maps(place, tuple(rasters.done) if rasters else (), mapped)
    if errors := [error for batch in batches for error in batch.failures.errors]:
        maps = replace(maps, n_failed=sum(batch.failures.count for batch in batches))
        raise _summary(maps, errors, len(found.rasters) + len(found.pictures))
    return maps


def _refuse_raster_options(command: "Command", found: "FoundPictures") -> None:
    """Report the given flags that have no effect on photos. Raises InputError if there are only photos."""
    from terrazzo.maps.jobs.options import given_flags
    from terrazzo.model.averaging.views import NONE

    for_rasters = replace(command.options, tta=NONE, tta_scales=(), confidence=False)
    flags = given_flags(for_rasters) + given_flags(command.engine)
    flags += ["--restart"] * command.restart
    if flags and not found.rasters:
        words = f"is for rasters (.tif, .tiff, .jp2, .vrt); {found.pictures[0].name.name} is a picture"
        raise InputError(f"{flags[0]}: {words}; leave {flags[0]} out")
    if flags:
        command.reporter.say(f"{listed(flags, len(flags))}: for rasters; pictures are mapped without")


def _tell_finished(error: BaseException, maps: Maps, n_images: int, say: Say) -> None:
    """Say which maps were finished before a batch broke off. Raises PartialError with them for an error of ours."""
    there = (*maps.written, *maps.kept)
    if not there:
        return
    if isinstance(error, TerrazzoError):
        left = n_images - len(there)
        words = f"{left} of {how_many(n_images, 'image')} were not mapped, the others are in {maps.out}"
        raise PartialError(f"{words}; the cause: {error}", replace(maps, n_failed=left)) from error
    say(f"{how_many(len(there), 'map')} of {n_images} were finished in {maps.out}: {listed(there)}")


def _summary(maps: Maps, errors: Sequence[TerrazzoError], n_images: int) -> TerrazzoError:
    """The error that sums up what failed."""
    first = errors[0]
    if maps.written or maps.kept:
        words = f"{maps.n_failed} of {how_many(n_images, 'image')} failed"
        return PartialError(f"{words}, the others are in {maps.out}; the first: {first}", maps)
    return first if len(errors) == 1 else InputError(f"all {maps.n_failed} images failed; the first: {first}")
