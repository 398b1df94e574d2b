"""The table of areas: how many pixels of each picture, and which share of it, belong to each class."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import OutputExistsError
from terrazzo.system.files import write_text

AREAS = "areas.csv"
FIELDS = ("file", "class_id", "class", "pixels", "share")


@dataclass(frozen=True)
class Areas:
    """Pixels of one picture by class, in id order."""

    file: str
    """The picture's name below its input, with forward slashes."""
    pixels: tuple[int, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Each class's share of the picture, 0..1; they sum to 1."""
        total = sum(self.pixels)
        return tuple(pixels / total for pixels in self.pixels)


def write_areas(path: Path, pictures: Sequence[Areas], schema: ClassSchema) -> None:
    """Write one row a picture and class, also for classes that the picture lacks; an equal table is left alone."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for picture in pictures:
        classes = zip(schema.names, picture.pixels, picture.shares, strict=True)
        for i, (name, pixels, share) in enumerate(classes):
            writer.writerow((picture.file, i, name, pixels, f"{share:.8f}"))
    if not path.is_file() or path.read_bytes() != stream.getvalue().encode():
        write_text(path, stream.getvalue())


def refuse_other_areas(path: Path, files: Iterable[str]) -> None:
    """Raise OutputExistsError where `path` is no table of areas, or one that also speaks of other files.

    A table of some of the files is what a run leaves in which others failed; writing it anew loses nothing.
    """
    if not path.exists():
        return
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, csv.Error):
        rows = []
    others = {row[0] for row in rows[1:] if row} - set(files)
    if rows[:1] == [list(FIELDS)] and not others:
        return
    what = f"holds the areas of other images ({min(others)})" if others else "is not a table of areas"
    raise OutputExistsError(f"{path}: {what}; choose another --out, or replace it with --overwrite")
