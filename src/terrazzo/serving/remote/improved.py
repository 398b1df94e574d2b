"""The improved model that another machine sends beside its map: checked, and published as a version.

The server writes the lineage itself. Of the worker's it takes the scores, once the rest is what the server knows.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from terrazzo.errors import TerrazzoError
from terrazzo.maps.outputs.record import RUN
from terrazzo.model.header import Header, read_header
from terrazzo.serving.folder import ABOUT
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.kept_inputs import KeptInputs, link
from terrazzo.serving.jobs.tasks.kept_aside import with_uses
from terrazzo.serving.jobs.versions import LINEAGE, MODEL, publish_version, result_of, version_of
from terrazzo.serving.remote.order import content_of
from terrazzo.serving.remote.refused import RefusedResultError, Strict
from terrazzo.serving.results.corrections import kept_corrections
from terrazzo.system.files import read_json, write_json

_Scores = dict[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")], float]


class _OnCorrections(Strict):
    before: _Scores | None
    after: _Scores | None


class _Lineage(Strict):
    """lineage.json."""

    parent: str
    parent_sha256: str
    map: str
    corrections_sha256: str
    polygons: dict[str, int]
    job: str
    created: str
    scores: _OnCorrections


@dataclass(frozen=True)
class Improved:
    """The files of an improvement in `closed`, where nobody writes any more."""

    assignment: Assignment
    models: Path
    """The folder of versions."""
    closed: Path

    @classmethod
    def of(cls, assignment: Assignment, closed: Path) -> "Improved":
        """The improvement of an assignment."""
        if assignment.out is None:
            raise ValueError("an assignment of an improvement without a folder of models")
        return cls(assignment, assignment.out, closed)

    @property
    def version(self) -> str | None:
        """The version that the job has published already, as before the server died; None if there is none."""
        return version_of(self.assignment.job, self.models)

    @property
    def model(self) -> Path:
        """The model: as published, else as sent."""
        version = self.version
        return self.closed / MODEL if version is None else self.models / version / MODEL

    def check(self) -> None:
        """Raise RefusedResultError unless the model improves the job's, and its lineage is the job's."""
        if self.version is not None:
            return
        for name in (MODEL, LINEAGE):
            if not (self.closed / name).is_file():
                raise RefusedResultError(f"{name}: was not sent; expected the improved model with its lineage")
        try:
            found = read_header(self.model)
        except TerrazzoError as error:
            raise RefusedResultError(f"{MODEL}: is no model of terrazzo") from error
        parent = read_header(self.assignment.model)
        if not improves(found, parent, content_of(self.assignment.model).sha256):
            raise RefusedResultError(f"{MODEL}: is not trained from the model of the job")
        try:
            _Lineage.model_validate(read_json(self.closed / LINEAGE))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise RefusedResultError(f"{LINEAGE}: {where}: {first['msg']}") from error
        sent = read_json(self.closed / LINEAGE)
        for name, value in self._known().items():
            if sent[name] != value:
                raise RefusedResultError(f"{LINEAGE}: {name} is not that of the job")

    def publish(self) -> None:
        """Publish the version that was checked, and name it in the files of its map."""
        version = self.version
        if version is None:
            draft = self.assignment.folder / "version"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            link(self.closed / MODEL, draft / MODEL)
            created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            scores = read_json(self.closed / LINEAGE)["scores"]
            write_json(draft / LINEAGE, {**self._known(), "created": created, "scores": scores})
            version = publish_version(draft, self.models, self.assignment.model_id, self.assignment.version)
        for name in (MODEL, LINEAGE):
            (self.closed / name).unlink(missing_ok=True)
        write_json(self.closed / ABOUT, read_json(self.closed / ABOUT) | {"model": version})
        record = read_json(self.closed / RUN)
        if isinstance(record.get("model"), dict):
            write_json(self.closed / RUN, record | {"model": record["model"] | {"path": version}})

    def result(self) -> Mapping[str, Any]:
        """The result of the job, whose version is published."""
        version = self.version
        return {} if version is None else result_of(self.models, version, self.assignment.of_map)

    def _known(self) -> dict[str, Any]:
        """What the server knows of the lineage."""
        corrections = KeptInputs(self.assignment.folder).corrections
        polygons = with_uses(kept_corrections(corrections)).polygons
        aside = sum(bool(each.kept_aside) for each in polygons)
        return {
            "parent": self.assignment.model_id,
            "parent_sha256": content_of(self.assignment.model).sha256,
            "map": self.assignment.of_map,
            "corrections_sha256": content_of(corrections).sha256,
            "polygons": {"trained": len(polygons) - aside, "kept_aside": aside},
            "job": self.assignment.job,
        }


def improves(found: Header, parent: Header, sha256: str) -> bool:
    """Whether a model was trained from the parent, a file of this hash: one step further, with its classes first."""
    *before, last = found.lineage or (None,)
    names = parent.schema.names
    return (
        last is not None
        and (tuple(before), last.parents) == (parent.lineage, (sha256,))
        and (found.bands, found.model, found.patch_size) == (parent.bands, parent.model, parent.patch_size)
        and found.schema.names[: len(names)] == names
    )
