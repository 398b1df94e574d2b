"""Images of any kind to maps: ordinary pictures and georeferenced rasters each take their own way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from terrazzo.errors import InputError, PartialError, TerrazzoError
from terrazzo.maps.engines.options import engine_options
from terrazzo.maps.inputs import FoundPictures, find_pictures
from terrazzo.maps.jobs.options import map_options, parse_memory, refuse_without_raster, zone_options
from terrazzo.model.header import read_header
from terrazzo.model.opening import ModelFile, check_engine
from terrazzo.model.windows.tiling import plan
from terrazzo.pixels.bands import Bands, Scale
from terrazzo.system.devices import check_compute
from terrazzo.system.files import file_digest
from terrazzo.system.options import RASTERS, Device, Option, Overwrite, Precision
from terrazzo.system.places import Place, place_of
from terrazzo.system.reporting import Progress, Say, how_many, quiet, silent

if TYPE_CHECKING:
    from terrazzo.maps.areas import Areas
    from terrazzo.maps.pictures.batch import Prediction
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
    model: Annotated[str | Path, Option("A model.safetensors, or an .onnx or .h5 that export wrote.")],
    inputs: Annotated[
        str | Path | Sequence[str | Path],
        Option("Images and rasters, folders of them, patterns, and addresses of rasters on the web.", many=True),
    ],
    *,
    out: Annotated[str | Path, Option("Folder for the maps; for rasters also a store: s3://bucket/maps.")],
    window: Annotated[int | None, Option("Side of the windows in pixels, a multiple of 32.")] = None,
    overlap: Annotated[int | None, Option("Overlap of neighbouring windows in pixels.")] = None,
    batch_size: Annotated[
        int | str | None,
        Option("Windows at a time; auto: what suits the device.", flags=("--batch-size", "--batch")),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    bands: Bands = None,
    scale: Scale = None,
    max_pixels: Annotated[int | None, Option("Refuse larger rasters; 20 gigapixels if not given.", RASTERS)] = None,
    resample: Annotated[
        bool, Option("Read at the resolution of the model's training; the map keeps the raster's grid.", RASTERS)
    ] = False,
    confidence: Annotated[bool, Option("Also confidence.tif, 0 to 100 %.", RASTERS)] = False,
    probabilities: Annotated[bool, Option("Also probabilities.tif, a band a class.", RASTERS)] = False,
    tta: Annotated[str, Option("none, flips or d4: average over 1, 4 or 8 mirror images.", RASTERS)] = "none",
    vector_format: Annotated[str, Option("Polygons of rasters: gpkg, geojson, parquet or none.", RASTERS)] = "gpkg",
    mapping_unit: Annotated[int, Option("Areas of fewer pixels join a neighbour in the polygons.", RASTERS)] = 1,
    zones: Annotated[
        str | Path | None, Option("areas.csv by the polygons of this .gpkg, .geojson or .shp.", RASTERS)
    ] = None,
    zone_field: Annotated[str | None, Option("The field that names the zones.", RASTERS)] = None,
    max_memory: Annotated[
        str | int | None, Option("Memory that it may take, as in 4GB; smaller pieces take less.", RASTERS)
    ] = None,
    engine: Annotated[str, Option("Who computes: local (this process) or dask.", RASTERS)] = "local",
    workers: Annotated[
        int | None, Option("Processes of --engine dask here; half the cores if not given.", RASTERS)
    ] = None,
    scheduler: Annotated[
        str | None, Option("An existing Dask cluster for --engine dask: tcp://host:8786.", RASTERS)
    ] = None,
    restart: Annotated[bool, Option("Throw away the unfinished work of another run.", RASTERS)] = False,
    overwrite: Overwrite = False,
    dry_run: Annotated[bool, Option("Report memory, time and disk space that it would take; write nothing.")] = False,
    progress: Progress = silent,
    say: Say = quiet,
) -> Maps:
    """Map the classes of images: class map and overlay of photos, GeoTIFFs, polygons and areas of rasters.

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
    options = map_options(bands, scale, max_pixels, confidence, probabilities, tta, (vector_format, mapping_unit))
    memory = parse_memory(max_memory)
    options = replace(options, resample=resample, zones=zone_options(zones, zone_field), max_memory=memory)
    computed_by = engine_options(engine, workers, scheduler)
    header = read_header(model)
    tiling = plan(header, window, overlap, batch_size)
    place = place_of(out)
    found = find_pictures([inputs] if isinstance(inputs, str | Path) else inputs, Path(str(place)))
    if found.pictures and not isinstance(place, Path):
        raise InputError(f"--out {out}: takes maps of rasters alone, not of {found.pictures[0].name}; choose a folder")
    if not found.rasters:
        refuse_without_raster(options, found.pictures[0].name.name)
    model_file = ModelFile(model, file_digest(model), header, tiling, device, precision)
    todo = None
    if found.rasters:
        from terrazzo.maps.rasters.batch import RasterBatch

        todo = RasterBatch(model_file, options, progress, say, computed_by)
        todo.plan(found.rasters, place, overwrite, restart)
    if dry_run:
        return _planned(todo, _n_pictures(model_file, found, place, overwrite, say), place, overwrite, restart)
    pictures: Prediction | None = None
    failed: TerrazzoError | None = None
    n_failed = 0
    if found.pictures and isinstance(place, Path):
        from terrazzo.maps.pictures.batch import map_pictures

        try:
            pictures = map_pictures(model_file, found, place, overwrite, progress, say)
        except InputError as error:
            failed, n_failed = error, len(found.pictures)
        except PartialError as error:
            pictures, failed, n_failed = error.done, error, error.done.n_failed
    rasters = todo.run(overwrite, restart) if todo else []
    if todo:
        n_failed += len(todo.failures)
    maps = Maps(place, tuple(rasters), pictures, n_failed=n_failed)
    _raise_failures(maps, [*(todo.failures if todo else ()), *([failed] if failed else ())])
    return maps


def _n_pictures(model: ModelFile, found: FoundPictures, out: Place, overwrite: bool, say: Say) -> int:
    """How many pictures would be mapped."""
    if not found.pictures or not isinstance(out, Path):
        return 0
    from terrazzo.maps.pictures.batch import check_pictures

    return check_pictures(model, found, out, overwrite, say)


def _planned(todo: "RasterBatch | None", n_pictures: int, out: Place, overwrite: bool, restart: bool) -> Maps:
    """What a dry run finds; raises what was wrong where no raster can be mapped."""
    if todo is None:
        return Maps(out, (), None, (), n_pictures)
    if not todo.jobs:
        _raise_failures(Maps(out, (), None, n_failed=len(todo.failures)), todo.failures)
    from terrazzo.maps.rasters.dry_run import plan_maps

    return Maps(out, (), None, plan_maps(todo, overwrite, restart), n_pictures)


def _raise_failures(maps: Maps, errors: Sequence[TerrazzoError]) -> None:
    """Raise the error that sums up what failed, if anything did."""
    if not errors:
        return
    first, failed = errors[0], how_many(maps.n_failed, "input")
    if not maps.written and not maps.kept:
        raise first if len(errors) == 1 else InputError(f"all {failed} failed; the first: {first}")
    if isinstance(first, PartialError):  # only pictures failed, not all of them: it sums them up
        raise PartialError(str(first), maps)
    raise PartialError(f"{failed} failed, the others are in {maps.out}; the first: {first}", maps)
