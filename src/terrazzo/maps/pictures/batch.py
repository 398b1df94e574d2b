"""Pictures to maps with one model: all are checked before the first is decoded, a bad one stops no other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from terrazzo.errors import ImageError, InputError, OutputExistsError
from terrazzo.maps.areas import AREAS, Areas, refuse_other_areas, write_areas
from terrazzo.maps.command import Command, Failures
from terrazzo.maps.inputs import FoundPictures, PictureFile
from terrazzo.maps.pictures.files import JPEG_MAX_SIDE, LEGEND, MapFiles, count_pixels, legend_key, map_key, save_legend
from terrazzo.maps.pictures.picture_map import map_picture
from terrazzo.model.opening import open_model
from terrazzo.model.predictor import Halving, Predictor
from terrazzo.pixels.keyed import refuse_other
from terrazzo.pixels.photos import open_photo, read_size
from terrazzo.system.files import digest, writing

BANDS = 3
Counts = dict[str, tuple[int, ...]]  # pixels by class, by name of the picture


@dataclass(frozen=True)
class Prediction:
    """What became of the pictures."""

    out: Path
    written: tuple[str, ...]
    """Names of the pictures that were mapped now, below their inputs."""
    kept: tuple[str, ...]
    """Names of the pictures whose finished maps were kept."""
    areas: tuple[Areas, ...]
    """Pixels by class of every picture, in the order of the inputs."""
    n_failed: int = 0
    """How many pictures could not be mapped."""


@dataclass(frozen=True)
class _Job:
    """A picture that can be mapped, and where its map goes."""

    picture: PictureFile
    files: MapFiles
    n_pixels: int

    @property
    def name(self) -> str:
        return str(self.picture.name)


@dataclass
class PictureBatch:
    """The pictures of one command, mapped into a folder."""

    command: Command
    out: Path
    failures: Failures
    jobs: list[_Job] = field(default_factory=list)
    n_pictures: int = 0

    def plan(self, found: FoundPictures) -> None:
        """Find the pictures that can be mapped; the others are reported and remembered. Nothing is written.

        Raises OutputExistsError if something else is in the way of a map.
        """
        model, self.n_pictures = self.command.model, len(found.pictures)
        if model.header.bands != BANDS:
            words = f"{model.path}: takes {model.header.bands} bands; ordinary images have {BANDS}: red, green and blue"
            self.failures.add(InputError(words), self.n_pictures)
            return
        if found.ignored:
            self.command.reporter.say(f"files that are hidden or no images, ignored: {found.ignored}")
        self.jobs = list(self._found_jobs(found))
        if not self.command.overwrite:
            self._refuse_what_is_in_the_way([str(picture.name) for picture in found.pictures])

    def run(self) -> Prediction | None:
        """Map the pictures, or keep their finished maps; None if all failed. A failed one is reported and remembered.

        Writes STEM_classes.png, STEM_overlay.jpg and perhaps STEM_confidence.png of each picture, and areas.csv and
        legend.png of all.
        """
        try:
            return self._run()
        except InputError as error:  # of the folder or of memory, not of one picture
            self.failures.add(error, self.n_pictures - self.failures.count)
            return None

    def _run(self) -> Prediction | None:
        kept = {} if self.command.overwrite else self._finished()
        written = self._map_all([job for job in self.jobs if job.name not in kept])
        pixels = kept | written
        if not pixels:
            return None
        areas = tuple(Areas(pixels[job.name], file=job.name) for job in self.jobs if job.name in pixels)
        schema = self.command.model.header.schema
        with writing(self.out):
            save_legend(schema, self.out / LEGEND)
            write_areas(self.out / AREAS, areas, schema)
        return Prediction(self.out, tuple(written), tuple(kept), areas, self.failures.count)

    def _found_jobs(self, found: FoundPictures) -> Iterator[_Job]:
        """The pictures whose headers can be read, each with the key of what would be made of it."""
        model, options = self.command.model, self.command.options
        for number, picture in enumerate(found.pictures, start=1):
            try:
                raw = picture.read()
                height, width = read_size(raw, str(picture.path))
            except ImageError as error:
                self.failures.add(error)
            else:
                stem = self.out / picture.name.parent / picture.name.stem
                files = MapFiles(stem, map_key(model, digest(raw), options), options.confidence)
                yield _Job(picture, files, height * width)
            self.command.reporter.progress("checking images", number, self.n_pictures)

    def _refuse_what_is_in_the_way(self, names: list[str]) -> None:
        if self.out.is_file():
            raise OutputExistsError(f"{self.out}: is a file; --out takes a folder")
        for job in self.jobs:
            for path in job.files.wanted:
                refuse_other(path, job.files.key, "this image, model and options")
        refuse_other(self.out / LEGEND, legend_key(self.command.model.header.schema), "this model's classes")
        refuse_other_areas(self.out / AREAS, names)

    def _finished(self) -> Counts:
        """Pixels by class of the pictures whose maps are there already."""
        n_classes = self.command.model.header.schema.n_classes
        kept = {job.name: count_pixels(job.files.classes, n_classes) for job in self.jobs if job.files.finished()}
        if kept:
            words = f"finished maps of the same image, model and options, kept: {len(kept)} of {len(self.jobs)}"
            self.command.reporter.say(words)
        return kept

    def _map_all(self, jobs: list[_Job]) -> Counts:
        """Write the maps of the jobs; pixels by class of those pictures that could be decoded."""
        counts: Counts = {}
        done, total = 0, sum(job.n_pixels for job in jobs)
        file, reporter = self.command.model, self.command.reporter
        model: Predictor | None = None

        def step(pixels: int) -> None:
            nonlocal done
            done += pixels
            reporter.progress("predicting pixels", done, total)

        for job in jobs:
            try:
                image = open_photo(job.picture.read(), str(job.picture.path))
            except ImageError as error:
                self.failures.add(error)
                step(job.n_pixels)
                continue
            # Opened only now: a picture that cannot be decoded is refused without waiting for torch or onnxruntime.
            model = model or Halving(open_model(file.path, file.device, file.precision), reporter.say)
            mapped = map_picture(model, image, file.tiling, job.files, step, self.command.options.tta)
            del image  # before the next is decoded: two large photos do not fit into the promised memory
            if mapped.shrunk:
                reporter.say(f"{job.files.overlay}: shrunk, as a JPEG holds at most {JPEG_MAX_SIDE} pixels a side")
            counts[job.name] = mapped.pixels
        return counts
