"""What a worker process is given to compute, and what it says back, as lines of JSON on its pipes.

    to the worker      an Assignment
    from the worker    {"ready": true}, {"progress": 40, "pieces": 3, ...}, {"done": {...}}, {"failed": "..."}

A worker knows no table and no server. Whoever owns it does: the supervisor, or `terrazzo work` on another machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from terrazzo.maps.engines.options import LOCAL
from terrazzo.serving.jobs.versions import FIRST

LABELS = "corrections.gpkg"
"""In the folder of a job, the corrections as labels."""


@dataclass(frozen=True)
class Assignment:
    """One job with everything that its task needs, by paths of this machine."""

    job: str
    process: str
    """`improve`, `suggest`, or the id of the model that maps."""
    folder: Path
    """Where the job is computed. What lies there from an earlier worker is gone on with."""
    target: Path
    """The folder of the finished map, which appears by one rename."""
    image: Path
    """The upload."""
    name: str
    """The upload's name, for messages and map.json."""
    upload: str
    """The upload's id."""
    model: Path
    model_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of predict, or of suggest."""
    max_memory: int | None = None
    max_pixels: int | None = None
    engine: str = LOCAL
    scheduler: str | None = None
    """What computes the pieces of a map, as in predict."""
    of_map: str | None = None
    """The map that is corrected or looked at."""
    corrections: Path | None = None
    """The corrections to learn from."""
    before: Path | None = None
    """The folder of the finished map that the corrections are of."""
    version: int = FIRST
    """The least number of an improved model's version that no model of the server has."""
    out: Path | None = None
    """What the task writes beside the map: the file of suggestions, or the folder of improved models."""

    def to_json(self) -> str:
        """As one line of JSON."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, line: str) -> "Assignment":
        """The assignment of a line."""
        return _adapter().validate_json(line)


@cache
def _adapter() -> TypeAdapter[Assignment]:
    return TypeAdapter(Assignment)
