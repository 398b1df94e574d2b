"""How many bytes may still be written: what is left of the quota, and of the disk."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from terrazzo.serving.uploads.errors import DiskFullError

MB = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEASURED_S = 10.0
"""How long a measurement of the folder counts. What uploads write meanwhile is added to it."""


def used(folder: Path) -> int:
    """Bytes of all files below a folder. What vanishes meanwhile counts as nothing."""
    total, folders = 0, [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


class Space:
    """The room of a data folder."""

    def __init__(self, root: Path, quota: int | None) -> None:
        self._root, self._quota = root, quota
        self._lock = threading.Lock()
        self._used, self._measured = 0, float("-inf")

    def refuse(self, length: int) -> None:
        """Raise DiskFullError if this many bytes have no room on the disk or within the quota."""
        free = shutil.disk_usage(_there(self._root)).free
        if length > free:
            raise DiskFullError(f"--data: {free // MB} MB are free on the disk, {_size(length)} are needed; {_WAY_OUT}")
        self.take(length, only_look=True)

    def take(self, n_bytes: int, only_look: bool = False) -> None:
        """Count bytes that are about to be written. Raises DiskFullError if the quota does not hold them."""
        if self._quota is None:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._measured > _MEASURED_S:
                self._used, self._measured = used(self._root), now
            if self._used + max(n_bytes, 1) > self._quota:
                self._measured = float("-inf")  # something may have been removed by the next try
                raise DiskFullError(
                    f"--quota: {_size(self._used)} of {_size(self._quota)} are used, so there is no room for "
                    f"{_size(n_bytes)} more; delete maps, or start the server with a larger --quota"
                )
            if not only_look:
                self._used += n_bytes


_WAY_OUT = "free some space, or start the server with --data on another disk"


@contextmanager
def room() -> Iterator[None]:
    """Turn the operating system's errors of a full disk into DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(f"--data: the disk is full ({error.strerror}); {_WAY_OUT}") from error


def _there(folder: Path) -> Path:
    """The folder, or the deepest one above it that exists."""
    return next(above for above in (folder, *folder.absolute().parents) if above.is_dir())


def _size(n_bytes: int) -> str:
    return f"{n_bytes / MB:.0f} MB" if n_bytes >= MB else f"{n_bytes} bytes"
