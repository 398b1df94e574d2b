"""GDAL's settings for a process that opens files of strangers: named drivers, no network, no file beside."""

from collections.abc import Iterable
from functools import cache

_NOTHING = "/no/address/is/allowed"


@cache
def every_driver() -> frozenset[str]:
    """The names of all drivers in this installation of GDAL."""
    import rasterio

    with rasterio.Env() as env:
        return frozenset(env.drivers())


def closed_gdal(drivers: Iterable[str]) -> dict[str, str]:
    """The environment in which GDAL has these drivers alone, and reads no address and no folder.

    Opening names its driver already. This also covers files that GDAL opens on its own, because another one names them.
    """
    return {
        "GDAL_SKIP": ",".join(sorted(every_driver() - set(drivers))),
        "CPL_VSIL_CURL_ALLOWED_FILENAME": _NOTHING,
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_NUM_THREADS": "1",
    }
