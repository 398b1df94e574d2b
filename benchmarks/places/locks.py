"""A lock on what is made at a path, held by one process at a time; the system frees that of a killed process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from terrazzo.system.files import read_json, write_json


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the place of a file or folder: another process that wants it waits, then finds what was made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


def once(made: Path, make: Callable[[], object]) -> float:
    """Make something unless it was made before; the minutes that this took, then."""
    record = made.with_name(f"{made.name}.json")
    with locked(made):
        if "minutes" not in (found := read_json(record)):
            started = time.perf_counter()
            if not made.is_file():  # files are whole; a folder of maps may lack some
                make()
            found = {"minutes": (time.perf_counter() - started) / 60}
            write_json(record, found)
    return float(found["minutes"])
