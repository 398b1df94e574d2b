"""Removes what is older than `--keep-days`: jobs that ended with their maps, and uploads that no job needs.

A job's age counts from its end, an upload's from its last byte. Uploads that were never finished go after a day, or
sooner if `--keep-days` is less. Jobs that wait or run keep what they read: their upload, or the map that they improve.
Improved models stay.
"""

import logging
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from terrazzo.serving.folder import DataFolder, is_id
from terrazzo.serving.jobs.job import ENDED, Job
from terrazzo.serving.uploads.needed import uploads_of
from terrazzo.serving.uploads.store import FACTS, UploadStore

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
UNFINISHED_DAYS = 1.0
_LOG = logging.getLogger("terrazzo.serving")


class Jobs(Protocol):
    """What is asked of the table of jobs."""

    def jobs(self, owner: str | None = None) -> list[Job]:
        """Every job."""

    def delete(self, job_id: str) -> object:
        """Remove a row."""


@dataclass(frozen=True)
class Cleaned:
    """What was removed, by ids."""

    jobs: tuple[str, ...]
    uploads: tuple[str, ...]


def clean(folder: DataFolder, uploads: UploadStore, jobs: Jobs, keep_days: float, now: float | None = None) -> Cleaned:
    """Remove what is older than `keep_days` at `now` (seconds since 1970; by default, now)."""
    now = time.time() if now is None else now
    since = now - keep_days * DAY_S
    every = jobs.jobs()
    waiting = [job for job in every if job.status not in ENDED]
    needed = {str(job.inputs.get("map")) for job in waiting}
    old = [job for job in every if job.status in ENDED and job.id not in needed and _ended(job, now) < since]
    for job in old:
        jobs.delete(job.id)
        remove_job(folder, job.id)
    kept = {job.id for job in every} - {job.id for job in old}
    for orphan in _without_a_row(folder, kept, since):
        remove_job(folder, orphan)
    used = {upload for job in every if job.id in kept for upload in uploads_of(folder, job)}
    gone = []
    for upload in uploads.uploads():
        days = keep_days if upload.complete else min(keep_days, UNFINISHED_DAYS)
        # Workers set the time of an upload's own file, so that equal images give equal maps.
        last = upload.path.with_name(FACTS) if upload.complete else upload.path
        if upload.id not in used and _written(last, now) < now - days * DAY_S:
            uploads.remove(upload.id)
            gone.append(upload.id)
    return Cleaned(tuple(job.id for job in old), tuple(gone))


def remove_job(folder: DataFolder, job_id: str) -> None:
    """Remove everything that lies in the data folder under a job's id: map, work, corrections and suggestions."""
    for place in (folder.map(job_id), folder.job(job_id)):
        shutil.rmtree(place, ignore_errors=True)
    for kind in ("corrections", "suggestions"):
        with suppress(OSError):
            (folder.root / kind / f"{job_id}.geojson").unlink(missing_ok=True)


def _without_a_row(folder: DataFolder, kept: Iterable[str], since: float) -> list[str]:
    """Ids of folders of maps and jobs that the table does not know, last changed before `since`."""
    known, found = set(kept), set[str]()
    for kind in ("maps", "jobs"):
        places = list((folder.root / kind).iterdir()) if (folder.root / kind).is_dir() else []
        found |= {p.name for p in places if is_id(p.name) and p.name not in known and _written(p, since) < since}
    return sorted(found)


def _ended(job: Job, otherwise: float) -> float:
    """When a job ended, in seconds since 1970; `otherwise` where the table does not say."""
    try:
        return datetime.fromisoformat(job.finished or job.updated).timestamp()
    except ValueError:
        return otherwise


def _written(path: Path, otherwise: float) -> float:
    """When a file was last written, in seconds since 1970; `otherwise` if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return otherwise


@contextmanager
def cleaning(
    folder: DataFolder, uploads: UploadStore, jobs: Jobs, keep_days: float, every_s: float = HOUR_S
) -> Iterator[None]:
    """Clean in a thread while the block runs: at its start, then every hour. A failure is logged and tried again."""
    ended = threading.Event()

    def work() -> None:
        while True:
            try:
                clean(folder, uploads, jobs, keep_days)
            except Exception:
                _LOG.exception("cleaning %s failed; it is tried again in an hour", folder.root)
            if ended.wait(every_s):
                return

    thread = threading.Thread(target=work, name="cleaning", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=5)
