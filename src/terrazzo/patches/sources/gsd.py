"""The ground sampling distance that `prepare` is asked for."""

from collections.abc import Mapping
from typing import Any

from terrazzo.errors import InputError


def checked_gsd(given: Mapping[str, Any]) -> float | None:
    """The value of --gsd. Raises InputError where it is no distance, or beside --downsample."""
    gsd_m: float | None = given["gsd"]
    if gsd_m is None:
        return None
    if not 0 < gsd_m < float("inf"):
        raise InputError(f"--gsd {gsd_m:g}: expected metres per pixel, above 0")
    if given["downsample"] is not None:
        raise InputError(f"--gsd {gsd_m:g}: says how much smaller images are read; leave --downsample out")
    return gsd_m
