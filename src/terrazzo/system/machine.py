"""What the machine offers: memory, cores and versions of libraries."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

_LIBRARIES = ("numpy", "rasterio", "torch", "onnxruntime", "segmentation-models-pytorch", "terrazzo")


_CPUINFO = Path("/proc/cpuinfo")
CPU_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "avx_vnni", "asimd", "bf16")
"""The features on which the speed of a network depends, as Linux names them."""


def cpu_flags() -> frozenset[str]:
    """The CPU's feature flags; empty where the system lists none (macOS, Windows)."""
    line = _cpu_line("flags") or _cpu_line("Features")
    return frozenset(line.split())


def cpu_name() -> str:
    """The CPU's name, how many cores this process may use, and the features that matter: `AMD EPYC, 2 cores, avx2`."""
    name = _cpu_line("model name") or platform.processor() or platform.machine()
    features = [feature for feature in CPU_FEATURES if feature in cpu_flags()]
    return ", ".join([name, f"{usable_cores()} cores", *([" ".join(features)] if features else [])])


def has_fast_bf16() -> bool:
    """Whether the CPU multiplies bfloat16: AVX-512 BF16 or AMX."""
    return not cpu_flags().isdisjoint({"avx512_bf16", "amx_bf16"})


def _cpu_line(name: str) -> str:
    """The value of the first line of this name in the kernel's list of CPUs."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.split(":")[0].strip() == name), "")


def library_versions(*more: str) -> dict[str, str]:
    """The versions of the installed libraries on which computed values depend; of `more` libraries, too."""
    found = {}
    for library in (*_LIBRARIES, *more):
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
    return min(usable_cores(), 8)


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
