"""GDAL as this package uses it: its settings, and a file opened by its suffix alone."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from terrazzo.errors import ImageError
from terrazzo.pixels.rasters.remote import Url
from terrazzo.pixels.rasters.stacks.spec import RasterPath
from terrazzo.pixels.signatures import refuse_pointer
from terrazzo.pixels.suffixes import TIFF_SUFFIXES, VIRTUAL
from terrazzo.system.reporting import first_line

DRIVERS = {**dict.fromkeys(TIFF_SUFFIXES, "GTiff"), VIRTUAL: "VRT", ".jp2": "JP2OpenJPEG"}
"""GDAL's driver by a file's suffix. GDAL itself would choose by content, and follow what that names."""

_CACHE_BYTES = 64 << 20
# No file beside the named one is requested from a server. Many answer any query with that same file, which would then
# pass for its own mask. Nothing that was read is cached, as the file may have changed the next time.
_OF_SERVERS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_NON_CACHED": "/vsicurl"}
TROUBLE = (RasterioError, OSError, ValueError)
"""What rasterio raises at a file that cannot be read."""


@contextmanager
def gdal(remote: bool = False) -> Iterator[None]:
    """GDAL as this package uses it: 64 MB of cache instead of 5 % of memory, and no listing of folders."""
    options = {"GDAL_CACHEMAX": _CACHE_BYTES, "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE", **(_OF_SERVERS if remote else {})}
    with rasterio.Env(**options), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def opened(path: Path | Url) -> Iterator[Any]:
    driver = DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise ImageError(f"{path}: is not a raster by its name; expected {', '.join(DRIVERS)}")
    if isinstance(path, Path):
        refuse_pointer(path, _start_of(path), "raster")
    try:
        dataset = rasterio.open(path if isinstance(path, Path) else path.gdal_path, driver=driver)
    except TROUBLE as error:
        raise ImageError(
            f"{path}: is no raster, or damaged ({first_line(error.__cause__ or error)}); copy or make it again"
        ) from error
    with dataset:
        if dataset.count == 0 or not dataset.height or not dataset.width:
            raise ImageError(f"{path}: holds no pixels; make it again")
        yield dataset


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(64)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error


def remedy(path: RasterPath) -> str:
    """The remedy for a raster of which a part cannot be read."""
    if isinstance(path, Path):
        return "the file is damaged, copy or make it again"
    return "the file or the connection is damaged; run the command again, or download the file"
