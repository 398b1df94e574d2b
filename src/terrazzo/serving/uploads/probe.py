"""The child process that opens an upload: header first, then a block at each end, with one pinned driver.

    python -P -m terrazzo.serving.uploads.probe FILE TITLE MAX_PIXELS MEMORY CPU_SECONDS

It limits itself first, then prints one line of JSON: {"header": {...}}, or {"refused": class of error, "detail": line}.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terrazzo.errors import InputError
from terrazzo.serving.uploads.errors import ContentError, TooLargeError
from terrazzo.serving.uploads.sniffing import FORMATS, START_BYTES, Format, refuse_other_content

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

MB = 1 << 20
_FILES = 64
_NAMED = {"OVERVIEWS": ("OVERVIEW_FILE",), "GEOLOCATION": ("X_DATASET", "Y_DATASET")}
"""Domains of metadata in which an image names other files, which GDAL would open."""


def limit(memory: int, cpu_s: int) -> None:
    """Bound this process: address space, processor time, no file written, no core dump. Without effect on Windows."""
    with suppress(ImportError):
        import resource

        for kind, most in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_CPU, cpu_s),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, _FILES),
        ):
            with suppress(ValueError, OSError):  # a lower limit is in force already, or the system has none
                resource.setrlimit(kind, (most, most))
        os.nice(10)


def probe(path: Path, title: str, max_pixels: int) -> dict[str, Any]:
    """The header of an image that decodes: width, height, bands, dtype, crs, driver.

    Raises ContentError for what is damaged or names other files, and TooLargeError for more than `max_pixels`.
    """
    stated = next(found for found in FORMATS if found.suffix == path.suffix)
    with path.open("rb") as stream:
        refuse_other_content(stream.read(START_BYTES), stated, title)
    return _photo(path, title, max_pixels, stated) if stated.is_photo else _raster(path, title, max_pixels)


def _photo(path: Path, title: str, max_pixels: int, stated: Format) -> dict[str, Any]:
    """A photo, decoded whole; a JPEG at an eighth of its sides where they divide by 8."""
    from terrazzo.pixels.image_files import read_size
    from terrazzo.pixels.photos import open_photo

    raw = path.read_bytes()
    height, width = read_size(raw, title)
    _refuse_size(height, width, max_pixels, title)
    open_photo(raw, title, draft=8.0)
    return {"width": width, "height": height, "bands": 3, "dtype": "uint8", "crs": None, "driver": stated.driver}


def _raster(path: Path, title: str, max_pixels: int) -> dict[str, Any]:
    """A raster, of which the first and the last block of the first and the last band are decoded."""
    from terrazzo.pixels.rasters.gdal import answered, gdal, opened

    with gdal(), opened(path) as dataset, answered(path):
        _refuse_size(dataset.height, dataset.width, max_pixels, title)
        _refuse_names(dataset, title)
        crs = None if dataset.crs is None else dataset.crs.to_string()
        found = {
            **{"width": dataset.width, "height": dataset.height, "bands": dataset.count},
            **{"dtype": dataset.dtypes[0], "crs": crs, "driver": dataset.driver},
        }
        for band in {1, dataset.count}:
            height, width = dataset.block_shapes[band - 1]
            for at_row, at_col in ((0, 0), ((dataset.height - 1) // height, (dataset.width - 1) // width)):
                rows = at_row * height, min((at_row + 1) * height, dataset.height)
                cols = at_col * width, min((at_col + 1) * width, dataset.width)
                dataset.read(band, window=(rows, cols))
    return found


def _refuse_size(height: int, width: int, max_pixels: int, title: str) -> None:
    if height * width > max_pixels:
        raise TooLargeError(
            f"{title}: has {width} x {height} pixels by its header; at most {max_pixels} are taken; "
            "cut it up, or start the server with a larger --max-pixels"
        )


def _refuse_names(dataset: "DatasetReader", title: str) -> None:
    for domain, names in _NAMED.items():
        found = dataset.tags(ns=domain)
        named = next((name for name in names if name in found), None)
        if named is not None:
            raise ContentError(
                f"{title}: its metadata names another file ({named}), which is never opened here; "
                "save it again without that metadata"
            )


def main(path: str, title: str, max_pixels: str, memory: str, cpu_s: str) -> None:
    """Print what the probe of one file found."""
    limit(int(memory), int(cpu_s))
    try:
        found: dict[str, Any] = {"header": probe(Path(path), title, int(max_pixels))}
    except MemoryError:
        line = f"{title}: needs more than {int(memory) // MB} MB to decode a block; write it with tiles, as a COG"
        found = {"refused": ContentError.__name__, "detail": line}
    except InputError as error:
        kind = TooLargeError if isinstance(error, TooLargeError) else ContentError
        found = {"refused": kind.__name__, "detail": str(error).replace(path, title).replace(Path(path).name, title)}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
