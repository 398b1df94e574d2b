"""Georeferenced rasters: their metadata.

Only rasterio touches the file.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.transform import Affine

from terrazzo.errors import ImageError
from terrazzo.pixels.geodesy import pixel_sides
from terrazzo.pixels.rasters.beside import crs_beside, placed_by
from terrazzo.pixels.rasters.elsewhere import Elsewhere, content_of
from terrazzo.pixels.rasters.gdal import Facts, answered, gdal, opened
from terrazzo.pixels.rasters.remote import RemoteFile, Url, ask
from terrazzo.pixels.rasters.stacks.spec import RasterPath
from terrazzo.pixels.rasters.vrt import vrt_sources
from terrazzo.pixels.signatures import refuse_pointer
from terrazzo.pixels.suffixes import PHOTO_SUFFIXES, VIRTUAL

_NAME_CRS = "; its CRS is not known: name it with gdal_translate -a_srs EPSG:CODE {path} {tif}"
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
    ignored: float | None = None
    """A stored value that the user takes as no data: a pixel that has it in all chosen bands is invalid."""
    notes: tuple[str, ...] = ()
    """What the user should know: what of the header cannot be read, and by which file the raster is placed."""

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
        given = () if self.ignored is None else (self.ignored,)
        return repr((stats, self.height, self.width, self.dtype, place, *given))

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


def read_raster(path: Path | Url, max_pixels: int = MAX_PIXELS, nodata: float | None = None) -> Raster:
    """The metadata of the raster at `path`. Raises ImageError if it cannot be read or mapped.

    `nodata` is a stored value that the user takes as no data, beside what the file itself says.
    """
    sources: tuple[Path, ...] = ()
    remote = None
    if isinstance(path, Elsewhere):
        remote = path.known()
    elif isinstance(path, Url):
        remote = ask(path)
        refuse_pointer(path, remote.start, "raster")
    elif path.suffix.lower() == VIRTUAL:
        sources = vrt_sources(path)
    with gdal(remote is not None), opened(path) as dataset, answered(path):
        height, width = dataset.height, dataset.width
        if any("complex" in dtype for dtype in dataset.dtypes):
            raise ImageError(f"{path}: holds complex numbers ({dataset.dtypes[0]}); save magnitude or phase as a band")
        dtype = np.result_type(*dataset.dtypes)
        if height * width > max_pixels:
            raise ImageError(
                f"{path}: its header says {height} x {width} pixels, more than {max_pixels}; "
                f"if that is true, allow it with --max-pixels {height * width}"
            )
        if nodata is not None:
            _check_nodata(path, nodata, dtype)
        facts = Facts(path)
        if remote is not None and not remote.version and isinstance(path, Elsewhere):
            remote = replace(remote, version=(content_of(dataset),))
        place = _place(facts, path, dataset)  # first: GDAL reports trouble with a CRS at whatever is asked next
        colors = facts.need(lambda: tuple(color.name for color in dataset.colorinterp))
        palette = _palette(dataset) if colors == (ColorInterp.palette.name,) else None
        names = tuple(name or color for name, color in zip(dataset.descriptions, colors, strict=True))
        if palette is not None:
            names = colors = ("red", "green", "blue")
        masked = dtype.kind == "f" or any(MaskFlags.all_valid not in flags for flags in dataset.mask_flag_enums)
        return Raster(
            path=path,
            height=height,
            width=width,
            dtype=dtype.name,
            nodata=facts.ask("nodata value", lambda: dataset.nodata, None),
            transform=place.transform,
            crs=place.crs,
            gcps=place.gcps,
            gcps_crs=place.gcps_crs,
            names=names,
            colors=colors,
            palette=palette,
            masked=masked or nodata is not None,
            sources=sources,
            remote=remote,
            ignored=nodata,
            notes=tuple(facts.notes),
        )


class _Place(NamedTuple):
    """Where a raster lies."""

    transform: Affine
    crs: CRS | None
    gcps: tuple[GroundControlPoint, ...]
    gcps_crs: CRS | None


def _place(facts: Facts, path: Path | Url, dataset: Any) -> _Place:
    """Where a raster lies, by its header and the files beside it; what cannot be read is left out."""
    crs = facts.ask("coordinate reference system", lambda: _writable(dataset.crs), None)
    transform = facts.ask("transform", lambda: _usable(dataset.transform), Affine.identity())
    gcps, gcps_crs = facts.ask("ground control points", lambda: _points(dataset), ((), None))
    if crs is None and isinstance(path, Path) and not transform.is_identity:
        beside = crs_beside(path)
        crs = None if beside is None else facts.ask(f"CRS in {beside[0].name}", lambda: _writable(beside[1]), None)
    world = placed_by(path) if isinstance(path, Path) and path.suffix.lower() in PHOTO_SUFFIXES else None
    if world is not None and transform.is_identity and not gcps:
        facts.notes.append(f"warning: {path}: {world.name} places it nowhere; the map has no place either")
    elif world is not None:
        unknown = (
            "" if crs is not None or gcps else _NAME_CRS.format(path=path, tif=Path(str(path)).with_suffix(".tif"))
        )
        facts.notes.append(f"{path}: is placed by {world.name}, so it is mapped as a raster{unknown}")
    return _Place(transform, crs, gcps, gcps_crs)


def _writable(crs: CRS | None) -> CRS | None:
    """The CRS itself, once it has been written in every form that maps need. Raises what rasterio and PROJ raise."""
    if crs is not None:
        pyproj.CRS.from_wkt(crs.to_wkt())
        crs.to_string()
    return crs


def _points(dataset: Any) -> tuple[tuple[GroundControlPoint, ...], CRS | None]:
    gcps, crs = dataset.gcps
    return tuple(gcps), _writable(crs)


def _usable(transform: Affine) -> Affine:
    """The transform. Raises ValueError if it cannot be inverted, as a pixel of no size would need."""
    if not all(map(math.isfinite, transform)) or transform.determinant == 0:
        raise ValueError(f"pixels of {transform.a:g} x {transform.e:g}")
    return transform


def _check_nodata(path: Path | Url, nodata: float, dtype: np.dtype[Any]) -> None:
    """Raise ImageError if no pixel of a type can hold the value that the user takes as no data."""
    if dtype.kind == "f":
        return
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    if not (least <= nodata <= most and nodata == int(nodata)):
        raise ImageError(f"{path}: --nodata {nodata:g}: its {dtype.name} values are whole numbers of {least} to {most}")


def _palette(dataset: Any) -> NDArray[np.uint8]:
    palette = np.zeros((256, 3), np.uint8)
    for value, color in dataset.colormap(1).items():
        if value < len(palette):
            palette[value] = color[:3]
    return palette


def _beside(path: Path) -> list[Path]:
    """The existing side files that change what GDAL reads of a raster."""
    return [side for suffix in (".msk", ".aux.xml") if (side := path.with_name(path.name + suffix)).is_file()]
