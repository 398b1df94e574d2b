"""How much memory may still be used on this machine."""

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def free_bytes() -> int:
    """Bytes that are free, within the limit of the container that this runs in."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no such limit ("max"), or no cgroups
        return free
    return min(free, max(limit - used, 0))
