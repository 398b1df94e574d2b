"""The small files beside a map: the table of areas, the QGIS style, the picture to look at first."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.errors import OutputExistsError
from terrazzo.pixels.geodesy import PixelAreas
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


AREA_FIELDS = ("class_id", "class", "pixels", "share", "area_m2", "area_ha")
ZONE_FIELD = "zone"
COUNTED = (
    "pixels of classes.tif, a share being that of all valid ones; the polygons' sums differ from them where "
    "--mapping-unit joins small areas to a neighbour"
)
"""What the figures of areas.csv and of run.json are."""
M2_PER_HA = 10_000
ROWS = 64
"""Rows whose areas are looked at together."""


@dataclass(frozen=True)
class ClassAreas:
    """How much of a map belongs to each class, in id order."""

    pixels: tuple[int, ...]
    m2: tuple[float, ...] | None
    """Geodesic areas; None where the raster does not say where on Earth it lies."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Each class's share of the valid pixels, 0..1; all 0 where none is valid."""
        total = sum(self.pixels)
        return tuple(pixels / total if total else 0.0 for pixels in self.pixels)


def count_areas(
    strips: Iterable[tuple[int, NDArray[np.uint8]]], n_classes: int, pixel_areas: PixelAreas | None
) -> ClassAreas:
    """Pixels and areas by class of a map's strips (row, ids (h, W)).

    Added up in the order of pixels, a fixed number of rows at a time, so that the last digit does not depend on how
    the map was made.
    """
    pixels = np.zeros(IGNORE + 1, np.int64)
    m2 = np.zeros(IGNORE + 1)
    for top, ids in strips:
        for offset in range(0, len(ids), ROWS):
            part = ids[offset : offset + ROWS]
            by_row = _count_by_row(part)
            pixels += by_row.sum(axis=0)
            if pixel_areas is None:
                continue
            each = pixel_areas.block(top + offset, top + offset + len(part))
            if each.shape[1] == 1:
                m2 += (by_row * each).sum(axis=0)
            else:
                m2 += np.bincount(part.ravel(), weights=each.ravel(), minlength=IGNORE + 1)
    found = tuple(pixels[:n_classes].tolist())
    return ClassAreas(found, None if pixel_areas is None else tuple(m2[:n_classes].tolist()))


def _count_by_row(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels of each id in each row (h, 256)."""
    n_ids = IGNORE + 1
    keyed = ids + np.arange(0, len(ids) * n_ids, n_ids)[:, None]
    return np.bincount(keyed.ravel(), minlength=len(ids) * n_ids).reshape(len(ids), n_ids)


def area_rows(areas: ClassAreas, schema: ClassSchema) -> Iterator[tuple[int, str, int, str, str, str]]:
    """A row of AREA_FIELDS for each class, also for those that the map lacks; areas are blank where not known."""
    for i, name in enumerate(schema.names):
        m2 = None if areas.m2 is None else areas.m2[i]
        known = ("", "") if m2 is None else (f"{m2:.3f}", f"{m2 / M2_PER_HA:.7f}")
        yield (i, name, areas.pixels[i], f"{areas.shares[i]:.8f}", *known)


def write_class_areas(path: Path, areas: ClassAreas, schema: ClassSchema) -> None:
    """Write one row a class."""
    _write_table(path, AREA_FIELDS, area_rows(areas, schema))


def write_zone_areas(path: Path, areas: Sequence[ClassAreas], names: Sequence[str], schema: ClassSchema) -> None:
    """Write one row a zone and class, the zone last; no row is of the whole map, so that nothing is summed twice."""
    rows = ((*row, name) for name, found in zip(names, areas, strict=True) for row in area_rows(found, schema))
    _write_table(path, (*AREA_FIELDS, ZONE_FIELD), rows)


def describe_areas(areas: ClassAreas, schema: ClassSchema) -> dict[str, Any]:
    """The whole map's areas as JSON values, with the figures of areas.csv; None where it has a blank."""
    numbers = [
        (i, name, pixels, *(float(word) if word else None for word in words))
        for i, name, pixels, *words in area_rows(areas, schema)
    ]
    return {"counted": COUNTED, "classes": [dict(zip(AREA_FIELDS, row, strict=True)) for row in numbers]}


def _write_table(path: Path, fields: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(rows)
    write_text(path, stream.getvalue())
