"""What is older than --keep-days goes, and what a job still needs stays."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from terrazzo.serving.folder import DataFolder, new_id
from terrazzo.serving.jobs.job import IMPROVE, Job, Status
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.cleaning import DAY_S, clean, cleaning
from terrazzo.serving.uploads.store import UploadStore

NOW = 1_800_000_000.0  # 15 January 2027, 08:00 UTC
OLD, YOUNG = "2026-12-01T00:00:00Z", "2027-01-10T00:00:00Z"


class Table:
    """The table of jobs."""

    def __init__(self, *jobs: Job) -> None:
        self.rows = {job.id: job for job in jobs}

    def jobs(self, owner: str | None = None) -> list[Job]:
        return list(self.rows.values())

    def delete(self, job_id: str) -> None:
        del self.rows[job_id]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def uploaded(folder: DataFolder, days: float, complete: bool = True) -> tuple[UploadStore, str]:
    """An upload whose last byte came so many days ago."""
    store = UploadStore(folder, Settings(models=folder.root, data=folder))
    upload = store.create("image/png", "")
    if complete:
        facts = upload.path.with_name("upload.json")
        facts.write_text(facts.read_text().replace('"complete": false', '"complete": true'))
        os.utime(facts, (NOW - days * DAY_S,) * 2)
    os.utime(upload.path, (NOW - days * DAY_S,) * 2)
    return store, upload.id


def job(status: Status, when: str | None = None, **inputs: Any) -> Job:
    return Job(new_id(), IMPROVE, "", status, inputs, finished=when, updated=when or "")


def mapped(folder: DataFolder, job_id: str) -> Path:
    """A finished map with suggestions."""
    folder.map(job_id).mkdir(parents=True)
    (folder.map(job_id) / "classes.tif").write_bytes(b"x")
    (folder.root / "suggestions").mkdir(exist_ok=True)
    (folder.root / "suggestions" / f"{job_id}.geojson").write_text("{}")
    return folder.map(job_id)


def test_jobs_that_ended_long_ago_go_with_their_maps_and_uploads(folder: DataFolder) -> None:
    store, upload = uploaded(folder, 45)
    old, young = job(Status.SUCCESSFUL, OLD, image=upload), job(Status.SUCCESSFUL, YOUNG)
    for each in (old, young):
        mapped(folder, each.id)
    table = Table(old, young)
    cleaned = clean(folder, store, table, 30, NOW)
    assert (cleaned.jobs, cleaned.uploads) == ((old.id,), (upload,))
    assert set(table.rows) == {young.id}
    assert not folder.map(old.id).exists()
    assert not (folder.root / "suggestions" / f"{old.id}.geojson").exists()
    assert folder.map(young.id).is_dir()
    assert (folder.root / "suggestions" / f"{young.id}.geojson").exists()


def test_an_old_upload_stays_while_any_job_names_it(folder: DataFolder) -> None:
    store, upload = uploaded(folder, 45)
    for status, when in ((Status.ACCEPTED, None), (Status.RUNNING, None), (Status.FAILED, YOUNG)):
        assert clean(folder, store, Table(job(status, when, image=upload)), 30, NOW).uploads == ()
    assert clean(folder, store, Table(), 30, NOW).uploads == (upload,)


def test_an_old_map_stays_while_a_job_improves_it(folder: DataFolder) -> None:
    store, _ = uploaded(folder, 0)
    old = job(Status.SUCCESSFUL, OLD)
    mapped(folder, old.id)
    assert clean(folder, store, Table(old, job(Status.ACCEPTED, map=old.id)), 30, NOW).jobs == ()
    assert folder.map(old.id).is_dir()


def test_the_upload_of_an_improvement_stays_when_the_map_that_it_improved_goes(folder: DataFolder) -> None:
    """The improved map can be improved again, which reads the image; its own job names no upload."""
    store, upload = uploaded(folder, 45)
    first = job(Status.SUCCESSFUL, OLD, image=upload)
    second = job(Status.SUCCESSFUL, YOUNG, map=first.id)
    for each in (first, second):
        (mapped(folder, each.id) / "map.json").write_text(f'{{"upload": "{upload}"}}')
    cleaned = clean(folder, store, Table(first, second), 30, NOW)
    assert (cleaned.jobs, cleaned.uploads) == ((first.id,), ())
    third = job(Status.ACCEPTED, map=second.id)
    assert clean(folder, store, Table(second, third), 0, NOW).uploads == ()
    assert clean(folder, store, Table(), 30, NOW).uploads == (upload,)


def test_jobs_that_have_not_ended_stay_however_old(folder: DataFolder) -> None:
    store, _ = uploaded(folder, 0)
    assert clean(folder, store, Table(job(Status.ACCEPTED), job(Status.RUNNING)), 0, NOW).jobs == ()


@pytest.mark.parametrize(("days", "complete", "goes"), [(1.1, False, True), (0.9, False, False), (1.1, True, False)])
def test_an_upload_that_was_never_finished_goes_after_a_day(
    folder: DataFolder, days: float, complete: bool, goes: bool
) -> None:
    store, upload = uploaded(folder, days, complete)
    assert (upload in clean(folder, store, Table(), 30, NOW).uploads) == goes


def test_maps_without_a_row_go_and_what_is_no_id_stays(folder: DataFolder) -> None:
    store, _ = uploaded(folder, 0)
    orphan, recent = mapped(folder, new_id()), mapped(folder, new_id())
    foreign = folder.root / "maps" / "mine"
    foreign.mkdir()
    for path in (orphan, foreign):
        os.utime(path, (NOW - 45 * DAY_S,) * 2)
    os.utime(recent, (NOW - 1 * DAY_S,) * 2)
    clean(folder, store, Table(), 30, NOW)
    assert (orphan.exists(), recent.exists(), foreign.exists()) == (False, True, True)


def test_a_server_cleans_at_its_start_and_again_after_a_failure(
    folder: DataFolder, caplog: pytest.LogCaptureFixture
) -> None:
    store, _ = uploaded(folder, 0)
    old = job(Status.SUCCESSFUL, "2020-01-01T00:00:00Z")
    gone = threading.Event()

    class Failing(Table):
        tries = 0

        def jobs(self, owner: str | None = None) -> list[Job]:
            self.tries += 1
            if self.tries == 1:
                raise OSError("locked")
            return super().jobs()

        def delete(self, job_id: str) -> None:
            super().delete(job_id)
            gone.set()

    with cleaning(folder, store, Failing(old), 30, every_s=0.01):
        assert gone.wait(60)
    assert "it is tried again" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "cleaning"]


def test_an_upload_that_a_worker_gave_its_one_time_is_as_old_as_it_is(folder: DataFolder) -> None:
    store, upload_id = uploaded(folder, days=1)
    upload = store.get(upload_id)
    assert upload is not None
    os.utime(upload.path, (0, 0))
    assert clean(folder, store, Table(), 30, NOW).uploads == ()
