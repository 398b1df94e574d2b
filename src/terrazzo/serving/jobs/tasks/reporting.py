"""How far a job is, from what the public functions report: per cent, finished pieces and seconds left."""

import time
from collections.abc import Callable, Mapping
from typing import Any

_SECONDS = 0.5
"""The least time between two messages."""


class Report:
    """Says how far a job is. The stages of a task share 100 per cent."""

    def __init__(
        self,
        say: Callable[[Mapping[str, Any]], None],
        job: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._job, self._clock = say, job, clock
        self._from, self._to, self._what = 0.0, 100.0, ""
        self._began: tuple[float, float] | None = None
        self._said = 0.0
        self.count: Callable[[], int] = lambda: 0
        """How many pieces of the stage are finished."""
        self.before = 0
        """How many pieces were finished in earlier stages."""

    def stage(self, what: str, start: float, end: float) -> None:
        """Begin a stage, which takes the job from `start` to `end` per cent."""
        self._from, self._to, self._what = start, end, what
        self._began = None
        self._said = 0.0
        self.progress(what, 0, 1)

    def progress(self, what: str, done: int, total: int) -> None:
        """`done` of `total` of the stage is finished: a `Progress` of the public functions."""
        now, share = self._clock(), min(1.0, done / total if total else 1.0)
        if self._began is None or share < self._began[1]:
            self._began = (now, share)
        if now - self._said < _SECONDS and done < total:
            return
        self._said = now
        message: dict[str, Any] = {
            "job": self._job,
            "progress": int(self._from + share * (self._to - self._from)),
            "pieces": self.before + self.count(),
            "message": self._what,
        }
        left = seconds_left(now - self._began[0], self._began[1], share, (100 - self._to) / (self._to - self._from))
        self._say(message | ({} if left is None else {"seconds_left": left}))


def seconds_left(elapsed: float, before: float, now: float, after: float = 0.0) -> float | None:
    """The seconds that a job still takes, at the pace at which its stage went from share `before` to `now`.

    `after` is what follows the stage, in units of the stage. Law: of a stage of which a half took 10 s, 10 s are left,
    and 20 s more for as much again. None until something is finished.
    """
    return round(elapsed * (1 - now + after) / (now - before), 1) if now > before else None
