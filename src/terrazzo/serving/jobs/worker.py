"""The worker process: takes one assignment after the other, computes it, and says how far it is.

It runs at a low priority, and ends with its owner. Between jobs it stays warm: what it has imported stays imported, and
the model that it opened last stays in memory.
"""

import ctypes
import errno
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from terrazzo.errors import TerrazzoError
from terrazzo.model.runtimes.kept import keeping_model
from terrazzo.serving.jobs.assignment import LABELS, Assignment
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.system.reporting import first_line

NICE = 10
FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = "no_room"
"""Beside `failed`: this machine's disk is full, which is no fault of the job."""
_SIGNAL_OF_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def main(parent: int) -> None:
    """Compute assignments from standard input until it ends."""
    lines, out = _pipes()
    _end_with(parent)
    if hasattr(os, "nice"):
        os.nice(NICE)
    said = threading.Lock()

    def say(message: Mapping[str, Any]) -> None:
        with said:
            out.write(json.dumps(message) + "\n")
            out.flush()

    waiting = _Assignments(lines)
    say({"ready": True})
    with keeping_model():
        while (line := waiting.next()) is not None:
            assignment = Assignment.from_json(line)
            say({"job": assignment.job, **outcome(assignment, Report(say, assignment.job))})
            say({"ready": True})


def outcome(assignment: Assignment, report: Report) -> dict[str, Any]:
    """The last word on a job: `done` with its result, or `failed` with one line."""
    from terrazzo.serving.jobs.tasks.task import compute

    try:
        return {"done": compute(assignment, report)}
    except TerrazzoError as error:
        return {"failed": _for_clients(first_line(error), assignment), **_no_room(error)}
    except MemoryError:
        return {"failed": "the memory was not enough; use a smaller image, or give the server more"}
    except Exception as error:
        traceback.print_exc()
        line = f"the worker failed: {type(error).__name__}: {first_line(error)}"
        return {"failed": _for_clients(line, assignment), **_no_room(error)}


def _no_room(error: BaseException | None) -> dict[str, bool]:
    """NO_ROOM if a full disk is the cause."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return {NO_ROOM: True}
        error = error.__cause__
    return {}


def _for_clients(line: str, assignment: Assignment) -> str:
    """A line without the server's folders: uploads by their names, models by their ids."""
    for path, name in (
        (assignment.folder / f"image{assignment.image.suffix.lower()}", assignment.name),
        (assignment.folder / "image.tif", assignment.name),
        (assignment.folder / LABELS, "the corrections"),
        (assignment.image, assignment.name),
        (assignment.model, assignment.model_id),
        (assignment.target, "the map"),
        (assignment.folder, "the job"),
    ):
        line = line.replace(str(path), name)
    return line if assignment.scheduler is None else line.replace(assignment.scheduler, "a cluster")


class _Assignments:
    """The lines of standard input. Once it closes the owner is gone, and the process ends in whatever it does."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines, self._waiting, self._there = lines, list[str](), threading.Semaphore(0)
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> str | None:
        """The next assignment, once there is one."""
        self._there.acquire()
        return self._waiting.pop(0)

    def _read(self) -> None:
        for line in self._lines:
            self._waiting.append(line)
            self._there.release()
        end_group()


def end_group() -> None:
    """End this process and all that it started."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _pipes() -> tuple[IO[str], IO[str]]:
    """The pipes from and to the owner. What anything prints goes to the log, and children inherit neither."""
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return lines, out


def _end_with(parent: int) -> None:
    """Have the system end this process when the owner dies, where it can; a blocked thread cannot miss that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
    if os.name == "posix" and os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
