"""The small files beside a map: the table of areas, the QGIS style, the picture to look at first."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.drawing import draw_legend
from terrazzo.classes.schema import IGNORE, ClassSchema, format_color
from terrazzo.pixels.geodesy import PixelAreas
from terrazzo.system.files import write_beside, write_text

AREA_FIELDS = ("class_id", "class", "pixels", "share", "area_m2", "area_ha")
ZONE_FIELD = "zone"
COUNTED = (
    "pixels of classes.tif, a share being that of all valid ones; the polygons' sums differ from them where "
    "--mapping-unit joins small areas to a neighbour"
)
"""What the figures of areas.csv and of run.json are."""
QUICKLOOK_PX = 1024
M2_PER_HA = 10_000
_GAP = 12
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


def write_style(path: Path, schema: ClassSchema) -> None:
    """Write a QGIS style that shows class ids in their colours and names; nodata stays transparent."""
    qgis = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(qgis, "pipe")
    renderer = ElementTree.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1", nodataColor=""
    )
    ElementTree.SubElement(renderer, "rasterTransparency")
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for i, (name, color) in enumerate(zip(schema.names, schema.colors, strict=True)):
        ElementTree.SubElement(
            palette, "paletteEntry", value=str(i), color=format_color(color).lower(), label=name, alpha="255"
        )
    ElementTree.indent(qgis)
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    write_text(path, f"{doctype}\n{ElementTree.tostring(qgis, encoding='unicode')}\n")


def quicklook_size(height: int, width: int, schema: ClassSchema) -> tuple[int, int]:
    """The size (height, width) of the map in a quicklook: as large as its legend leaves room for, never enlarged."""
    room = QUICKLOOK_PX - draw_legend(schema).width - _GAP
    factor = min(1.0, QUICKLOOK_PX / height, room / width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def write_quicklook(path: Path, ids: NDArray[np.uint8], schema: ClassSchema) -> None:
    """Write the small map (h, w) and its legend side by side on white as a PNG; nodata is white."""
    colors = schema.decode(ids)
    colors[ids == IGNORE] = 255
    legend = draw_legend(schema)
    legend.thumbnail((QUICKLOOK_PX, QUICKLOOK_PX))
    height, width = ids.shape
    sheet = Image.new("RGB", (width + _GAP + legend.width, max(height, legend.height)), "white")
    sheet.paste(Image.fromarray(colors), (0, 0))
    sheet.paste(legend, (width + _GAP, 0))
    with write_beside(path) as temporary:
        sheet.save(temporary, "PNG")
