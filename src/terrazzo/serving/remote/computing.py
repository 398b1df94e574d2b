"""A worker on another machine: claim a job, fetch what it needs, compute it in a child process, send the files.

Laws: the child is the same process with the same tasks as on the server's machine, so that maps have the same bytes.
Trained models have them where kind of CPU and number of threads are the same. One job is computed at a time. What it
had finished when the worker died or lost the server is used again if the same job comes back.
"""

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from terrazzo._version import __version__
from terrazzo.errors import InputError
from terrazzo.serving.closed_gdal import closed_gdal
from terrazzo.serving.folder import DataFolder
from terrazzo.serving.jobs.child import Child
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, too_slow
from terrazzo.serving.jobs.supervising import DRIVERS
from terrazzo.serving.jobs.training_here import why_no_training_here
from terrazzo.serving.jobs.versions import version_of
from terrazzo.serving.jobs.worker import FULL, NO_ROOM
from terrazzo.serving.jobs.worker_log import cut_log, log_of
from terrazzo.serving.remote.connection import CHECKING_SECONDS, CLAIM, AwayError, LostError, RefusedError, Server
from terrazzo.serving.remote.fetching import fetch, forget, versions_of
from terrazzo.serving.remote.heart import Heart, beating
from terrazzo.serving.remote.order import SUGGESTIONS, Order
from terrazzo.system.reporting import Say, quiet

POLL_SECONDS = 0.25
IDLE_SECONDS, LONGEST_IDLE = 0.5, 5.0
"""Between two questions for a job while none waits: the first wait is doubled up to the longest."""
_LONGEST_REST = 60.0
_FORBIDDEN = (401, 403)


class DiedError(Exception):
    """The child process died at its job."""


