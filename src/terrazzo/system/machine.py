"""What the machine offers: memory, cores and versions of libraries."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

_LIBRARIES = ("numpy", "rasterio", "torch", "onnxruntime", "segmentation-models-pytorch", "terrazzo")


def library_versions() -> dict[str, str]:
    """The versions of the installed libraries on which computed values depend."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def peak_rss_mb() -> float:
    """The peak memory so far of this process or of one that it started, in MB of 10**6 bytes."""
    if sys.platform == "win32":
        return round(psutil.Process().memory_info().peak_wset / 1e6, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(max(peaks) * unit / 1e6, 1)


def n_cores() -> int:
    """The cores that this process may use, at most 8, because each holds a decoded image in memory."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 8)


_CGROUP = Path("/sys/fs/cgroup")


def free_bytes() -> int:
    """Free memory in bytes, within the limit of the container if there is one."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no such limit ("max"), or no cgroups
        return free
    return min(free, max(limit - used, 0))
