"""One job as the table holds it, and the states of OGC API - Processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The states of OGC API - Processes, Part 1 (18-062r2, 7.12)."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"


ENDED = (Status.SUCCESSFUL, Status.FAILED, Status.DISMISSED)
IMPROVE, SUGGEST = "improve", "suggest"
"""Processes beside the models, each of which is a process by its own id."""
LOCAL, REMOTE = "local:", "remote:"
"""How the names of workers begin: those of the server's machine, and those that come over HTTP."""


@dataclass(frozen=True)
class Job:
    """A row of the table."""

    id: str
    """32 hexadecimal digits; the id of its map, too."""
    process: str
    """A model's id; or `improve`, or `suggest`."""
    owner: str
    """The name of the token that asked; empty where the server asks for none."""
    status: Status
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """As checked: for a model `image` (an upload's id) and options of predict; for the others `map` (a job's id)."""
    progress: int = 0
    """Per cent, 0 to 100."""
    pieces: int = 0
    """Finished pieces so far, which only grow. A job whose workers die without a new one is given up."""
    message: str = ""
    """What it is doing, or the one line that says why it failed."""
    created: str = ""
    """ISO 8601, UTC, as `2026-01-31T12:00:00Z`; the same for the others."""
    started: str | None = None
    finished: str | None = None
    updated: str = ""
    worker: str | None = None
    """Who has it leased."""
    deaths: int = 0
    """Deaths of its own worker since its last new piece."""
    place: int | None = None
    """How many accepted jobs go before it, where it waits."""
    seconds_left: float | None = None
    """An estimate, while it runs."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What the task returned: `model` of an improvement, scores and the like."""


def too_slow(seconds: float) -> str:
    """The reason of a job that finished no new piece in this time."""
    return f"no new piece was finished within {seconds / 3600:g} hours; use a smaller image or another model"
