"""The scenes that a model is adapted to: photos and rasters, read as `predict` reads them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.improving.layout import Layout, lay_out, least_size
from terrazzo.maps.inputs import PictureFile, RasterFile, find_pictures
from terrazzo.maps.pieces.window_reader import PixelSource
from terrazzo.model.opening import ModelFile
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.pixels.bands.reading import AskedScale
from terrazzo.pixels.image_files import read_size
from terrazzo.pixels.image_view import ImageView
from terrazzo.pixels.photos import read_photo
from terrazzo.pixels.rasters.remote import Url
from terrazzo.pixels.rasters.stacks.spec import RasterPath
from terrazzo.system.reporting import Say, quiet


@dataclass(frozen=True)
class Reading:
    """How rasters are read: options of `predict`, parsed."""

    bands: tuple[str, ...] | None = None
    scale: AskedScale = None
    nodata: float | None = None
    resample: bool = False

    @property
    def flags(self) -> list[str]:
        """The flags that were given."""
        given = {"--bands": self.bands, "--scale": self.scale, "--nodata": self.nodata}
        return [flag for flag, value in given.items() if value is not None] + ["--resample"] * self.resample


@dataclass(frozen=True)
class Scene:
    """A photo or raster on the grid on which the network sees it."""

    name: str
    layout: Layout
    open: Callable[[], AbstractContextManager[PixelSource]]
    """Its pixels, open for reading."""


@dataclass(frozen=True)
class _Array:
    """A photo's pixels (H, W, 3) as a source; all are valid."""

    pixels: NDArray[np.uint8]

    def read(self, row: int, col: int, height: int, width: int) -> tuple[Pixels, NDArray[np.bool_]]:
        """Pixels (height, width, 3) from (row, col), and that they are valid."""
        return self.pixels[row : row + height, col : col + width], np.ones((height, width), bool)


def find_scenes(inputs: Sequence[str | Path], out: Path, say: Say = quiet) -> tuple[PictureFile | RasterFile, ...]:
    """The photos and rasters that the inputs name, each file once. Raises InputError as `find_pictures` does."""
    if not inputs:
        raise InputError("no scene given; name at least one image file or folder")
    found: dict[str, PictureFile | RasterFile] = {}
    for word in inputs:
        named = find_pictures([word], out, say)
        files: list[PictureFile | RasterFile] = [*named.rasters, *named.pictures]
        for file in files:
            for path in paths_of(file.path):
                if isinstance(path, Url):
                    raise InputError(f"{path}: is an address; adapt takes files on this machine; download it first")
            found.setdefault(str(file.path.absolute()), file)
    return tuple(found.values())


def paths_of(path: RasterPath | Path) -> tuple[Path | Url, ...]:
    """The files that a scene is read from: one, or those of a stack."""
    return (path,) if isinstance(path, Path | Url) else tuple(part for _, part in path.parts)


def sha256_of(path: RasterPath | Path) -> str:
    """The SHA-256 of a file, hexadecimal; of several files, that of their hashes, one a line."""
    hashes = []
    for each in paths_of(path):
        try:
            with Path(str(each)).open("rb") as stream:
                hashes.append(hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError as error:
            raise InputError(f"{each}: cannot be read ({error.strerror or error})") from error
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def open_scenes(
    files: Sequence[PictureFile | RasterFile], model: ModelFile, reading: Reading, say: Say
) -> tuple[Scene, ...]:
    """The scenes with their windows. Raises ImageError or InputError where one cannot be read or is too small."""
    rasters = [file for file in files if isinstance(file, RasterFile)]
    if reading.flags and not rasters:
        raise InputError(f"{reading.flags[0]}: is for rasters; {files[0].name} is a picture; leave it out")
    return tuple(
        _raster(file, model, reading, say) if isinstance(file, RasterFile) else _photo(file, model) for file in files
    )


def _photo(file: PictureFile, model: ModelFile) -> Scene:
    header, where = model.header, str(file.path)
    if header.bands != 3 or header.normalization.deep:
        needed = f"values as {header.normalization.dtype}" if header.normalization.deep else f"{header.bands} bands"
        raise InputError(f"{where}: is a picture of three 8-bit bands, {model.path} takes {needed}; name a raster")
    view = ImageView(downsample=header.downsample)
    size = read_size(file.read(), where)
    layout = _layout(where, size, view.reduced(size), model)

    @contextmanager
    def opened() -> Iterator[PixelSource]:
        yield _Array(read_photo(file.read(), where, view))

    return Scene(str(file.name), layout, opened)


def _raster(file: RasterFile, model: ModelFile, reading: Reading, say: Say) -> Scene:
    from terrazzo.maps.jobs.resolution import other_resolution, working_grid
    from terrazzo.pixels.bands.choice import choose
    from terrazzo.pixels.bands.order import order_note
    from terrazzo.pixels.rasters.raster import MAX_PIXELS
    from terrazzo.pixels.rasters.reading import open_pixels
    from terrazzo.pixels.rasters.stacks.stack import read_image

    header = model.header
    raster = read_image(file.path, MAX_PIXELS, reading.nodata)
    choice = choose(raster, header.bands, reading.bands, reading.scale, header.reading)
    grid = working_grid(raster, model, reading.resample, MAX_PIXELS)
    layout = _layout(str(file.path), (raster.height, raster.width), grid.seen, model)
    notes = [*raster.notes]
    if reading.bands is None:
        notes.append(order_note(raster, choice.bands, header.reading) or "")
    if not reading.resample:
        notes.append(other_resolution(raster, header) or "")
    for line in filter(None, notes):
        say(line)

    @contextmanager
    def opened() -> Iterator[PixelSource]:
        with open_pixels(raster, choice) as source:
            yield grid.source(source)

    return Scene(str(file.name), layout, opened)


def _layout(where: str, size: tuple[int, int], seen: tuple[int, int], model: ModelFile) -> Layout:
    """The windows of a scene. Raises InputError, with the size that is needed, if it is too small."""
    side = model.header.patch_size
    layout = lay_out(seen, side)
    if layout is None:
        shorter, longer = least_size(side)
        factor = max(have / small for have, small in zip(size, seen, strict=True))
        shorter, longer = (int(-(-least * factor // 1)) for least in (shorter, longer))
        raise InputError(
            f"{where}: has {size[0]} x {size[1]} px, too few for windows to train on and others to check with; "
            f"expected at least {longer} x {shorter} px, either way up; give a larger part of the place"
        )
    return layout
