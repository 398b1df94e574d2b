"""GDAL for processes that open files of strangers: named drivers, no network, no file beside.

GDAL reads GDAL_SKIP when it registers its drivers, so the variables are set before a process begins. A virtual raster,
a WMS description or an address inside an upload is then an unknown format, whatever its suffix. This also covers files
that GDAL opens on its own, because another one names them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache

_LISTING = """
import json, pyogrio
from rasterio.env import Env
with Env() as env:
    print(json.dumps([*env.drivers(), *pyogrio.list_drivers()]))
"""
_FIXED = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no file beside an upload is read
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/no/address/is/allowed",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "GDAL_HTTP_TIMEOUT": "1",
    "VRT_SHARED_SOURCE": "0",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_DRIVER_PATH": "disable",
    "OGR_DRIVER_PATH": "disable",
    "GDAL_CONFIG_FILE": "",
    "PROJ_NETWORK": "OFF",
    "CPL_LOG": os.devnull,  # each GDAL warns of the drivers that only the other has
}


def closed_gdal(drivers: Iterable[str]) -> dict[str, str]:
    """The environment variables with which GDAL has these drivers alone, and reads no address and no folder."""
    skipped = ",".join(sorted(every_driver() - set(drivers)))
    return _FIXED | {"GDAL_SKIP": skipped, "OGR_SKIP": skipped}


@cache
def every_driver() -> frozenset[str]:
    """The names of all drivers of the GDALs here, rasterio's and pyogrio's. A process of its own asks them."""
    plain = {key: value for key, value in os.environ.items() if key not in ("GDAL_SKIP", "OGR_SKIP")}
    asked = subprocess.run(
        [sys.executable, "-P", "-c", _LISTING],
        env=plain,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return frozenset(json.loads(asked.stdout))
