"""Georeferenced rasters, read window by window: their metadata, and their pixels with which are valid.

Only rasterio touches the file. A pixel is invalid by rasterio's dataset mask: by the alpha band, by an internal or
external mask, or by nodata in all bands. It is also invalid if all chosen bands are NaN.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window

from terrazzo.errors import ImageError
from terrazzo.pixels.geodesy import pixel_sides
from terrazzo.pixels.remote import RemoteFile, Url, ask
from terrazzo.pixels.signatures import refuse_pointer
from terrazzo.pixels.suffixes import TIFF_SUFFIXES, VIRTUAL
from terrazzo.pixels.vrt import vrt_sources
from terrazzo.system.reporting import first_line

MAX_PIXELS = 20_000_000_000
"""Larger rasters are refused unless --max-pixels allows them, because a damaged header can state any size."""
DRIVERS = {**dict.fromkeys(TIFF_SUFFIXES, "GTiff"), VIRTUAL: "VRT", ".jp2": "JP2OpenJPEG"}
"""GDAL's driver by a file's suffix. GDAL itself would choose by content, and follow what that names."""

_CACHE_BYTES = 64 << 20
# No file beside the named one is requested from a server. Many answer any query with that same file, which would then
# pass for its own mask. Nothing that was read is cached, as the file may have changed the next time.
_OF_SERVERS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_NON_CACHED": "/vsicurl"}
_TROUBLE = (RasterioError, OSError, ValueError)


@dataclass(frozen=True)
class Raster:
    """A raster's metadata; its pixels are not read yet."""

    path: Path | Url
    height: int
    width: int
    dtype: str
    nodata: float | None
    transform: Affine
    crs: CRS | None
    gcps: tuple[GroundControlPoint, ...]
    gcps_crs: CRS | None
    names: tuple[str, ...]
    """Each band's description or, without one, its colour: red, green, alpha, undefined."""
    colors: tuple[str, ...]
    palette: NDArray[np.uint8] | None
    """The colours (256, 3) of an image with a colour table, whose bands are then red, green and blue."""
    masked: bool
    """Whether any pixel may be invalid."""
    sources: tuple[Path, ...] = ()
    """The files that a virtual raster reads."""
    remote: RemoteFile | None = None
    """The server's answer about a raster on the web."""

    @property
    def n_bands(self) -> int:
        """The number of bands that can be chosen."""
        return len(self.names)

    @property
    def georeferenced(self) -> bool:
        """Whether the grid itself is placed, and not only by ground control points."""
        return self.crs is not None and not self.transform.is_identity

    @property
    def ground_sides(self) -> tuple[float, float] | None:
        """Height and width in metres of the pixel at the centre, on the ellipsoid; None if unknown."""
        return pixel_sides(self.transform, self.crs, self.height, self.width) if self.georeferenced else None

    @property
    def gsd_m(self) -> float | None:
        """Ground sampling distance in metres: the mean of the pixel's two sides; None if unknown."""
        sides = self.ground_sides
        return None if sides is None else sum(sides) / 2

    @property
    def identity(self) -> str:
        """What distinguishes this file from another or a changed one: sizes and times of the files, and the header."""
        if isinstance(self.path, Url):
            stats: list[Any] = [self.remote and self.remote.identity(self.path)]
        else:
            files = [self.path, *self.sources, *_beside(self.path)]
            stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        place = (tuple(self.transform), self.crs and self.crs.to_wkt(), self.nodata, self.names, self.colors)
        return repr((stats, self.height, self.width, self.dtype, place))

    @property
    def n_bytes(self) -> int:
        """The size of its file in bytes."""
        return self.path.stat().st_size if isinstance(self.path, Path) else self.remote.n_bytes if self.remote else 0


@dataclass(frozen=True)
class Choice:
    """The bands (from 1) to read, and the stored values that become 0 and 255; None if they are 8-bit."""

    bands: tuple[int, ...]
    scale: tuple[float, float] | None = None


