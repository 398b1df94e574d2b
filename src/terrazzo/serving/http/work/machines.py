"""Which workers on other machines are there now, and whether they can train.

A worker asks for a job every few seconds, or sends heartbeats. One that is silent for `AWAY_SECONDS` is gone.
"""

import threading
import time
from collections.abc import Callable

AWAY_SECONDS = 90.0
"""Longer than a worker ever rests, which is a minute after a death."""


class Machines:
    """The workers that called since the server was started. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._seen: dict[str, tuple[float, bool]] = {}
        """By worker, when it last called and whether it can train."""

    def saw(self, worker: str, trains: bool | None = None) -> None:
        """A worker has called; with None it trains if it did before."""
        with self._lock:
            known = self._seen.get(worker, (0.0, False))[1] if trains is None else trains
            now = self._clock()
            there = {name: found for name, found in self._seen.items() if now - found[0] <= AWAY_SECONDS}
            self._seen = {**there, worker: (now, known)}

    def any_trains(self) -> bool:
        """Whether a worker that is there can train."""
        now = self._clock()
        with self._lock:
            return any(trains for when, trains in self._seen.values() if now - when <= AWAY_SECONDS)
