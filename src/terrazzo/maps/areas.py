"""How many pixels, and how much ground, belong to each class: of a picture, a map or a zone, and as tables."""

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
from terrazzo.system.files import csv_text, write_text

AREAS = "areas.csv"
AREA_FIELDS = ("class_id", "class", "pixels", "share", "area_m2", "area_ha")
PICTURE_FIELDS = ("file", *AREA_FIELDS[:4])
ZONE_FIELD = "zone"
COUNTED = (
    "pixels of classes.tif, a share being that of all valid ones; the polygons' sums differ from them where "
    "--mapping-unit joins small areas to a neighbour"
)
"""What the figures of areas.csv and of run.json are."""
M2_PER_HA = 10_000
ROWS = 64
"""Rows that are counted together."""

Strips = Iterable[tuple[int, NDArray[np.uint8]]]
"""A map's strips from the top: the first row and the ids (h, W)."""


@dataclass(frozen=True)
class ClassAreas:
    """How much belongs to each class, in id order."""

    pixels: tuple[int, ...]
    m2: tuple[float, ...] | None = None
    """Geodesic areas; None if the place on Earth is not known."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Each class's share of the valid pixels, 0..1; all 0 if none is valid."""
        total = sum(self.pixels)
        return tuple(pixels / total if total else 0.0 for pixels in self.pixels)


@dataclass(frozen=True)
class Areas(ClassAreas):
    """Pixels of one picture by class, in id order."""

    file: str = ""
    """The picture's name below its input, with forward slashes."""


@dataclass(frozen=True)
class AreaSums:
    """Pixels and m2 by id (256,), counted so far."""

    pixels: NDArray[np.int64]
    m2: NDArray[np.float64]

    @classmethod
    def zero(cls) -> "AreaSums":
        """Nothing counted yet."""
        return cls(np.zeros(IGNORE + 1, np.int64), np.zeros(IGNORE + 1))

    def areas(self, n_classes: int, with_m2: bool) -> ClassAreas:
        """What was counted of the classes; nodata is left out."""
        m2 = tuple(self.m2[:n_classes].tolist()) if with_m2 else None
        return ClassAreas(tuple(self.pixels[:n_classes].tolist()), m2)


def by_rows(strips: Strips) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The strips in parts of ROWS rows, so that sums over them do not depend on how the map was made."""
    for top, ids in strips:
        for offset in range(0, len(ids), ROWS):
            yield top + offset, ids[offset : offset + ROWS]


def count_areas(strips: Strips, n_classes: int, pixel_areas: PixelAreas | None) -> ClassAreas:
    """Pixels and areas by class of a map, added up in the order of its pixels."""
    sums = AreaSums.zero()
    for top, ids in by_rows(strips):
        in_rows = _count_by_row(ids)
        sums.pixels[:] += in_rows.sum(axis=0)
        if pixel_areas is None:
            continue
        each = pixel_areas.block(top, top + len(ids))
        if each.shape[1] == 1:
            sums.m2[:] += (in_rows * each).sum(axis=0)
        else:
            sums.m2[:] += np.bincount(ids.ravel(), weights=each.ravel(), minlength=IGNORE + 1)
    return sums.areas(n_classes, pixel_areas is not None)


def _count_by_row(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels of each id in each row (h, 256)."""
    n_ids = IGNORE + 1
    keyed = ids + np.arange(0, len(ids) * n_ids, n_ids)[:, None]
    return np.bincount(keyed.ravel(), minlength=len(ids) * n_ids).reshape(len(ids), n_ids)


def area_rows(areas: ClassAreas, schema: ClassSchema) -> Iterator[tuple[int, str, int, str, str, str]]:
    """A row of AREA_FIELDS for each class, absent ones included; areas are blank if not known."""
    for i, name in enumerate(schema.names):
        m2 = None if areas.m2 is None else areas.m2[i]
        known = ("", "") if m2 is None else (f"{m2:.3f}", f"{m2 / M2_PER_HA:.7f}")
        yield (i, name, areas.pixels[i], f"{areas.shares[i]:.8f}", *known)


def write_areas(path: Path, pictures: Sequence[Areas], schema: ClassSchema) -> None:
    """Write one row a picture and class."""
    rows = ((picture.file, *row[:4]) for picture in pictures for row in area_rows(picture, schema))
    _write_table(path, PICTURE_FIELDS, rows)


def write_class_areas(path: Path, areas: ClassAreas, schema: ClassSchema) -> None:
    """Write one row a class."""
    _write_table(path, AREA_FIELDS, area_rows(areas, schema))


def write_zone_areas(path: Path, areas: Sequence[ClassAreas], names: Sequence[str], schema: ClassSchema) -> None:
    """Write one row a zone and class, the zone last; none is of the whole map, so that nothing is summed twice."""
    rows = ((*row, name) for name, found in zip(names, areas, strict=True) for row in area_rows(found, schema))
    _write_table(path, (*AREA_FIELDS, ZONE_FIELD), rows)


def describe_areas(areas: ClassAreas, schema: ClassSchema) -> dict[str, Any]:
    """The whole map's areas as JSON values, with the figures of areas.csv; None for a blank."""
    numbers = [
        (i, name, pixels, *(float(word) if word else None for word in words))
        for i, name, pixels, *words in area_rows(areas, schema)
    ]
    return {"counted": COUNTED, "classes": [dict(zip(AREA_FIELDS, row, strict=True)) for row in numbers]}


def refuse_other_areas(path: Path, files: Iterable[str]) -> None:
    """Raise OutputExistsError if `path` is not a table of pictures' areas, or lists other files too.

    A run in which some files failed leaves a table of the others; replacing that loses nothing.
    """
    if not path.exists():
        return
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, csv.Error):
        rows = []
    others = {row[0] for row in rows[1:] if row} - set(files)
    if rows[:1] == [list(PICTURE_FIELDS)] and not others:
        return
    what = f"holds the areas of other images ({min(others)})" if others else "is not a table of areas"
    raise OutputExistsError(f"{path}: {what}; choose another --out, or replace it with --overwrite")


def _write_table(path: Path, fields: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV; an equal one is left alone."""
    table = csv_text(fields, rows)
    if not path.is_file() or path.read_bytes() != table.encode():
        write_text(path, table)
