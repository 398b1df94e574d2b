"""Several rasters as one: a `Raster` on the grid of the first, with the bands of all, that opens like any other.

A file of one band gives the band its NAME. `rgb=` of three bands gives red, green and blue; others give NAME_1, NAME_2,
... Alpha bands are masks, not bands. A pixel is valid where all parts are.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.vrt import WarpedVRT

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.rasters.gdal import TROUBLE, gdal, opened
from terrazzo.pixels.rasters.raster import MAX_PIXELS, Raster, read_raster
from terrazzo.pixels.rasters.remote import Url
from terrazzo.pixels.rasters.stacks.alignment import Alignment, alignment, describe
from terrazzo.pixels.rasters.stacks.dataset import OpenPart, StackDataset
from terrazzo.pixels.rasters.stacks.spec import RasterPath, StackPath
from terrazzo.system.reporting import first_line, how_many

_RGB = ("red", "green", "blue")
_TOLERANCE = 1e-3  # pixels by which GDAL's transform may be off; it does not take 0


@dataclass(frozen=True)
class Part:
    """One file of a stack."""

    name: str
    raster: Raster
    how: Alignment | None
    """How it is warped; None if it lies on the grid of the stack."""

    @property
    def path(self) -> Path | Url:
        """The file."""
        return self.raster.path  # type: ignore[return-value]  # parts are files, never stacks

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """The colours that indices are read as: only `rgb=` asks for colours, other names for the values."""
        return self.raster.palette if self.name.casefold() == "rgb" else None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers (from 1) of its bands without alpha; of a colour table that is read as colours, 1 to 3."""
        if self.raster.palette is not None and self.palette is None:
            return (1,)
        return tuple(i for i, color in enumerate(self.raster.colors, start=1) if color != "alpha")

    @property
    def bands(self) -> tuple[str, ...]:
        """The names that its bands have in the stack."""
        if len(self.numbers) == 1:
            return (self.name,)
        if len(self.numbers) == len(_RGB) and self.name.casefold() == "rgb":
            return _RGB
        return tuple(f"{self.name}_{i}" for i in range(1, len(self.numbers) + 1))

    @property
    def colors(self) -> tuple[str, ...]:
        """The colours of its bands."""
        if self.raster.palette is not None and self.palette is None:
            return ("gray",)
        return tuple(color for color in self.raster.colors if color != "alpha")

    @contextmanager
    def open(self, grid: Raster) -> Iterator[OpenPart]:
        """The file on the grid of the stack, open for reading while the block runs."""
        raster = self.raster
        with ExitStack() as stack:
            with gdal(raster.remote is not None):
                dataset = stack.enter_context(opened(self.path))
                masked = raster.masked and len(dataset.mask_flag_enums) > 0  # asked now, as it opens mask files
            alpha = None
            if self.how is not None:
                try:
                    dataset = stack.enter_context(_warped(dataset, raster, grid, self.how))
                except TROUBLE as error:
                    words = first_line(error.__cause__ or error)
                    raise ImageError(f"{self.path}: cannot be warped to {grid.path.name} ({words})") from error
                alpha = dataset.count
            yield OpenPart(self.path, dataset, self.numbers, alpha, masked, self.palette)


@dataclass(frozen=True)
class StackedRaster(Raster):
    """The metadata of a stack: the grid of its first part, the bands of all."""

    parts: tuple[Part, ...] = ()

    @property
    def identity(self) -> str:
        """What distinguishes this stack from another or a changed one: the names and identities of all files."""
        return repr([(part.name, part.raster.identity) for part in self.parts])

    @property
    def n_bytes(self) -> int:
        """The size of all files in bytes."""
        return sum(part.raster.n_bytes for part in self.parts)

    def absolute(self) -> "StackedRaster":
        """The same files by absolute paths."""
        parts = tuple(replace(part, raster=part.raster.absolute()) for part in self.parts)
        return replace(self, path=self.path.absolute(), parts=parts)

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Its dataset, open for reading while the block runs."""
        with gdal(self.remote is not None), ExitStack() as stack:
            parts = [stack.enter_context(part.open(self)) for part in self.parts]
            yield StackDataset(parts, (self.height, self.width), self.dtype)


def read_image(path: RasterPath, max_pixels: int = MAX_PIXELS, nodata: float | None = None) -> Raster:
    """The metadata of the raster, or of the several as one, at `path`. Raises ImageError, InputError."""
    if isinstance(path, StackPath):
        return read_stack(path, max_pixels, nodata)
    return read_raster(path, max_pixels, nodata)


def read_stack(path: StackPath, max_pixels: int = MAX_PIXELS, nodata: float | None = None) -> StackedRaster:
    """The metadata of a stack. Raises ImageError at a file that cannot be read, InputError if the parts do not fit.

    Parts on another grid than the first are warped to it, window by window, when pixels are read.
    """
    rasters = [read_raster(file, max_pixels) for _, file in path.parts]
    first = rasters[0]
    parts = tuple(
        Part(name, raster, None if raster is first else alignment(raster, first, name))
        for (name, _), raster in zip(path.parts, rasters, strict=True)
    )
    names = tuple(band for part in parts for band in part.bands)
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise InputError(f"{path}: two bands are called {twice[0]}; give the rasters other names")
    warped = any(part.how is not None for part in parts)
    dtypes = [raster.dtype for raster in rasters]
    own = {
        "path": path,
        "dtype": np.result_type(*dtypes).name,
        "nodata": None,
        "names": names,
        "colors": tuple(color for part in parts for color in part.colors),
        "palette": None,
        "masked": warped or nodata is not None or any(raster.masked for raster in rasters),
        "ignored": nodata,
        "notes": tuple(note for raster in rasters for note in raster.notes),
        "sources": tuple(source for raster in rasters for source in raster.sources),
        "remote": next((raster.remote for raster in rasters if raster.remote is not None), None),
        "parts": parts,
    }
    return StackedRaster(**{field.name: getattr(first, field.name) for field in fields(first)} | own)


def warp_notes(rasters: Sequence[Raster]) -> list[str]:
    """What is warped in stacks among the rasters: a line a part, on the file that covers least, and how many more."""
    warped: dict[str, list[tuple[float, str]]] = {}
    for raster in rasters:
        for part in raster.parts if isinstance(raster, StackedRaster) else ():
            if part.how is not None and isinstance(raster, StackedRaster):
                line = describe(part.raster, raster, part.how)
                warped.setdefault(part.name, []).append((part.how.covered, line))
    notes = []
    for lines in warped.values():
        more = f" (and {how_many(len(lines) - 1, 'more raster')})" if len(lines) > 1 else ""
        notes.append(min(lines, key=lambda line: line[0])[1] + more)
    return notes


def _warped(dataset: Any, raster: Raster, grid: Raster, how: Alignment) -> WarpedVRT:
    """A file on the grid of another; its last band says where it has pixels."""
    missing = {"src_nodata": np.nan} if np.dtype(raster.dtype).kind == "f" and raster.nodata is None else {}
    return WarpedVRT(
        dataset,
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=how.resampling,
        tolerance=_TOLERANCE,
        add_alpha="alpha" not in raster.colors,
        **missing,
    )
