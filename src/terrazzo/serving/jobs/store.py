"""The table of jobs in SQLite: what is asked for, who computes it until when, and how it ended.

Law: every method is one transaction, so a killed process leaves a job either before or after it. An accepted job stays
until it has ended: it is successful, failed or dismissed.

A worker holds a job by a lease, which its heartbeats prolong. A lease that ran out gives the job back to the queue.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.serving.folder import new_id
from terrazzo.serving.jobs.job import ENDED, Job, Status
from terrazzo.system.reporting import how_many

LEASE_SECONDS = 30.0
MOST_DEATHS = 3
"""After so many deaths of its own worker without a new piece, a job is given up."""
_GIVEN_UP = (
    f"its worker died {MOST_DEATHS} times without finishing a new piece; "
    "give the server more memory, or use a smaller image or another model"
)
_BUSY_SECONDS = 30.0

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    process TEXT NOT NULL,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    inputs TEXT NOT NULL,
    progress INTEGER NOT NULL DEFAULT 0,
    pieces INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL,
    started TEXT,
    finished TEXT,
    updated TEXT NOT NULL,
    worker TEXT,
    lease REAL,
    deaths INTEGER NOT NULL DEFAULT 0,
    seconds_left REAL,
    result TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, seq);
"""
_PLACE = "(SELECT COUNT(*) FROM jobs AS before WHERE before.status = 'accepted' AND before.seq < jobs.seq) AS place"

_ENDING = "finished = :now, updated = :now, lease = NULL, seconds_left = NULL"


class QueueFullError(InputError):
    """As many jobs wait as may; one can be submitted when another has begun."""

    status, retry_after = 429, 10


