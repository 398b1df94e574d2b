"""Tells the server, from a thread, that the worker lives and how far its job is; and learns whether it still has it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from terrazzo.errors import TerrazzoError
from terrazzo.serving.remote.connection import AwayError, LostError, Server
from terrazzo.serving.remote.order import Order

BEATS, SLOWEST = 4, 2.0
"""Heartbeats within the time of a lease, so that some may be lost; and the most seconds between two."""
_TOLD = ("progress", "pieces", "message", "seconds_left")


class Heart:
    """The heartbeats of one job."""

    def __init__(self, server: Server, order: Order, trains: bool = False) -> None:
        self._server, self._order = server, order
        self._always = {"trains": True} if trains else {}
        self._last: Mapping[str, Any] = self._always
        self._error: Exception | None = None
        self._ended = threading.Event()

    def tell(self, message: Mapping[str, Any]) -> None:
        """How far the worker is, for the next heartbeat."""
        self._last = {name: message[name] for name in _TOLD if message.get(name) is not None} | self._always

    def check(self) -> None:
        """Raise LostError if the job is not this worker's any more, and RefusedError if the token is refused."""
        if self._error is not None:
            raise self._error

    def beat(self) -> None:
        """One heartbeat."""
        try:
            self._server.call(f"/work/{self._order.job}/heartbeat", self._last)
        except AwayError:
            return  # it is computed on: the server may be back before the lease ends
        except (LostError, TerrazzoError) as error:
            self._error = error

    def _run(self) -> None:
        while not self._ended.wait(min(SLOWEST, self._order.lease_seconds / BEATS)) and self._error is None:
            self.beat()


@contextmanager
def beating(server: Server, order: Order, trains: bool = False) -> Iterator[Heart]:
    """The heart of a job, which beats while the block runs. `trains` is whether the worker can train."""
    heart = Heart(server, order, trains)
    thread = threading.Thread(target=heart._run, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield heart
    finally:
        heart._ended.set()
