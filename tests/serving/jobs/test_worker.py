"""The last word of a worker on a job that failed."""

import errno
from pathlib import Path
from typing import Any

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.tasks import task
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.serving.jobs.worker import outcome
from terrazzo.system.files import writing

DATA = Path("/srv/data")
ASSIGNMENT = Assignment("1" * 32, "tiny", DATA / "jobs/1", DATA / "maps/1", DATA / "body.tif", "field.tif", "2" * 32,
                        DATA / "tiny.safetensors", "tiny")  # fmt: skip


def last_word(monkeypatch: pytest.MonkeyPatch, error: Exception) -> dict[str, Any]:
    def compute(*given: object) -> None:
        with writing(ASSIGNMENT.target):
            raise error

    monkeypatch.setattr(task, "compute", compute)
    return outcome(ASSIGNMENT, Report(lambda message: None, ASSIGNMENT.job))


@pytest.mark.parametrize(
    ("error", "no_room"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), {"no_room": True}),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), {"no_room": True}),
        (OSError(errno.EACCES, "Permission denied"), {}),
    ],
)
def test_a_full_disk_is_told_apart_from_faults_of_the_job(
    monkeypatch: pytest.MonkeyPatch, error: OSError, no_room: dict[str, bool]
) -> None:
    line = f"the map: cannot be written ({error.strerror}); choose another --out"
    assert last_word(monkeypatch, error) == {"failed": line, **no_room}


def test_a_line_for_clients_names_the_upload_and_the_model_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    line = f"{ASSIGNMENT.image}: cannot be read by {ASSIGNMENT.model}, in {ASSIGNMENT.folder}"
    expected = {"failed": "field.tif: cannot be read by tiny, in the job"}
    assert last_word(monkeypatch, InputError(line)) == expected
