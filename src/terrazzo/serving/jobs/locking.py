"""The lock of a data folder, which one supervisor has at a time, with its workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int | None]:
    """The lock of a data folder as a file descriptor, once every process that held it is gone."""
    try:
        import fcntl
    except ImportError:  # Windows, where leases alone tell
        yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream.fileno()
