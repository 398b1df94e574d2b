"""The log of the workers, worker.log, which is kept short."""

from contextlib import suppress
from pathlib import Path

LONGEST, KEPT = 1 << 20, 1 << 18
"""Bytes at which the log is cut, and bytes of its end that then stay."""


def log_of(data: Path) -> Path:
    """Where the workers of a data folder write."""
    return data / "worker.log"


def cut_log(path: Path, longest: int = LONGEST, kept: int = KEPT) -> None:
    """Cut a log of more than `longest` bytes to whole lines of its end, `kept` bytes at most.

    It is cut in place, as workers have it open and append to it; a line written in that moment may be lost.
    """
    with suppress(OSError), path.open("rb+") as log:
        if log.seek(0, 2) <= longest:
            return
        log.seek(-kept, 2)
        end = log.read().partition(b"\n")[2]
        log.seek(0)
        log.truncate()
        log.write(end)
