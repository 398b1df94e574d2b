"""GDAL as this package uses it: its settings, a file opened by its name alone, and every question answered in one line.

GDAL answers a question about a damaged file late, and rasterio raises whatever its own code then stumbles over. So
questions about a user's file are put inside `answered`, or by `Facts.ask`, and nowhere else.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import rasterio
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError

from terrazzo.errors import ImageError, TerrazzoError
from terrazzo.pixels.rasters.formats import driver_of, of_part, way_out
from terrazzo.pixels.rasters.remote import CONNECT_S, RETRIES, SILENT_S, Url
from terrazzo.pixels.rasters.stacks.spec import RasterPath
from terrazzo.pixels.signatures import refuse_pointer
from terrazzo.pixels.suffixes import NAMED_SUFFIXES, RASTER_SUFFIXES, REMOTE_SUFFIXES
from terrazzo.system.reporting import first_line

_CACHE_BYTES = 64 << 20
# No file beside the named one is requested from a server. Many answer any query with that same file, which would then
# pass for its own mask. Nothing that was read is cached, as the file may have changed the next time.
_OF_SERVERS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl:/vsis3:/vsigs:/vsiaz:/vsioss",
    "GDAL_HTTP_CONNECTTIMEOUT": CONNECT_S,
    "GDAL_HTTP_LOW_SPEED_TIME": SILENT_S,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
    "GDAL_HTTP_MAX_RETRY": RETRIES,
}
TROUBLE = (
    *(RasterioError, CPLE_BaseError, ProjError),
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
)
"""What is raised at a file that cannot be read: the libraries' own errors, and those that odd answers cause in them."""
_OPENING = "copy or make it again"
_LONGEST = 240
Answer = TypeVar("Answer")


class _Unwarned:
    """No warning that pixels or polygons have no place, as long as any thread is inside.

    Python's filters of warnings belong to the process. So the first thread in sets the filters, and the last one out
    puts back what was there before.
    """

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._before: warnings.catch_warnings[None] | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._before is not None:
                self._before.__exit__(None, None, None)


PLACELESS = _Unwarned()
"""`with PLACELESS:` as `_Unwarned` says; `gdal` is inside it."""


@contextmanager
def gdal(remote: bool = False) -> Iterator[None]:
    """GDAL as this package uses it: 64 MB of cache instead of 5 % of memory, and no listing of folders."""
    options = {"GDAL_CACHEMAX": _CACHE_BYTES, "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE", **(_OF_SERVERS if remote else {})}
    with rasterio.Env(**options), PLACELESS:
        yield


@contextmanager
def answered(path: object, remedy: str = _OPENING) -> Iterator[None]:
    """Questions about a user's raster; ImageError names the file, the first line of the trouble and the remedy."""
    try:
        yield
    except TerrazzoError:
        raise
    except CRSError as error:
        raise ImageError(
            f"{path}: its coordinate reference system cannot be read ({_words(error)}); "
            f"name it anew with gdal_edit.py -a_srs EPSG:CODE {path}"
        ) from error
    except TROUBLE as error:
        raise ImageError(f"{path}: is no raster, or damaged ({_words(error)}); {remedy}") from error


@dataclass
class Facts:
    """The answers about one raster, and notes on those that it lives without."""

    path: object
    notes: list[str] = field(default_factory=list)

    def ask(self, what: str, question: Callable[[], Answer], otherwise: Answer) -> Answer:
        """The answer, or the one to live with and a note. Law: it never raises what is in `TROUBLE`."""
        try:
            return question()
        except TROUBLE as error:
            self.notes.append(f"warning: {self.path}: its {what} cannot be read ({_words(error)}); it is left out")
            return otherwise

    def need(self, question: Callable[[], Answer]) -> Answer:
        """The answer, asked for again if that fails: GDAL may report the trouble of an earlier question at this one."""
        try:
            return question()
        except TROUBLE:
            return question()


@contextmanager
def opened(path: Path | Url) -> Iterator[Any]:
    """The raster at a path, open in GDAL. Raises ImageError."""
    driver = driver_of(path)
    if driver is None:
        known = (*RASTER_SUFFIXES, *NAMED_SUFFIXES) if isinstance(path, Path) else REMOTE_SUFFIXES
        way = (isinstance(path, Path) and way_out(path)) or f"expected {', '.join(known)}"
        raise ImageError(f"{path}: is not a raster by its name; {way}")
    if isinstance(path, Path):
        refuse_pointer(path, _start_of(path), "raster")
    with answered(path, _OPENING if isinstance(path, Path) else "check the address and the rights, or download it"):
        dataset = rasterio.open(path if isinstance(path, Path) else path.gdal_path, driver=driver)
    with dataset:
        with answered(path):
            empty, parts = dataset.count == 0 or not dataset.height or not dataset.width, dataset.subdatasets
        if empty and parts:
            raise ImageError(f"{path}: holds {len(parts)} rasters; take out one: {of_part(path, parts)}")
        if empty:
            raise ImageError(f"{path}: holds no pixels; make it again")
        yield dataset


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(64)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error


def _words(error: BaseException) -> str:
    words = " ".join(first_line(error.__cause__ or error).split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."  # a server may answer with a page


def remedy(path: RasterPath) -> str:
    """The remedy for a raster of which a part cannot be read."""
    if isinstance(path, Path):
        return "the file is damaged, copy or make it again"
    return "the file or the connection is damaged; run the command again, or download the file"
