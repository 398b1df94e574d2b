"""Where a finished map lies: found before any library of rasters is loaded."""

from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.maps.pieces.sums import CLASSES
from terrazzo.system.reporting import listed

FILE = f"{CLASSES}.tif"


def map_file(path: Path) -> Path:
    """The classes.tif of a folder that `predict` wrote, or the file itself. Raises InputError where there is none."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; expected a folder that predict wrote, or a {FILE}")
    if (path / FILE).is_file():
        return path / FILE
    below = sorted(found.parent.name for found in path.glob(f"*/{FILE}"))
    if below:
        raise InputError(f"{path}: holds the maps of {listed(below)}; name one, as {path / below[0]}")
    raise InputError(f"{path}: holds no {FILE}; expected the folder of one raster's finished map, as maps/scene")