class JobStore:
    """The jobs of one server. Threads and processes may share the file; each thread has a connection of its own."""

    def __init__(self, path: Path, max_queue: int = 1000, clock: Callable[[], float] = time.time) -> None:
        self.path, self.max_queue, self._clock = Path(path), max_queue, clock
        self._local = threading.local()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection().executescript(_TABLE)

    def submit(self, process: str, inputs: Mapping[str, Any], owner: str, job_id: str | None = None) -> Job:
        """A new accepted job at the end of the queue; the job that is there if `job_id` names one.

        Raises QueueFullError if `max_queue` jobs wait.
        """
        name, now = job_id or new_id(), self._now()
        with self._transaction() as table:
            if there := _one(table, name):
                return there
            waiting = table.execute("SELECT COUNT(*) FROM jobs WHERE status = ?", (Status.ACCEPTED,)).fetchone()[0]
            if waiting >= self.max_queue:
                words = f"{how_many(waiting, 'job')} {'waits' if waiting == 1 else 'wait'} already"
                raise QueueFullError(f"the queue is full: {words}; try again later")
            table.execute(
                "INSERT INTO jobs (id, process, owner, status, inputs, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, process, owner, Status.ACCEPTED, json.dumps(dict(inputs), sort_keys=True), now, now),
            )
            return _there(table, name)

    def get(self, job_id: str) -> Job | None:
        """The job of that id."""
        return _one(self._connection(), job_id)

    def jobs(self, owner: str | None = None) -> list[Job]:
        """The jobs of an owner, newest first; those of everyone if `owner` is None."""
        where, values = ("", ()) if owner is None else ("WHERE owner = ?", (owner,))
        rows = self._connection().execute(f"SELECT *, {_PLACE} FROM jobs {where} ORDER BY seq DESC", values)
        return [_job(row) for row in rows]

    def running(self) -> list[Job]:
        """The jobs that workers hold, oldest first."""
        rows = self._connection().execute(f"SELECT *, {_PLACE} FROM jobs WHERE status = 'running' ORDER BY seq")
        return [_job(row) for row in rows]

    def claim(self, worker: str, seconds: float = LEASE_SECONDS, without: Sequence[str] = ()) -> Job | None:
        """The oldest accepted job, now running and leased to `worker`; None if none waits.

        Jobs of the processes `without` are passed over.
        """
        now = self._now()
        with self._transaction() as table:
            row = table.execute(
                "SELECT id FROM jobs WHERE status = ? AND process NOT IN (SELECT value FROM json_each(?)) "
                "ORDER BY seq LIMIT 1",
                (Status.ACCEPTED, json.dumps(list(without))),
            ).fetchone()
            if row is None:
                return None
            table.execute(
                "UPDATE jobs SET status = ?, worker = ?, lease = ?, started = COALESCE(started, ?), updated = ? "
                "WHERE id = ?",
                (Status.RUNNING, worker, self._clock() + seconds, now, now, row["id"]),
            )
            return _there(table, row["id"])

    def heartbeat(
        self,
        job_id: str,
        worker: str,
        *,
        progress: int | None = None,
        pieces: int | None = None,
        message: str | None = None,
        seconds_left: float | None = None,
        seconds: float = LEASE_SECONDS,
    ) -> bool:
        """Prolong the lease and record how far the job is. False if it is no longer this worker's: stop at once.

        Law: `pieces` only grows, and a new one sets `deaths` to 0.
        """
        values = {
            "progress": None if progress is None else max(0, min(100, int(progress))),
            "pieces": pieces,
            "message": message,
            "left": seconds_left,
            "lease": self._clock() + seconds,
            "now": self._now(),
        }
        sets = (
            "progress = COALESCE(:progress, progress), message = COALESCE(:message, message), "
            "seconds_left = COALESCE(:left, seconds_left), lease = :lease, updated = :now, "
            "deaths = CASE WHEN COALESCE(:pieces, 0) > pieces THEN 0 ELSE deaths END, "
            "pieces = MAX(pieces, COALESCE(:pieces, 0))"
        )
        return self._change(job_id, worker, sets, values)

    def finish(self, job_id: str, worker: str, result: Mapping[str, Any]) -> bool:
        """End the job as successful; the result's `message`, if any, is the job's. False if it is another's now."""
        values = {"status": Status.SUCCESSFUL, "result": json.dumps(dict(result), sort_keys=True), "now": self._now()}
        values["message"] = str(result.get("message") or "")
        sets = "status = :status, result = :result, progress = 100, message = :message, " + _ENDING
        return self._change(job_id, worker, sets, values)

    def fail(self, job_id: str, worker: str, reason: str) -> bool:
        """End the job as failed, for a reason of one line. False if it is no longer this worker's."""
        values = {"status": Status.FAILED, "reason": reason, "now": self._now()}
        sets = "status = :status, message = :reason, finished = :now, updated = :now, lease = NULL, seconds_left = NULL"
        return self._change(job_id, worker, sets, values)

    def release(self, job_id: str, worker: str, *, died: bool) -> None:
        """Give the job of this worker back to the queue, at its old place. `died` counts a death of the worker.

        The third death without a new piece makes it failed instead.
        """
        with self._transaction() as table:
            _release(table, "id = ? AND worker = ?", (job_id, worker), died=died, now=self._now())

    def release_expired(self, dying: str | None = None) -> list[str]:
        """Give back the jobs whose lease has run out; their ids.

        Only for workers whose name begins with `dying` does that count as a death.
        """
        now = self._now()
        with self._transaction() as table:
            late = table.execute(
                "SELECT id, worker FROM jobs WHERE status = ? AND lease < ?", (Status.RUNNING, self._clock())
            ).fetchall()
            for row in late:
                died = dying is not None and row["worker"].startswith(dying)
                _release(table, "id = ?", (row["id"],), died=died, now=now)
        return [row["id"] for row in late]

    def dismiss(self, job_id: str) -> Job:
        """The job, dismissed if it had not ended. Its worker hears of it by its next heartbeat.

        Raises InputError if there is none of that id.
        """
        now = self._now()
        with self._transaction() as table:
            table.execute(
                "UPDATE jobs SET status = ?, finished = ?, updated = ?, lease = NULL, seconds_left = NULL "
                "WHERE id = ? AND status IN (?, ?)",
                (Status.DISMISSED, now, now, job_id, Status.ACCEPTED, Status.RUNNING),
            )
            return _there(table, job_id)

    def delete(self, job_id: str) -> bool:
        """Remove the row of a job that has ended. False if it has not, or is not there."""
        with self._transaction() as table:
            done = table.execute(
                "DELETE FROM jobs WHERE id = ? AND status IN (SELECT value FROM json_each(?))",
                (job_id, json.dumps(ENDED)),
            )
            return done.rowcount == 1

    def counts(self) -> dict[Status, int]:
        """How many jobs there are in each state."""
        rows = self._connection().execute("SELECT status, COUNT(*) AS n FROM jobs GROUP BY status")
        there = {row["status"]: row["n"] for row in rows}
        return {status: there.get(status, 0) for status in Status}

    def close(self) -> None:
        """Close this thread's connection; the next call opens another."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _change(self, job_id: str, worker: str, sets: str, values: Mapping[str, Any]) -> bool:
        """Change the running job of a worker; whether it still is one."""
        with self._transaction() as table:
            own = {"id": job_id, "worker": worker, "running": Status.RUNNING}
            where = "id = :id AND worker = :worker AND status = :running"
            return table.execute(f"UPDATE jobs SET {sets} WHERE {where}", {**values, **own}).rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer can come between: on an error nothing is changed."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # an accepted job survives a power cut
            self._local.connection = connection
        return connection

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _release(table: sqlite3.Connection, where: str, values: tuple[Any, ...], *, died: bool, now: str) -> None:
    """Give a running job back, or give it up if its worker died once too often."""
    changed = [Status.RUNNING, *values]
    if died:
        table.execute(
            f"UPDATE jobs SET status = 'failed', deaths = deaths + 1, finished = ?, updated = ?, lease = NULL, "
            f"seconds_left = NULL, message = ? WHERE status = ? AND {where} AND deaths + 1 >= ?",
            (now, now, _GIVEN_UP, *changed, MOST_DEATHS),
        )
    table.execute(
        "UPDATE jobs SET status = 'accepted', worker = NULL, lease = NULL, seconds_left = NULL, updated = ?, "
        f"deaths = deaths + ? WHERE status = ? AND {where}",
        (now, int(died), *changed),
    )


def _one(table: sqlite3.Connection, job_id: str) -> Job | None:
    row = table.execute(f"SELECT *, {_PLACE} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def _there(table: sqlite3.Connection, job_id: str) -> Job:
    job = _one(table, job_id)
    if job is None:
        raise InputError(f"{job_id[:40]}: no job has this id; GET /jobs lists them")
    return job


def _job(row: sqlite3.Row) -> Job:
    """A row as a Job. `place` is given to jobs that wait alone."""
    values = {key: row[key] for key in row.keys() if key not in ("seq", "lease")}  # noqa: SIM118
    values |= {"status": Status(row["status"]), "inputs": json.loads(row["inputs"])}
    values |= {"result": json.loads(row["result"])}
    values["place"] = row["place"] if values["status"] is Status.ACCEPTED else None
    return Job(**values)