@dataclass
class Worker:
    """One `terrazzo work`."""

    server: Server
    data: DataFolder
    say: Say = quiet
    max_memory: int | None = None
    """Bytes that the process of a job may use."""
    environment: Mapping[str, str] = field(default_factory=lambda: {**os.environ, **closed_gdal(DRIVERS)})

    def __post_init__(self) -> None:
        self._child: Child | None = None
        self._messages: Queue[tuple[Child, Mapping[str, Any]]] = Queue()
        self._order: Order | None = None
        self._is_claiming = False
        self._failures = 0
        self._trains = why_no_training_here() is None
        self._asked = {"version": __version__, "trains": self._trains}
        self._log = log_of(self.data.root)

    def run(self) -> None:
        """Work until KeyboardInterrupt; the job at hand then goes back to the queue. Raises what the server refuses."""
        idle = IDLE_SECONDS
        try:
            while True:
                order = self._claim()
                if order is None:
                    time.sleep(idle)
                    idle = min(LONGEST_IDLE, 2 * idle)
                    continue
                idle = IDLE_SECONDS
                self.compute(order)
        finally:
            self._stop()

    def compute(self, order: Order) -> None:
        """Compute one job and send it. Raises RefusedError for a refused token, InputError for a full disk."""
        cut_log(self._log)
        forget(self.data, order)
        self.say(f"job {order.job}: {order.name} by {order.model_id}")
        try:
            with beating(self.server, order, self._trains) as heart:
                said = self._computed(order, heart)
                self._send(order, said, heart)
        except LostError:
            self._end_child()
            self.say(f"job {order.job}: is no longer this machine's; it was dismissed, or another has it")
        except DiedError:
            self._give_back(order, "its process died")
        except RefusedError as error:
            if error.status in _FORBIDDEN:
                raise
            if error.status >= 500:
                self._give_back(order, error.detail)
            else:
                self._fail(order, error.detail)
        except OSError as error:
            if error.errno not in FULL:
                raise
            line = f"--data {self.data.root}: the disk is full; make room, or choose another folder"
            raise InputError(line) from error
        else:
            self._failures = 0
            forget(self.data)
        self._order = None

    def _claim(self) -> Order | None:
        """A job, once the server is reached; None if none waits."""
        self._is_claiming = True
        try:
            found = self.server.patiently(lambda: self.server.call(CLAIM, self._asked))
        except InputError:
            self._is_claiming = False
            raise
        try:
            self._order = None if found is None else Order.from_dict(found)
            self._is_claiming = False
            return self._order
        except ValueError as error:
            line = f"--server {self.server.address}: sends jobs of another form; install the same version as there"
            raise InputError(line) from error

    def _computed(self, order: Order, heart: Heart) -> Mapping[str, Any]:
        """The last word of the child: `done` or `failed`. Raises DiedError or LostError."""
        assignment = replace(fetch(self.server, order, self.data, heart.check), max_memory=self.max_memory)
        with self._lent_child() as child:
            child.give(assignment)
            pieces, since = -1, time.monotonic()
            while True:
                heart.check()
                message = self._next(child)
                if message.get("job") == order.job:
                    if message.get(NO_ROOM):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    if "done" in message or "failed" in message:
                        return message
                    heart.tell(message)
                    if (message.get("pieces") or 0) > pieces:
                        pieces, since = message.get("pieces") or 0, time.monotonic()
                if child.takes_more_than(self.max_memory):
                    raise DiedError
                if time.monotonic() - since > order.job_seconds:
                    self._end_child()
                    return {"failed": too_slow(order.job_seconds)}

    def _next(self, child: Child) -> Mapping[str, Any]:
        """What the child says next; nothing after a while. Raises DiedError once a dead one has said everything."""
        alive = child.alive
        if not alive:
            child.kill()  # what it started, which may hold its pipes
        try:
            found, message = self._messages.get(timeout=POLL_SECONDS)
        except Empty:
            if not alive:
                raise DiedError from None
            return {}
        return message if found is child else {}

    def _send(self, order: Order, said: Mapping[str, Any], heart: Heart) -> None:
        """Send the files of a finished job, or why it failed."""
        work = f"/work/{order.job}"
        files = [(path, name) for path, name in self._files(order) if name in order.files]
        large = next((name for path, name in files if path.stat().st_size > order.files[name]), None)
        reason = f"{large}: is larger than the {order.files[large]} bytes that the server takes" if large else None
        if (reason := said.get("failed", reason)) is not None:
            self._fail(order, str(reason))
            return
        for path, name in files:
            self.server.patiently(partial(self.server.send, f"{work}/files/{name}", path, heart.check), heart.check)
        self.server.patiently(partial(self.server.call, f"{work}/finish", {}, CHECKING_SECONDS), heart.check)
        self.say(f"job {order.job}: finished")

    def _files(self, order: Order) -> Iterator[tuple[Path, str]]:
        """The files of a finished job, and their names for the server."""
        if order.process == SUGGEST and order.of_map is not None:
            yield self.data.suggestions(order.of_map), SUGGESTIONS
        elif (folder := self.data.map(order.job)).is_dir():
            yield from ((path, path.name) for path in sorted(folder.iterdir()))
            versions = versions_of(self.data, order)
            if order.process == IMPROVE and (version := version_of(order.job, versions)) is not None:
                yield from ((path, path.name) for path in sorted((versions / version).iterdir()))

    def _fail(self, order: Order, reason: str) -> None:
        """End a job that cannot be computed."""
        self.say(f"job {order.job}: failed: {reason}")
        with suppress(LostError, RefusedError):
            self.server.patiently(lambda: self.server.call(f"/work/{order.job}/fail", {"reason": reason}))

    def _give_back(self, order: Order, reason: str) -> None:
        """Give a job back after a death, which counts against it, and rest before the next one."""
        self._end_child()
        self.say(f"job {order.job}: {reason}; it is given back")
        with suppress(LostError, RefusedError):
            self.server.patiently(lambda: self.server.call(f"/work/{order.job}/release", {"died": True}))
        self._failures += 1
        time.sleep(min(_LONGEST_REST, 2.0**self._failures - 1))

    @contextmanager
    def _lent_child(self) -> Iterator[Child]:
        """The warm child; a new one where there is none. After an error it is ended."""
        child = self._child
        if child is None or not child.alive:
            self._end_child()
            child = self._child = Child(self.environment, self._log, self._put)
        try:
            yield child
        except BaseException:
            self._end_child()
            raise

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child = None

    def _stop(self) -> None:
        """End the child, and give the job at hand back without a death."""
        self._end_child()
        with suppress(AwayError, LostError, InputError, ValueError):
            if self._is_claiming and (found := self.server.call(CLAIM, self._asked)) is not None:
                self._order = Order.from_dict(found)  # what the question gave whose answer was not waited for
            if self._order is not None:
                self.server.call(f"/work/{self._order.job}/release", {"died": False})

    def _put(self, child: Child, message: Mapping[str, Any]) -> None:
        self._messages.put((child, message))
