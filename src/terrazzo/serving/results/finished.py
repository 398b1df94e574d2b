"""A finished map as it lies on disk: its classes, its grid and its place on the earth."""

import csv
import io
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyproj

from terrazzo.classes.schema import Color, parse_color
from terrazzo.errors import InputError
from terrazzo.maps.areas import AREAS
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE
from terrazzo.pixels.geodesy import terrestrial
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.serving.folder import ABOUT, DataFolder, is_id
from terrazzo.system.files import read_json

if TYPE_CHECKING:
    from affine import Affine


@dataclass(frozen=True)
class MapClass:
    """A class of a map."""

    id: int
    name: str
    color: Color


@dataclass(frozen=True)
class FinishedMap:
    """The map of one job. Its files never change: a job that maps anew has a map of its own."""

    job_id: str
    folder: Path
    classes: tuple[MapClass, ...]
    model: str
    """The model's id."""
    name: str
    """The name of the image, as its owner knows it."""

    @cached_property
    def raster(self) -> Raster:
        """The grid of classes.tif. Raises ImageError for a damaged file."""
        return read_raster(self.file(f"{CLASSES}.tif"), max_pixels=sys.maxsize)

    @property
    def transform(self) -> "Affine":
        """From (column, row) of the pixels to the map's (x, y)."""
        grid: Affine = self.raster.transform
        return grid

    @property
    def crs(self) -> Any:
        """The coordinate reference system (rasterio's) of the grid; None for a photo, whose (x, y) are pixels."""
        return self.raster.crs if self.raster.georeferenced else None

    @cached_property
    def ground(self) -> pyproj.CRS | None:
        """The horizontal CRS on the earth; None for a photo, and for a raster in local coordinates."""
        return terrestrial(self.crs)

    @property
    def confidence(self) -> Path:
        """confidence.tif."""
        return self.file(f"{CONFIDENCE}.tif")

    def file(self, name: str) -> Path:
        """The path of one of its files, which may be missing."""
        return self.folder / name

    def areas(self) -> list[dict[str, Any]]:
        """Id, name, pixels, hectares (None if not known) and share of each class, as areas.csv has them."""
        try:
            text = self.file(AREAS).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{self.file(AREAS)}: cannot be read ({error.strerror}); make the map again") from error
        return [
            {
                "id": int(row["class_id"]),
                "name": row["class"],
                "pixels": int(row["pixels"]),
                "hectares": float(row["area_ha"]) if row["area_ha"] else None,
                "share": float(row["share"]),
            }
            for row in csv.DictReader(io.StringIO(text))
        ]


def find_map(data: DataFolder, job_id: str) -> FinishedMap | None:
    """The finished map of a job; None where there is none, and for what is no id."""
    if not is_id(job_id) or not (folder := data.map(job_id)).is_dir():
        return None
    about = read_json(folder / ABOUT)
    classes = tuple(
        MapClass(int(row["id"]), row["name"], parse_color(row["color"])) for row in about.get("classes", ())
    )
    return FinishedMap(job_id, folder, classes, str(about.get("model", "")), str(about.get("name", "")))
