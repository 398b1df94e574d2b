"""Maps of photos and rasters: the public function."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.errors import InputError, PartialError, TerrazzoError
from terrazzo.maps.command import Command
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
    """How many inputs failed."""

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
    """Write the maps of photos and rasters into the folder `out`.

    `model` is a model.safetensors, or an .onnx or .h5 that `export` wrote; an .onnx runs in onnxruntime, without torch.
    `inputs` are files, folders, patterns like `scenes/**/*.tif`, and web addresses of rasters, which are read in parts.
    The sub-folders of folders and patterns are mirrored. `window` and `overlap` are in pixels, `batch_size` in windows;
    None, and a batch size of "auto", means what suits the model.

    A photo (.png, .jpg, ...) becomes STEM_classes.png and STEM_overlay.jpg; all photos share areas.csv and legend.png.
    A raster (.tif, .tiff, .jp2; a .vrt only if named itself) becomes a folder STEM. It holds classes.tif on the
    raster's grid, polygons in `vector_format`, areas.csv, classes.qml, quicklook.png and run.json.
    `tta` (none, flips or d4) averages over mirror images; `confidence` adds the winning class's share, 0 to 100.

    The other options concern rasters. With photos alone they raise InputError; with both, a note says so. `scale` is
    (low, high), the stored values that become 0 and 255. `resample` reads at the resolution of the training data.
    `probabilities` adds every class's share. In the polygons, areas of fewer than `mapping_unit` pixels join a
    neighbour. `zones` is a file of polygons, named by `zone_field`, which areas.csv then lists. `max_memory` (4GB,
    3500MB, bytes) bounds the memory of the process. `engine` "dask" uses `workers` processes on this machine, or the
    cluster at `scheduler` (tcp://host:8786), whose workers must see all files under the same paths. If your own client
    is connected to that scheduler, it is used. Neither memory nor engine changes a byte of a map.

    A killed run is resumed; `restart` discards unfinished work of other inputs or options. Finished maps of the same
    inputs and options are kept, unless `overwrite`. Anything else in the way raises OutputExistsError before anything
    is written. An input that fails is reported to `say` and the others are mapped; then PartialError is raised, whose
    `done` is the Maps of the others. If all fail, the first error is raised.

    `dry_run` checks everything, times the model and writes nothing: see `Maps.planned`. For rasters alone, `out` may be
    the URL of an object store that fsspec knows (s3://bucket/maps).
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
    engine_options = EngineOptions(engine, workers, scheduler)
    header = read_header(model)
    tiling = plan(header, window, overlap, batch_size)
    place = place_of(out)
    found = find_pictures([inputs] if isinstance(inputs, str | Path) else inputs, Path(str(place)))
    if found.pictures and not isinstance(place, Path):
        raise InputError(f"--out {out}: takes maps of rasters alone, not of {found.pictures[0].name}; choose a folder")
    file = ModelFile(model, file_digest(model), header, tiling, device, precision)
    command = Command(file, options, engine_options, place, overwrite, restart, Reporter(progress, say))
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
    mapped = pictures.run() if pictures and not dry_run else None
    maps = Maps(place, tuple(rasters.run()) if rasters and not dry_run else (), mapped)
    if errors := [error for batch in batches for error in batch.failures.errors]:
        maps = replace(maps, n_failed=sum(batch.failures.count for batch in batches))
        raise _summary(maps, errors, len(found.rasters) + len(found.pictures))
    return maps


def _refuse_raster_options(command: Command, found: FoundPictures) -> None:
    """Report the given flags that have no effect on photos. Raises InputError if there are only photos."""
    flags = given_flags(replace(command.options, tta=NONE, confidence=False)) + given_flags(command.engine)
    flags += ["--restart"] * command.restart
    if flags and not found.rasters:
        words = f"is for rasters (.tif, .tiff, .jp2, .vrt); {found.pictures[0].name.name} is a picture"
        raise InputError(f"{flags[0]}: {words}; leave {flags[0]} out")
    if flags:
        command.reporter.say(f"{listed(flags, len(flags))}: for rasters; pictures are mapped without")


def _summary(maps: Maps, errors: Sequence[TerrazzoError], n_images: int) -> TerrazzoError:
    """The error that sums up what failed."""
    first = errors[0]
    if maps.written or maps.kept:
        words = f"{maps.n_failed} of {how_many(n_images, 'image')} failed"
        return PartialError(f"{words}, the others are in {maps.out}; the first: {first}", maps)
    return first if len(errors) == 1 else InputError(f"all {maps.n_failed} images failed; the first: {first}")
