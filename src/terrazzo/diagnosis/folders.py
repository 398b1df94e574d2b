"""Where GDAL and PROJ have their data, and the folders in which files are kept between commands."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from terrazzo.system.cache import cache_folder
from terrazzo.system.reporting import first_line

_UTM = 32640
"""A coordinate reference system that PROJ only knows with its database."""
_VARIABLES = ("GDAL_DATA", "PROJ_DATA", "PROJ_LIB", "GDAL_DRIVER_PATH")
"""Set by other programs, as QGIS or PostGIS, they lead the libraries to data of another version."""


@dataclass(frozen=True)
class Library:
    """A library that needs data of its own: its version, where they are, and what is wrong."""

    name: str
    version: str
    path: str | None
    trouble: str | None


@dataclass(frozen=True)
class Cache:
    """A folder in which files are kept, and the bytes in it; 0 if it is not there."""

    what: str
    path: Path
    n_bytes: int


def libraries() -> tuple[Library, ...]:
    """GDAL in rasterio and in pyogrio, PROJ in rasterio and in pyproj."""
    return tuple(
        _looked(name, look)
        for name, look in (
            ("GDAL in rasterio", _rasterio_gdal),
            ("PROJ in rasterio", _rasterio_proj),
            ("GDAL in pyogrio", _pyogrio),
            ("PROJ in pyproj", _pyproj),
        )
    )


def variables() -> dict[str, str]:
    """The environment variables that lead GDAL and PROJ elsewhere."""
    return {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}


def caches() -> tuple[Cache, ...]:
    """The folders of terrazzo, of torch and of Hugging Face, which timm uses."""
    home = Path.home() / ".cache"
    common = Path(os.environ.get("XDG_CACHE_HOME") or home)
    found = {
        "terrazzo": cache_folder(),
        "torch hub": Path(os.environ.get("TORCH_HOME") or common / "torch"),
        "Hugging Face": Path(os.environ.get("HF_HOME") or common / "huggingface"),
        "kagglehub": Path(os.environ.get("KAGGLEHUB_CACHE") or home / "kagglehub"),
    }
    return tuple(Cache(what, path, _size(path)) for what, path in found.items())


def _looked(name: str, look: Callable[[], tuple[str, str | None]]) -> Library:
    try:
        version, path = look()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return Library(name, "", None, f"{first_line(error)}; install terrazzo anew")
    if path is None or not Path(path).is_dir():
        return Library(name, version, path, "its data are not found; unset the variables below, or install it anew")
    return Library(name, version, path, None)


def _rasterio_gdal() -> tuple[str, str | None]:
    import rasterio
    from rasterio.env import GDALDataFinder

    return rasterio.__gdal_version__, os.environ.get("GDAL_DATA") or GDALDataFinder().search()


def _rasterio_proj() -> tuple[str, str | None]:
    import rasterio
    from rasterio.crs import CRS
    from rasterio.env import PROJDataFinder

    CRS.from_epsg(_UTM)
    set_ = os.environ.get("PROJ_DATA") or os.environ.get("PROJ_LIB")
    return rasterio.__proj_version__, set_ or PROJDataFinder().search()


def _pyogrio() -> tuple[str, str | None]:
    import pyogrio

    return ".".join(map(str, pyogrio.__gdal_version__)), pyogrio.get_gdal_data_path()


def _pyproj() -> tuple[str, str | None]:
    import pyproj

    pyproj.CRS.from_epsg(_UTM)
    return pyproj.proj_version_str, pyproj.datadir.get_data_dir()


def _size(folder: Path) -> int:
    """The bytes of the files in a folder and its folders; links are not followed."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if not path.is_symlink() and path.exists():
                total += path.stat().st_size
    return total
