"""A worker process, as its owner sees it: a pipe for assignments, a pipe for what it says, and a group to kill.

Law: a worker never outlives its owner. It ends when its end of the pipe closes, and on Linux when its owner dies.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from terrazzo.serving.jobs.assignment import Assignment

WORKER = "terrazzo.serving.jobs.worker"
Hear = Callable[["Child", Mapping[str, Any]], None]
"""hear(child, message): called from a thread for each line that a worker says."""


class Child:
    """One running worker process."""

    def __init__(self, environment: Mapping[str, str], log: Path, hear: Hear, keep_open: Sequence[int] = ()) -> None:
        self._hear = hear
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C in a terminal is for the owner alone
                pass_fds=tuple(keep_open) if os.name == "posix" else (),
            )
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def takes_more_than(self, most: int | None) -> bool:
        """Whether the process holds more bytes of memory; never of None."""
        if most is None:
            return False
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss) > most
        except psutil.Error:
            return False

    def give(self, assignment: Assignment) -> None:
        """Hand it a job. One that is dead takes nothing; `alive` tells."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(f"{assignment.to_json()}\n".encode())
            self.process.stdin.flush()

    def close(self) -> None:
        """Close the pipes of a process that has ended, once all that it said is heard."""
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def kill(self) -> None:
        """End the process and all that it started, at once, and wait until it is gone."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        self.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):
                self._hear(self, json.loads(line))
