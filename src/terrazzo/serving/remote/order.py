"""What another machine needs for a job, as the server sends it and the worker reads it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.kept_inputs import KeptInputs
from terrazzo.serving.jobs.versions import FIRST
from terrazzo.serving.settings import Settings

INSTANCE = "X-Worker"
"""The header by which a worker says which of the machines with its token it is: up to 32 hexadecimal digits."""
SUGGESTIONS = "suggestions.geojson"
"""The file that a job `suggest` sends."""
_SHA256 = r"^[0-9a-f]{64}$"


@dataclass(frozen=True)
class Content:
    """A file that a worker downloads: its bytes, its SHA-256 in hexadecimal, and the suffix that its format needs."""

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=_SHA256)]
    suffix: Annotated[str, Field(pattern=r"^\.[a-z0-9]{1,12}$")]


@dataclass(frozen=True)
class Order:
    """One job, leased to a worker."""

    job: Annotated[str, Field(alias="jobID", pattern=r"^[0-9a-f]{32}$")]
    process: Annotated[str, Field(alias="processID")]
    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: str
    """The upload's name, for messages and map.json."""
    image: Content
    model_id: str
    model: Content
    lease_seconds: Annotated[float, Field(gt=0)]
    """How long the worker may be silent before another gets the job."""
    job_seconds: float
    """The longest that the job may compute without a new piece."""
    options: Mapping[str, Any] = field(default_factory=dict)
    max_pixels: int | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    """The files that the server takes as the result, and the most bytes of each."""
    of_map: Annotated[str | None, Field(pattern=r"^[0-9a-f]{32}$")] = None
    corrections: Content | None = None
    """What an improvement learns from."""
    before: Content | None = None
    """The classes of the map that an improvement corrects."""
    version: Annotated[int, Field(ge=FIRST)] = FIRST
    """The number of an improvement's version, unless another takes it meanwhile."""

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        found: dict[str, Any] = _adapter().dump_python(self, mode="json", by_alias=True)
        return found

    @classmethod
    def from_dict(cls, found: Any) -> "Order":
        """The order of a JSON object. Raises pydantic's ValidationError, which is a ValueError."""
        return _adapter().validate_python(found)


def order_of(assignment: Assignment, settings: Settings, files: Mapping[str, int]) -> Order:
    """An assignment of the server's machine as an order for another. An improvement's inputs are those kept."""
    kept = KeptInputs(assignment.folder) if assignment.corrections is not None else None
    return Order(
        job=assignment.job,
        process=assignment.process,
        upload=assignment.upload,
        name=assignment.name,
        image=content_of(assignment.image),
        model_id=assignment.model_id,
        model=content_of(assignment.model),
        lease_seconds=settings.lease_seconds,
        job_seconds=settings.job_seconds,
        options=assignment.options,
        max_pixels=assignment.max_pixels,
        files=files,
        of_map=assignment.of_map,
        corrections=None if kept is None else content_of(kept.corrections),
        before=None if kept is None else content_of(kept.old_map),
        version=assignment.version,
    )


def content_of(path: Path) -> Content:
    """A file as a worker checks it."""
    found = path.stat()
    return Content(found.st_size, _sha256(path, found.st_size, found.st_mtime_ns), path.suffix.lower())


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    """The hash of a file as it was at this time: a model is read once, not for every job."""
    return sha256_of(path)


@cache
def _adapter() -> TypeAdapter[Order]:
    return TypeAdapter(Order)
