"""Where a picture lies on the ground, by the header of its TIFF or by its world file."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.gdal import TROUBLE, gdal, opened

_NOWHERE = Affine.identity()


class Grid(Protocol):
    """Pixels with a place: what footprints are compared by."""

    @property
    def height(self) -> int:
        """Rows of pixels."""

    @property
    def width(self) -> int:
        """Columns of pixels."""

    @property
    def transform(self) -> Affine:
        """From (column, row) to coordinates of the CRS."""

    @property
    def crs(self) -> CRS | None:
        """None if it is not known."""

    @property
    def georeferenced(self) -> bool:
        """Whether the grid itself is placed."""


@dataclass(frozen=True)
class Placed:
    """A grid of pixels that may have a place."""

    height: int
    width: int
    transform: Affine = _NOWHERE
    crs: CRS | None = None
    by_world_file: bool = False
    """Whether it is placed in an unknown CRS, which is taken to be that of all such pictures of a data set."""

    @property
    def georeferenced(self) -> bool:
        """Whether the grid itself is placed, and not only by ground control points."""
        return self.by_world_file or (self.crs is not None and not self.transform.is_identity)

    def resized(self, height: int, width: int) -> "Placed":
        """The same ground in other pixels."""
        x, y, at = self.width / width, self.height / height, self.transform
        return Placed(
            height, width, Affine(at.a * x, at.b * y, at.c, at.d * x, at.e * y, at.f), self.crs, self.by_world_file
        )


def world_files(name: str) -> list[str]:
    """The names that the world file of a picture may have: `a.jgw`, `a.jpgw` or `a.wld` for `a.jpg`."""
    stem, _, suffix = name.rpartition(".")
    short = f"{suffix[0]}{suffix[-1]}w" if suffix else "wld"
    return [f"{stem}.{ending}" for ending in (short.lower(), short.upper(), f"{suffix}w", "wld")]


def read_world(text: str, height: int, width: int) -> Placed | None:
    """The place of a picture of so many pixels, by the six lines of its world file; None if they are no such lines.

    The last two are of the centre of the top left pixel. https://en.wikipedia.org/wiki/World_file
    """
    with suppress(ValueError):
        a, d, b, e, x, y = (float(word.replace(",", ".")) for word in text.split())
        if a * e - b * d:
            at = Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)
            return Placed(height, width, at, by_world_file=True)
    return None


def read_ground(tiff: Path | bytes) -> Placed | None:
    """The place of a TIFF, from its file or bytes; None without georeference, and where GDAL cannot read it."""
    with suppress(ImageError, *TROUBLE), gdal():
        if isinstance(tiff, Path):
            with opened(tiff) as dataset:
                return _placed(dataset)
        with MemoryFile(tiff) as file, file.open(driver="GTiff") as dataset:
            return _placed(dataset)
    return None


def _placed(dataset: Any) -> Placed | None:
    """The grid of an open file; None where it has no place or a CRS that cannot be compared."""
    crs = dataset.crs
    grid = Placed(dataset.height, dataset.width, dataset.transform, crs)
    if not grid.georeferenced:
        return None
    crs.to_wkt()  # raises at a CRS that PROJ cannot write
    return grid
