"""The supervisor's process, as the server sees it: started with it, restarted if it dies, ended with it."""

import os
import subprocess
import sys
from threading import Event, Thread

from pydantic import TypeAdapter

from terrazzo.serving.settings import Settings

_MODULE = "terrazzo.serving.jobs.supervisor"
_WAIT_SECONDS = 5.0


class Supervision:
    """Keeps a supervisor running: `with Supervision(settings): serve()`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopped = Event()
        self.process: subprocess.Popen[bytes] | None = None
        self._watcher = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Supervision":
        self._start()
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._watcher.join()
        process = self.process
        if process is None or process.stdin is None:
            return
        process.stdin.close()  # which asks it to stop
        try:
            process.wait(_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # its workers end with it
            process.wait()

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs now."""
        return self.process is not None and self.process.poll() is None

    def _start(self) -> None:
        given = TypeAdapter(Settings).dump_json(self._settings).decode()
        self.process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, given],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )

    def _watch(self) -> None:
        while not self._stopped.wait(0.5):
            if not self.alive:
                self._start()