@contextmanager
def gdal(remote: bool = False) -> Iterator[None]:
    """GDAL as this package uses it: 64 MB of cache instead of 5 % of memory, and no listing of folders."""
    options = {"GDAL_CACHEMAX": _CACHE_BYTES, "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE", **(_OF_SERVERS if remote else {})}
    with rasterio.Env(**options), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def read_raster(path: Path | Url, max_pixels: int = MAX_PIXELS) -> Raster:
    """The metadata of the raster at `path`. Raises ImageError if it cannot be read or mapped."""
    sources: tuple[Path, ...] = ()
    remote = None
    if isinstance(path, Url):
        remote = ask(path)
        refuse_pointer(path, remote.start, "raster")
    elif path.suffix.lower() == VIRTUAL:
        sources = vrt_sources(path)
    with gdal(remote is not None), _opened(path) as dataset:
        height, width = dataset.height, dataset.width
        if any("complex" in dtype for dtype in dataset.dtypes):
            raise ImageError(f"{path}: holds complex numbers ({dataset.dtypes[0]}); save magnitude or phase as a band")
        dtype = np.result_type(*dataset.dtypes)
        if height * width > max_pixels:
            raise ImageError(
                f"{path}: its header says {height} x {width} pixels, more than {max_pixels}; "
                f"if that is true, allow it with --max-pixels {height * width}"
            )
        colors = tuple(color.name for color in dataset.colorinterp)
        palette = _palette(dataset) if colors == (ColorInterp.palette.name,) else None
        names = tuple(name or color for name, color in zip(dataset.descriptions, colors, strict=True))
        if palette is not None:
            names = colors = ("red", "green", "blue")
        gcps, gcps_crs = dataset.gcps
        return Raster(
            path=path,
            height=height,
            width=width,
            dtype=dtype.name,
            nodata=dataset.nodata,
            transform=dataset.transform,
            crs=dataset.crs,
            gcps=tuple(gcps),
            gcps_crs=gcps_crs,
            names=names,
            colors=colors,
            palette=palette,
            masked=dtype.kind == "f" or any(MaskFlags.all_valid not in flags for flags in dataset.mask_flag_enums),
            sources=sources,
            remote=remote,
        )


class RasterPixels:
    """The chosen bands of an open raster, read window by window in one thread at a time. `open_pixels` makes one."""

    def __init__(self, raster: Raster, choice: Choice, dataset: Any) -> None:
        self._raster, self._choice, self._dataset = raster, choice, dataset

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Pixels (height, width, C) from (row, col) on, and which of them are valid (height, width).

        In memory they lie band by band, as they are read. Raises ImageError, naming the rows and columns, if the file
        is damaged there.
        """
        window = Window(col, row, width, height)
        raster, bands = self._raster, list(self._choice.bands)
        try:
            stored = self._dataset.read([1] if raster.palette is not None else bands, window=window)
            valid = self._dataset.dataset_mask(window=window) > 0 if raster.masked else np.ones(stored.shape[1:], bool)
        except _TROUBLE as error:
            raise ImageError(
                f"{raster.path}: rows {row} to {row + height - 1}, columns {col} to {col + width - 1} cannot be read "
                f"({first_line(error.__cause__ or error)}); {_remedy(raster.path)}"
            ) from error
        if raster.palette is not None:
            stored = np.moveaxis(raster.palette[stored[0]][..., np.array(bands) - 1], 2, 0)
        if stored.dtype.kind == "f":
            valid &= ~np.isnan(stored).all(axis=0)
        return _as_uint8(stored, self._choice.scale).transpose(1, 2, 0), valid

    def valid(self, row: int, col: int, height: int, width: int) -> NDArray[np.bool_]:
        """Which pixels from (row, col) on are valid (height, width)."""
        return self.read(row, col, height, width)[1] if self._raster.masked else np.ones((height, width), bool)


@contextmanager
def open_pixels(raster: Raster, choice: Choice) -> Iterator[RasterPixels]:
    """The raster, open for reading while the block runs."""
    with gdal(raster.remote is not None), _opened(raster.path) as dataset:
        yield RasterPixels(raster, choice, dataset)


def _as_uint8(stored: NDArray[Any], scale: tuple[float, float] | None) -> NDArray[np.uint8]:
    """Stored values (C, h, w) as 0..255: linear between the two of `scale` and clipped beyond; NaN is 0."""
    if scale is None:
        return np.asarray(stored, np.uint8)
    low, high = scale
    exact = np.float32 if stored.dtype.itemsize <= 2 or stored.dtype == np.float32 else np.float64
    scaled = (np.nan_to_num(stored.astype(exact), nan=low) - exact(low)) * exact(255 / (high - low))
    pixels: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return pixels


@contextmanager
def _opened(path: Path | Url) -> Iterator[Any]:
    driver = DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise ImageError(f"{path}: is not a raster by its name; expected {', '.join(DRIVERS)}")
    if isinstance(path, Path):
        refuse_pointer(path, _start_of(path), "raster")
    try:
        dataset = rasterio.open(path if isinstance(path, Path) else path.gdal_path, driver=driver)
    except _TROUBLE as error:
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


def _remedy(path: Path | Url) -> str:
    """The remedy for a raster of which a part cannot be read."""
    if isinstance(path, Path):
        return "the file is damaged, copy or make it again"
    return "the file or the connection is damaged; run the command again, or download the file"


def _palette(dataset: Any) -> NDArray[np.uint8]:
    palette = np.zeros((256, 3), np.uint8)
    for value, color in dataset.colormap(1).items():
        if value < len(palette):
            palette[value] = color[:3]
    return palette


def _beside(path: Path) -> list[Path]:
    """The existing side files that change what GDAL reads of a raster."""
    return [side for suffix in (".msk", ".aux.xml") if (side := path.with_name(path.name + suffix)).is_file()]
