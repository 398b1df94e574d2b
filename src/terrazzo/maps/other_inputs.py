"""What is told of inputs that are neither photo nor raster by their name: the way to a map, where there is one."""

import re
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.elsewhere import rasters_in_zip
from terrazzo.pixels.rasters.formats import OF_ENVI, way_out
from terrazzo.pixels.suffixes import NAMED_SUFFIXES, PHOTO_SUFFIXES, RASTER_SUFFIXES, REMOTE_SUFFIXES
from terrazzo.system.files import read_json

_PART_OF_FILE = re.compile(r"[A-Z][A-Z0-9_]+:.+")
_STAC_BYTES = 10_000_000


def no_such_file(path: Path) -> InputError:
    """The error of an input that does not exist; GDAL's name of a part of a file is told how to take it out."""
    if _PART_OF_FILE.fullmatch(str(path)):
        return InputError(
            f"{path}: no such file; to map a part of a file, take it out first: gdal_translate '{path}' part.tif"
        )
    return InputError(f"{path}: no such file or folder")


def other_kind(path: Path) -> InputError:
    """The error of an existing file that is neither photo nor raster by its name."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        rasters = rasters_in_zip(path)
        way = f"or name the raster in it: 'zip://{path}!{rasters[0]}'" if rasters else "and name the folder"
        return InputError(f"{path}: is a zip; unpack it, {way}")
    if suffix in (".json", ".geojson"):
        href = _asset_of_stac(path)
        if href is not None:
            return InputError(f"{path}: is a STAC item; name the raster that it describes: {href}")
    if suffix == ".hdr":
        image = _image_of_header(path)
        words = f"name the image: {image}" if image else "name the image that lies beside it"
        return InputError(f"{path}: is the header of an image; {words}")
    expected = ", ".join(suffix.removeprefix(".") for suffix in (*PHOTO_SUFFIXES, *RASTER_SUFFIXES, *NAMED_SUFFIXES))
    return InputError(f"{path}: is not an image by its name; {way_out(path) or f'expected {expected}'}")


def _image_of_header(path: Path) -> Path | None:
    """The file that a header describes: `scene.dat.hdr` and `scene.hdr` are those of `scene.dat`; None if unknown."""
    whole = path.with_suffix("")
    if whole.is_file():
        return whole
    return next((file for file in map(path.with_suffix, OF_ENVI) if file.is_file()), None)


def _asset_of_stac(path: Path) -> str | None:
    """The address of the first raster that a STAC item describes; None if the file is none."""
    try:
        if path.stat().st_size > _STAC_BYTES:
            return None
        item: Any = read_json(path)
        hrefs = [str(asset["href"]) for asset in item["assets"].values()] if "stac_version" in item else []
    except (InputError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    found = [href for href in hrefs if Path(href.partition("?")[0]).suffix.lower() in REMOTE_SUFFIXES]
    first = found[0] if found else None
    return first if first is None or "://" in first or first.startswith("/") else str(path.parent / first)
