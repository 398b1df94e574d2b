"""Ordinary images to land-cover maps: class map and overlay of each picture, one table of areas, one legend."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from terrazzo.errors import ImageError, InputError, OutputExistsError, PartialError
from terrazzo.maps.areas import AREAS, Areas, refuse_other_areas, write_areas
from terrazzo.maps.inputs import FoundPictures, PictureFile
from terrazzo.maps.pictures.files import JPEG_MAX_SIDE, LEGEND, MapFiles, count_pixels, legend_key, map_key, save_legend
from terrazzo.maps.pictures.mapping import map_picture
from terrazzo.model.opening import ModelFile, open_model
from terrazzo.model.predictor import Halving
from terrazzo.pixels.image_files import read_size
from terrazzo.pixels.keyed import refuse_other
from terrazzo.pixels.photos import open_photo
from terrazzo.system.files import digest, writing
from terrazzo.system.reporting import Progress, Say, silent

BANDS = 3
Counts = dict[str, tuple[int, ...]]  # pixels by class, by name of the picture


@dataclass(frozen=True)
class Prediction:
    """What a prediction made, and what was there already."""

    out: Path
    written: tuple[str, ...]
    """Names of the pictures that were predicted now, below their inputs."""
    kept: tuple[str, ...]
    """Names of the pictures whose finished maps were kept."""
    areas: tuple[Areas, ...]
    """Pixels by class of every picture, in the order of the inputs."""
    n_failed: int = 0
    """How many pictures could not be predicted."""


@dataclass(frozen=True)
class _Job:
    """A picture that can be predicted, and where its maps go."""

    picture: PictureFile
    files: MapFiles
    n_pixels: int

    @property
    def name(self) -> str:
        return str(self.picture.name)


@dataclass(frozen=True)
class _Command:
    """What the pictures of one command share."""

    model: ModelFile
    out: Path
    progress: Progress
    say: Say


@dataclass
class _Failures:
    """The pictures that cannot be predicted; each is told at once, unless it is the only one there is."""

    say: Say
    n_pictures: int
    lines: list[str] = field(default_factory=list)

    def add(self, error: ImageError) -> None:
        self.lines.append(str(error))
        if self.n_pictures > 1:
            self.say(str(error))

    @property
    def summary(self) -> str:
        """What to say where all failed."""
        first = self.lines[0]
        return first if self.n_pictures == 1 else f"all {self.n_pictures} images failed; the first: {first}"


def map_pictures(
    model: ModelFile, found: FoundPictures, out: Path, overwrite: bool, progress: Progress, say: Say
) -> Prediction:
    """Write STEM_classes.png and STEM_overlay.jpg of each picture, one areas.csv and legend.png, to the folder `out`.

    Finished maps of the same picture, model and options are kept, unless `overwrite`. A picture that cannot be read is
    told to `say` and the others are done; then PartialError is raised, or InputError where all failed.
    OutputExistsError (something else is in the way) is raised before anything is written.
    """
    command = _Command(model, out, progress, say)
    failures = _Failures(say, len(found.pictures))
    jobs = _checked(command, found, overwrite, failures)
    kept = {} if overwrite else _finished(command, jobs)
    written = _map_all(command, [job for job in jobs if job.name not in kept], failures)
    pixels = kept | written
    areas = tuple(Areas(job.name, pixels[job.name]) for job in jobs if job.name in pixels)
    done = Prediction(out, tuple(written), tuple(kept), areas, len(failures.lines))
    _finish(command, done, failures)
    return done


def check_pictures(model: ModelFile, found: FoundPictures, out: Path, overwrite: bool, say: Say) -> int:
    """How many pictures can be mapped; raises what `map_pictures` raises before it writes. Nothing is written."""
    failures = _Failures(say, len(found.pictures))
    jobs = _checked(_Command(model, out, silent, say), found, overwrite, failures)
    if not jobs:
        raise InputError(failures.summary)
    return len(jobs)


def _checked(command: _Command, found: FoundPictures, overwrite: bool, failures: _Failures) -> list[_Job]:
    """The pictures that can be predicted, nothing being in the way of their maps."""
    model = command.model
    if model.header.bands != BANDS:
        raise InputError(
            f"{model.path}: takes {model.header.bands} bands; ordinary images have {BANDS}: red, green and blue"
        )
    if found.ignored:
        command.say(f"files that are hidden or no images, ignored: {found.ignored}")
    jobs = list(_jobs(command, found.pictures, failures))
    if not overwrite:
        _refuse_what_is_in_the_way(command, jobs, [str(picture.name) for picture in found.pictures])
    return jobs


def _jobs(command: _Command, pictures: Sequence[PictureFile], failures: _Failures) -> Iterator[_Job]:
    """The pictures whose headers can be read, each with the key of what would be made of it."""
    tiling, model = command.model.tiling, command.model.digest
    options = {"window": tiling.window, "overlap": tiling.overlap, "precision": command.model.precision}
    for number, picture in enumerate(pictures, start=1):
        try:
            raw = picture.read()
            height, width = read_size(raw, str(picture.path))
        except ImageError as error:
            failures.add(error)
        else:
            files = MapFiles.below(command.out, picture.name, map_key(model, digest(raw), options))
            yield _Job(picture, files, height * width)
        command.progress("checking images", number, len(pictures))


def _refuse_what_is_in_the_way(command: _Command, jobs: Sequence[_Job], names: Sequence[str]) -> None:
    if command.out.is_file():
        raise OutputExistsError(f"{command.out}: is a file; --out takes a folder")
    for job in jobs:
        for path in (job.files.classes, job.files.overlay):
            refuse_other(path, job.files.key, "this image, model and options")
    refuse_other(command.out / LEGEND, legend_key(command.model.header.schema), "this model's classes")
    refuse_other_areas(command.out / AREAS, names)


def _finished(command: _Command, jobs: Sequence[_Job]) -> Counts:
    """Pixels by class of the pictures whose maps are there already."""
    n_classes = command.model.header.schema.n_classes
    kept = {job.name: count_pixels(job.files.classes, n_classes) for job in jobs if job.files.finished()}
    if kept:
        command.say(f"finished maps of the same image, model and options, kept: {len(kept)} of {len(jobs)}")
    return kept


def _map_all(command: _Command, jobs: Sequence[_Job], failures: _Failures) -> Counts:
    """Write the maps of the jobs; pixels by class of those pictures that could be decoded."""
    counts: Counts = {}
    done, total = 0, sum(job.n_pixels for job in jobs)
    model = None

    def step(pixels: int) -> None:
        nonlocal done
        done += pixels
        command.progress("predicting pixels", done, total)

    for job in jobs:
        try:
            image = open_photo(job.picture.read(), str(job.picture.path))
        except ImageError as error:
            failures.add(error)
            step(job.n_pixels)
            continue
        # Opened only now: a picture that cannot be decoded is refused without waiting for torch or onnxruntime.
        model = model or Halving(
            open_model(command.model.path, command.model.device, command.model.precision), command.say
        )
        mapped = map_picture(model, image, command.model.tiling, job.files, step)
        del image  # before the next is decoded: two large photos do not fit into the promised memory
        if mapped.shrunk:
            command.say(f"{job.files.overlay}: shrunk, as a JPEG holds at most {JPEG_MAX_SIDE} pixels a side")
        counts[job.name] = mapped.pixels
    return counts


def _finish(command: _Command, done: Prediction, failures: _Failures) -> None:
    """Write what the pictures share, and raise the error that sums up the failures."""
    failed, n_pictures = failures.lines, failures.n_pictures
    if not done.areas:
        raise InputError(failures.summary)
    with writing(command.out):
        save_legend(command.model.header.schema, command.out / LEGEND)
        write_areas(command.out / AREAS, done.areas, command.model.header.schema)
    if failed:
        raise PartialError(
            f"{len(failed)} of {n_pictures} images failed, the others are in {command.out}; the first: {failed[0]}",
            done,
        )
