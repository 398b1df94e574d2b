"""Where a finished map lies: found before any library of rasters is loaded."""

from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.pixels.suffixes import TIFF_SUFFIXES
from terrazzo.system.reporting import listed

CLASSES_TIF = "classes.tif"
"""The map in a folder that `predict` wrote."""


def map_file(path: Path) -> Path:
    """The raster of class ids at `path`: that file, or the classes.tif of a folder that `predict` wrote.

    A folder with one such folder inside is taken as that one. Raises InputError where there is none, or several.
    """
    if path.is_dir():
        found = [path / CLASSES_TIF] if (path / CLASSES_TIF).is_file() else sorted(path.glob(f"*/{CLASSES_TIF}"))
        if not found:
            raise InputError(f"{path}: holds no {CLASSES_TIF}; expected the folder of one map, as predict wrote it")
        if len(found) > 1:
            names = listed([file.parent.name for file in found])
            raise InputError(f"{path}: holds {len(found)} maps ({names}); name one, as {found[0].parent}")
        return found[0]
    if not path.is_file():
        raise InputError(f"{path}: there is no such file or folder; expected a map, as predict wrote it")
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise InputError(f"{path}: expected a map: a folder that predict wrote, or its {CLASSES_TIF}")
    return path
