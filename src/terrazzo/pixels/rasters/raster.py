"""Georeferenced rasters: their metadata.

Only rasterio touches the file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.transform import Affine

from terrazzo.errors import ImageError
from terrazzo.pixels.geodesy import pixel_sides
from terrazzo.pixels.rasters.gdal import gdal, opened
from terrazzo.pixels.rasters.remote import RemoteFile, Url, ask
from terrazzo.pixels.rasters.stacks.spec import RasterPath
from terrazzo.pixels.rasters.vrt import vrt_sources
from terrazzo.pixels.signatures import refuse_pointer
from terrazzo.pixels.suffixes import VIRTUAL

MAX_PIXELS = 20_000_000_000
"""Larger rasters are refused unless --max-pixels allows them, because a damaged header can state any size."""


@dataclass(frozen=True)
class Raster:
    """A raster's metadata; its pixels are not read yet."""

    path: RasterPath
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
        if not isinstance(self.path, Path):
            stats: list[Any] = [self.remote and self.remote.identity(cast(Url, self.path))]
        else:
            files = [self.path, *self.sources, *_beside(self.path)]
            stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        place = (tuple(self.transform), self.crs and self.crs.to_wkt(), self.nodata, self.names, self.colors)
        return repr((stats, self.height, self.width, self.dtype, place))

    @property
    def n_bytes(self) -> int:
        """The size of its file in bytes."""
        return self.path.stat().st_size if isinstance(self.path, Path) else self.remote.n_bytes if self.remote else 0

    def absolute(self) -> "Raster":
        """The same files by absolute paths, which processes in other folders can find."""
        sources = tuple(source.absolute() for source in self.sources)
        return replace(self, path=self.path.absolute(), sources=sources)

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Its dataset, open for reading while the block runs."""
        with gdal(self.remote is not None), opened(cast(Path | Url, self.path)) as dataset:
            yield dataset


def read_raster(path: Path | Url, max_pixels: int = MAX_PIXELS) -> Raster:
    """The metadata of the raster at `path`. Raises ImageError if it cannot be read or mapped."""
    sources: tuple[Path, ...] = ()
    remote = None
    if isinstance(path, Url):
        remote = ask(path)
        refuse_pointer(path, remote.start, "raster")
    elif path.suffix.lower() == VIRTUAL:
        sources = vrt_sources(path)
    with gdal(remote is not None), opened(path) as dataset:
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


def _palette(dataset: Any) -> NDArray[np.uint8]:
    palette = np.zeros((256, 3), np.uint8)
    for value, color in dataset.colormap(1).items():
        if value < len(palette):
            palette[value] = color[:3]
    return palette


def _beside(path: Path) -> list[Path]:
    """The existing side files that change what GDAL reads of a raster."""
    return [side for suffix in (".msk", ".aux.xml") if (side := path.with_name(path.name + suffix)).is_file()]
