"""The supervisor's process, as the server sees it: started with it, restarted if it dies, ended with it."""

import os
import subprocess
import sys
from threading import Event, Thread

from pydantic import TypeAdapter

from terrazzo.serving.settings import Settings

_MODULE = "terrazzo.serving.jobs.supervising"
_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.5


class Supervisor:
    """Keeps a supervisor running from `start` to `stop`. It also ends when the process that started it is gone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopped = Event()
        self._watcher: Thread | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the supervisor runs now."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process, and a thread that starts it again if it dies."""
        self._begin()
        self._watcher = Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End the process and its workers. Their jobs are resumed when a server is started again."""
        self._stopped.set()
        if self._watcher is not None:
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

    def _begin(self) -> None:
        given = TypeAdapter(Settings).dump_json(self._settings).decode()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, given],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            if not self.alive:
                self._begin()
