"""Photos to maps with one model. All are checked before the first is decoded; a bad one does not stop the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import ImageError, InputError, OutputExistsError
from terrazzo.maps.areas import AREAS, Areas, refuse_other_areas, write_areas
from terrazzo.maps.command import Command, Failures
from terrazzo.maps.inputs import FoundPictures, PictureFile
from terrazzo.maps.pictures.files import JPEG_MAX_SIDE, LEGEND, MapFiles, count_pixels, legend_key, map_key, save_legend
from terrazzo.maps.pictures.looking import LookingAtPhotos
from terrazzo.maps.pictures.picture_map import map_picture
from terrazzo.model.predictor import Predictor
from terrazzo.pixels.image_files import read_size
from terrazzo.pixels.keyed import refuse_other
from terrazzo.pixels.photos import open_photo
from terrazzo.system.files import digest, writing
from terrazzo.system.reporting import how_many

BANDS = 3
Counts = dict[str, tuple[int, ...]]  # pixels by class, by name of the photo


@dataclass(frozen=True)
class Prediction:
    """What became of the photos."""

    out: Path
    written: tuple[str, ...]
    """Names of the photos that were mapped now, below their inputs."""
    kept: tuple[str, ...]
    """Names of the photos whose finished maps were kept."""
    areas: tuple[Areas, ...]
    """Pixels by class of every photo, in the order of the inputs."""
    n_failed: int = 0


@dataclass(frozen=True)
class _Job:
    """A photo that can be mapped, and where its map goes."""

    picture: PictureFile
    files: MapFiles
    n_pixels: int

    @property
    def name(self) -> str:
        return str(self.picture.name)


class PictureBatch:
    """The photos of one command, mapped into a folder."""

    def __init__(self, command: Command, found: FoundPictures) -> None:
        self._command, self._found, self._out = command, found, Path(str(command.out))
        self.failures = Failures(command.reporter.say, len(found.pictures))
        self.jobs: list[_Job] = []
        self._kept: Counts = {}
        self._written: Counts = {}

    @property
    def done(self) -> Prediction:
        """The photos whose maps exist so far, also after `run` was broken off; without areas."""
        return Prediction(self._out, tuple(self._written), tuple(self._kept), (), self.failures.count)

    def plan(self) -> None:
        """Find the photos that can be mapped; report the others and remember them. Nothing is written.

        Raises OutputExistsError if something else is in the way of a map.
        """
        model, n_pictures = self._command.model, len(self._found.pictures)
        if model.header.bands != BANDS:
            words = f"takes {model.header.bands} bands; ordinary images have {BANDS}: red, green and blue"
            self.failures.add(InputError(f"{model.path}: {words}; name a raster"), n_pictures)
            return
        if model.header.normalization.deep:
            words = f"takes values as {model.header.normalization.dtype} of rasters; ordinary images have 8 bits"
            self.failures.add(InputError(f"{model.path}: {words}; name a raster"), n_pictures)
            return
        if self._found.ignored:
            self._command.reporter.say(f"ignored {how_many(self._found.ignored, 'file')}, hidden or not an image")
        self.jobs = list(self._readable())
        if not self._command.overwrite:
            self._refuse_what_is_in_the_way()

    def run(self) -> Prediction | None:
        """Map the photos or keep their finished maps; None if all failed. Failures are reported and remembered.

        Where the folder or memory fails half way, it is the photos that are done.

        Each photo gets STEM_classes.png, STEM_overlay.jpg and, if wanted, STEM_confidence.png; all share areas.csv and
        legend.png.
        """
        try:
            self._kept = {} if self._command.overwrite else self._finished()
            self._map_all([job for job in self.jobs if job.name not in self._kept])
            pixels = self._kept | self._written
            if not pixels:
                return None
            areas = tuple(Areas(pixels[job.name], file=job.name) for job in self.jobs if job.name in pixels)
            schema = self._command.model.header.schema
            with writing(self._out):
                save_legend(schema, self._out / LEGEND)
                write_areas(self._out / AREAS, areas, schema)
            return Prediction(self._out, tuple(self._written), tuple(self._kept), areas, self.failures.count)
        except InputError as error:  # of the folder or of memory, not of one photo
            there = len(self._written) + len(self._kept)
            self.failures.add(error, len(self._found.pictures) - self.failures.count - there)
            return self.done if there else None

    def _readable(self) -> Iterator[_Job]:
        """The photos whose headers can be read, each with the key of its map."""
        model, options, pictures = self._command.model, self._command.options, self._found.pictures
        for number, picture in enumerate(pictures, start=1):
            try:
                raw = picture.read()
                height, width = read_size(raw, str(picture.path))
            except ImageError as error:
                self.failures.add(error)
            else:
                stem = self._out / picture.name.parent / picture.name.stem
                by_runtime = (model, *(model.by(name) for name in self._command.kept))
                files = [MapFiles(stem, map_key(each, digest(raw), options), options.confidence) for each in by_runtime]
                finished = next((each for each in files if each.finished()), files[0])
                yield _Job(picture, finished, height * width)
            self._command.reporter.progress("checking images", number, len(pictures))

    def _refuse_what_is_in_the_way(self) -> None:
        if self._out.is_file():
            raise OutputExistsError(f"{self._out}: is a file; --out takes a folder")
        for job in self.jobs:
            for path in job.files.wanted:
                refuse_other(path, job.files.key, "this image, model and options")
        refuse_other(self._out / LEGEND, legend_key(self._command.model.header.schema), "this model's classes")
        refuse_other_areas(self._out / AREAS, [str(picture.name) for picture in self._found.pictures])

    def _finished(self) -> Counts:
        """Pixels by class of the photos whose finished maps exist."""
        n_classes = self._command.model.header.schema.n_classes
        kept = {job.name: count_pixels(job.files.classes, n_classes) for job in self.jobs if job.files.finished()}
        if kept:
            words = f"kept {len(kept)} of {len(self.jobs)} maps, finished from the same image, model and options"
            self._command.reporter.say(words)
        return kept

    def _map_all(self, jobs: list[_Job]) -> None:
        """Write the maps of the jobs; remember the pixels by class of the photos that could be decoded."""
        done, total = 0, sum(job.n_pixels for job in jobs)
        reporter = self._command.reporter
        model: Predictor | None = None
        looking = LookingAtPhotos(self._command.model, len(jobs))

        def step(pixels: int) -> None:
            nonlocal done
            done += pixels
            reporter.progress("predicting pixels", done, total)

        for number, job in enumerate(jobs):
            try:
                image = open_photo(job.picture.read(), str(job.picture.path))
            except ImageError as error:
                self.failures.add(error)
                step(job.n_pixels)
                continue
            # Opened only now: a photo that cannot be decoded is refused without waiting for torch or onnxruntime.
            model = model or self._command.open_model()
            looking.at(self._command.measuring(model), number, job.name, image)
            mapped = map_picture(model, image, self._command.model.tiling, job.files, step, self._command.options.views)
            del image  # before the next is decoded: memory is promised for one large photo
            if mapped.shrunk:
                reporter.say(f"{job.files.overlay}: shrunk, as a JPEG holds at most {JPEG_MAX_SIDE} pixels a side")
            self._written[job.name] = mapped.pixels
        if (words := looking.words()) is not None:
            reporter.say(words)
