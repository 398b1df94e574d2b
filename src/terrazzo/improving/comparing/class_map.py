"""A finished class map as it is read again: its raster, and the names and colours of its classes."""

from dataclasses import dataclass
from pathlib import Path
from sys import maxsize

from terrazzo.classes.schema import IGNORE_COLOR, Color
from terrazzo.errors import InputError
from terrazzo.improving.comparing.place import FILE
from terrazzo.pixels.rasters.gdal import answered, gdal, opened
from terrazzo.pixels.rasters.raster import Raster, read_raster


@dataclass(frozen=True)
class ClassMap:
    """A raster of class ids, 255 for nodata, and the classes in id order."""

    raster: Raster
    names: tuple[str, ...]
    colors: tuple[Color, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return Path(str(self.raster.path))


def read_class_map(path: Path) -> ClassMap:
    """The map in a file. Raises ImageError or InputError where it is no raster with classes of ours."""
    raster = read_raster(path, maxsize)
    with gdal(), opened(path) as dataset, answered(path):
        tags, kinds = dataset.tags(), dataset.dtypes
        try:
            colormap = dataset.colormap(1)
        except ValueError:  # it has none
            colormap = {}
    names: list[str] = []
    while f"CLASS_{len(names)}" in tags:
        names.append(str(tags[f"CLASS_{len(names)}"]))
    if not names or kinds != ("uint8",):
        raise InputError(f"{path}: names no classes; expected the {FILE} of a map that predict wrote")
    colors = tuple(colormap.get(i, IGNORE_COLOR)[:3] for i in range(len(names)))
    return ClassMap(raster, tuple(names), colors)
