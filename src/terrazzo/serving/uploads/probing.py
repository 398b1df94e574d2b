"""Refuses an upload whose content is not what was stated, or that does not decode within the limits of the probe.

The server's own process opens nothing that a client sent. It looks at the first bytes and starts the probe.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from terrazzo.serving.closed_gdal import closed_gdal
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.errors import ContentError, TooLargeError, UploadError
from terrazzo.serving.uploads.sniffing import START_BYTES, format_of_type, refuse_other_content
from terrazzo.serving.uploads.upload import Upload

MEMORY = 2 << 30
"""Bytes of address space of the probe."""
CPU_S, WALL_S = 60, 120
AT_ONCE = 2
"""Probes that run at a time."""
_KINDS: Mapping[str, type[UploadError]] = {kind.__name__: kind for kind in (ContentError, TooLargeError)}
_SINGLE_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GDAL_NUM_THREADS"), "1")


def refuse(upload: Upload, settings: Settings, wall_s: float = WALL_S) -> Mapping[str, Any]:
    """What the header of an upload holds: width, height, bands, dtype, crs, driver.

    Raises ContentError (another content than stated, damaged, too slow or too large to decode) or TooLargeError (more
    pixels than `settings.max_pixels`).
    """
    stated = format_of_type(upload.media_type)
    with upload.path.open("rb") as stream:
        refuse_other_content(stream.read(START_BYTES), stated, upload.title)
    limits = str(settings.max_pixels), str(MEMORY), str(CPU_S)
    command = [sys.executable, "-P", "-W", "ignore", "-m", "terrazzo.serving.uploads.probe"]
    try:
        done = subprocess.run(
            [*command, os.fspath(upload.path.absolute()), upload.title, *limits],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=wall_s,
            env={**os.environ, **_SINGLE_THREADS, **closed_gdal((stated.driver,))},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ContentError(
            f"{upload.title}: did not decode within {wall_s:g} s; write it with tiles, as a COG"
        ) from error
    answer = _last_object(done.stdout)
    if "header" in answer:
        header: Mapping[str, Any] = answer["header"]
        return header
    if answer.get("refused") in _KINDS:
        raise _KINDS[answer["refused"]](answer["detail"])
    raise ContentError(
        f"{upload.title}: made its decoder end without an answer (exit code {done.returncode}); "
        "it is damaged, or needs too much memory or time; make it again, as a COG"
    )


def _last_object(printed: bytes) -> dict[str, Any]:
    """The JSON object in the last line; empty if there is none."""
    try:
        value = json.loads(printed.splitlines()[-1])
    except (ValueError, IndexError):
        return {}
    return value if isinstance(value, dict) else {}
