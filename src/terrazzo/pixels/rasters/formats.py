"""The formats in which rasters are read, each by one driver of GDAL, and the way out of every other.

GDAL itself would choose a driver by a file's content, and follow what that names. Here the suffix alone chooses, from a
list of drivers that read local files and nothing else.
"""

import shlex
from pathlib import Path, PurePath
from typing import Any

from terrazzo.pixels.rasters.beside import placed_by
from terrazzo.pixels.suffixes import JPEG_SUFFIXES, TIFF_SUFFIXES, VIRTUAL

DRIVERS = {
    **dict.fromkeys(TIFF_SUFFIXES, "GTiff"),
    VIRTUAL: "VRT",
    ".jp2": "JP2OpenJPEG",
    ".img": "HFA",
    **dict.fromkeys((".ntf", ".nitf"), "NITF"),
    **dict.fromkeys((".bil", ".bip", ".bsq"), "EHdr"),
    ".gpkg": "GPKG",
    ".mbtiles": "MBTiles",
    ".nc": "netCDF",
}
"""GDAL's driver by a file's suffix."""
_OF_PHOTOS = {".png": "PNG", **dict.fromkeys(JPEG_SUFFIXES, "JPEG"), ".bmp": "BMP", ".webp": "WEBP"}
"""The drivers of photos that a file beside them places on the ground."""
OF_ENVI = ("", ".dat", ".bin", ".raw", ".img", ".bil", ".bip", ".bsq", ".envi", ".hsi", ".ref", ".rfl")
"""Suffixes of ENVI's images, whose header may have the suffix .hdr in place of theirs."""
_HFA = b"EHFA_HEADER_TAG"  # the header beside it is that of another file of its name
_OTHERS = (
    *(".ecw", ".sid", ".hdf", ".h5", ".he5", ".asc", ".grd", ".dem", ".dt0", ".dt1", ".dt2", ".hgt", ".ers", ".pix"),
    *(
        ".rst",
        ".bag",
        ".kap",
        ".gif",
        ".grib",
        ".grb",
        ".grb2",
        ".flt",
        ".tga",
        ".j2k",
        ".jpx",
        ".mrf",
        ".zarr",
        ".map",
    ),
    *(".ppm", ".pgm", ".xyz", ".hdr", ".dim", ".safe", ".til", ".toc", ".rsw", ".gta", ".pdf", ".kmz"),
)
"""Suffixes of other rasters, which the user's own GDAL may read."""


def driver_of(path: Any) -> str | None:
    """GDAL's driver for a file on this machine or elsewhere, by its name and the files beside it; None if unknown.

    A file with an ENVI header beside it is ENVI's: `scene.dat` with `scene.hdr`, any file with a header of its whole
    name. A photo is a raster if it is placed.
    """
    suffix = path.suffix.lower()
    if isinstance(path, Path):
        if _has_envi_header(path) and not _starts_with(path, _HFA):
            return "ENVI"
        if suffix in _OF_PHOTOS and placed_by(path) is not None:
            return _OF_PHOTOS[suffix]
    return DRIVERS.get(suffix)


def way_out(path: PurePath) -> str | None:
    """What to do with a raster of a format that is not read; None if the suffix is that of no raster."""
    if path.suffix.lower() not in _OTHERS:
        return None
    return f"make a GeoTIFF of it: {shlex.join(['gdal_translate', str(path), str(path.with_suffix('.tif'))])}"


def of_part(path: object, subdatasets: list[str]) -> str:
    """The command that takes the first of several rasters out of a file."""
    driver, _, rest = subdatasets[0].partition(":")
    whole = f"{driver.upper()}:{rest}"
    return shlex.join(["gdal_translate", whole, f"{Path(str(path)).stem}_{whole.rpartition(':')[2].strip('/')}.tif"])


def _has_envi_header(path: Path) -> bool:
    short = path.suffix.lower() in OF_ENVI and _starts_with(path.with_suffix(".hdr"), b"ENVI")
    return short or _starts_with(path.with_name(f"{path.name}.hdr"), b"ENVI")


def _starts_with(path: Path, start: bytes) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(start)) == start
    except OSError:
        return False
