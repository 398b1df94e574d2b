"""The environment in which workers open files: GDAL with the drivers that are needed, and none that follows a name.

GDAL reads GDAL_SKIP when it registers its drivers, so the variables are set before a process begins. A virtual raster,
a WMS description or an address inside an upload is then an unknown format, whatever its suffix.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

DRIVERS = ("GTiff", "COG", "MEM", "PNG", "JPEG", "WEBP", "BMP", "JP2OpenJPEG", "GPKG", "GeoJSON", "Memory")
"""All that workers read and write with. `Memory` is another name of MEM in newer versions of GDAL."""
_LISTING = """
import json, pyogrio
from rasterio.env import Env
with Env() as env:
    print(json.dumps([*env.drivers(), *pyogrio.list_drivers()]))
"""
_FIXED = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no file beside an upload is read
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


def gdal_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a worker: the given ones, or this process's, with GDAL bounded."""
    environment = dict(os.environ if given is None else given)
    skipped = ",".join(skipped_drivers())
    return environment | _FIXED | {"GDAL_SKIP": skipped, "OGR_SKIP": skipped}


@cache
def skipped_drivers() -> tuple[str, ...]:
    """The names of all drivers of the GDALs here but `DRIVERS`. A process of its own asks them."""
    plain = {key: value for key, value in os.environ.items() if key not in ("GDAL_SKIP", "OGR_SKIP")}
    asked = subprocess.run(
        [sys.executable, "-c", _LISTING],
        env=plain,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return tuple(sorted(set(json.loads(asked.stdout)) - set(DRIVERS)))
