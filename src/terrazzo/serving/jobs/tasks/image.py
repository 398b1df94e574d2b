"""An upload as the raster that is mapped, and as the picture that the page shows."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from terrazzo.errors import InputError
from terrazzo.maps.outputs.cog import collecting, draft_profile, finish_cog
from terrazzo.model.header import Header
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.bands.kinds import rgb_places
from terrazzo.pixels.bands.reading import parse_bands, parse_scale
from terrazzo.pixels.photos import open_photo
from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.pixels.rasters.reading import Choice, open_pixels
from terrazzo.pixels.rasters.sampling import sample
from terrazzo.pixels.suffixes import PHOTO_SUFFIXES
from terrazzo.system.files import write_beside

_TIME = 946684800
"""2000-01-01: a map's key holds its raster's time, and equal images give equal bytes whenever they came."""
_TILE = 2048
_STRETCH = (2, 98)


def raster_of(upload: Path, folder: Path) -> Path:
    """The upload as a raster in `folder`: a TIFF or JPEG 2000 itself by another name, a photo as an upright TIFF.

    Law: name and time are the same for every upload, so that its map depends on nothing but the content. Raises
    ImageError, naming `upload`, at a photo that cannot be read.
    """
    suffix = upload.suffix.lower()
    is_photo = suffix in PHOTO_SUFFIXES
    path = folder / ("image.tif" if is_photo else f"image{suffix}")
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    if is_photo:
        with write_beside(path) as temporary:
            _write_photo(upload, temporary)
    else:
        _link(upload, path.with_name(f".{path.name}"))
        path.with_name(f".{path.name}").replace(path)
    os.utime(path, (_TIME, _TIME))
    return path


def write_picture(raster: Raster, choice: Choice, names: Sequence[str], path: Path) -> None:
    """Write the picture of a raster at `path`: a COG of red, green and blue, 8 bits, on the same grid.

    Eight-bit networks see the light of the picture. For others each band is stretched from 2 to 98 % of its values.
    `names` are those of the bands of `choice`. Invalid pixels are black.
    """
    shown = _shown(raster, choice, names)
    draft = path.with_name(f".{path.stem}.draft.tif")
    profile = draft_profile(raster, 3) | {"nodata": None, "photometric": "rgb", "sparse_ok": False}
    with collecting(path.parent), gdal():
        with open_pixels(raster, shown) as source, rasterio.open(draft, "w", **profile) as target:
            for row in range(0, raster.height, _TILE):
                for col in range(0, raster.width, _TILE):
                    height, width = min(_TILE, raster.height - row), min(_TILE, raster.width - col)
                    pixels, valid = source.read(row, col, height, width)
                    pixels = np.where(valid[..., None], pixels, 0).astype(np.uint8)
                    target.write(pixels.transpose(2, 0, 1), window=Window(col, row, width, height))
        finish_cog(draft, path, raster)


def choice_of(raster: Raster, header: Header, options: Any) -> Choice:
    """How the model reads the raster."""
    bands, scale = parse_bands(options.get("bands")), parse_scale(options.get("scale"))
    return choose(raster, header.bands, bands, scale, header.reading)


def open_raster(path: Path, options: Any, max_pixels: int | None = None) -> Raster:
    """The raster's metadata, read with the options of its job."""
    more = {} if max_pixels is None else {"max_pixels": max_pixels}
    return read_raster(path, nodata=options.get("nodata"), **more)


def _shown(raster: Raster, choice: Choice, names: Sequence[str]) -> Choice:
    """The choice of red, green and blue among the bands that the model reads; the first ones where none has a name."""
    places = rgb_places(names) or tuple(range(3))[: len(choice.bands)]
    if len(places) < 3:
        places = (places[0],) * 3
    bands = tuple(choice.bands[place] for place in places)
    if choice.dtype == EIGHT_BITS and (choice.scale is not None or raster.dtype == EIGHT_BITS):
        scale = choice.scale
        if scale is not None and not isinstance(scale[0], int | float):
            scale = tuple(scale[place] for place in places)
        return replace(choice, bands=bands, scale=scale)
    return Choice(bands, tuple(_stretched(raster, band) for band in bands))


def _stretched(raster: Raster, band: int) -> tuple[float, float]:
    """The values of a band that become black and white: 2 to 98 % of those that are seen."""
    seen = sample(raster, [band])
    values: NDArray[Any] = np.zeros(0) if seen is None else seen.stored[0][seen.valid]
    values = values[np.isfinite(values)]
    low, high = map(float, np.percentile(values, _STRETCH)) if values.size else (0.0, 1.0)
    return (low, high) if low < high else (low, low + 1)


def _write_photo(upload: Path, path: Path) -> None:
    image = open_photo(upload.read_bytes(), str(upload))
    profile = {"driver": "GTiff", "height": image.height, "width": image.width, "count": 3, "dtype": "uint8"}
    layout = {"tiled": True, "compress": "deflate", "photometric": "rgb", "bigtiff": "if_safer"}
    with collecting(path.parent), gdal(), rasterio.open(path, "w", **profile, **layout) as target:
        for row in range(0, image.height, 512):
            height = min(512, image.height - row)
            pixels = np.asarray(image.crop((0, row, image.width, row + height)))
            target.write(pixels.transpose(2, 0, 1), window=Window(0, row, image.width, height))


def _link(upload: Path, path: Path) -> None:
    """The same file by another name; a copy where the disk has no links."""
    path.unlink(missing_ok=True)
    try:
        os.link(upload, path)
    except FileNotFoundError as error:
        raise InputError(f"{upload}: is no longer there; upload it again") from error
    except OSError:
        shutil.copyfile(upload, path)
