"""The supervisor: a process that owns the workers of this machine, hands them jobs and kills those that must stop.

Laws: a job is lost by no kill of server, supervisor or worker. One that was cancelled frees its worker at once. Only a
worker that ends by itself counts as a death of its job: not a kill of server or supervisor, nor a cancelled job.

There is one supervisor a data folder, by a lock that its workers inherit. So a new one begins when the last worker of
an earlier one is gone, and takes up their jobs.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, Queue
from types import FrameType
from typing import Any

from pydantic import TypeAdapter

from terrazzo.errors import TerrazzoError
from terrazzo.serving.closed_gdal import closed_gdal
from terrazzo.serving.jobs.assigning import ModelOf, assign
from terrazzo.serving.jobs.child import Child
from terrazzo.serving.jobs.clearing import clear_job, remove
from terrazzo.serving.jobs.job import ENDED, IMPROVE, LOCAL, REMOTE, Job, Status, too_slow
from terrazzo.serving.jobs.locking import locked
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.jobs.training_here import why_no_training_here
from terrazzo.serving.jobs.worker_log import cut_log, log_of
from terrazzo.serving.settings import Settings
from terrazzo.system.reporting import first_line

DRIVERS = ("GTiff", "COG", "MEM", "PNG", "JPEG", "WEBP", "BMP", "JP2OpenJPEG", "GPKG", "GeoJSON", "Memory")
"""All of GDAL that workers read and write with. `Memory` is another name of MEM in newer versions."""
POLL_SECONDS = 0.25
_LEASE_EVERY = 5.0
_ASLEEP = 10.0
"""The least time without a look at the leases that means that this machine slept."""
_SLOWEST_START = 30.0


@dataclass
class Slot:
    """One place for a worker, and the job that it computes."""

    name: str
    child: Child | None = None
    job: Job | None = None
    ready: bool = False
    pieces: int = -1
    since: float = 0.0
    """When the last new piece came."""
    deaths: int = 0
    """Deaths without a job since its last word, which delay the next start."""
    start_at: float = 0.0


@dataclass
class Bench:
    """The workers of one server."""

    settings: Settings
    store: JobStore
    model_of: ModelOf
    lock: int | None = None
    """The file descriptor of the lock, which workers inherit."""
    environment: Mapping[str, str] = field(default_factory=lambda: {**os.environ, **closed_gdal(DRIVERS)})
    stopped: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.time
    """Seconds since 1970, as leases are counted: also while this machine sleeps."""

    def __post_init__(self) -> None:
        self.slots = [Slot(f"{LOCAL}{number}") for number in range(self.settings.workers)]
        self._messages: Queue[tuple[Child, Mapping[str, Any]]] = Queue()
        self._tended_at, self._tended = 0.0, self.clock()
        self._log = log_of(self.settings.data.root)
        self.without = () if why_no_training_here() is None else (IMPROVE,)

    def run(self) -> None:
        """Work until `stopped`, then give the jobs back."""
        self.take_up()
        try:
            while not self.stopped.is_set():
                self.step()
        finally:
            self.stop()

    def take_up(self) -> None:
        """Give back the jobs of an earlier supervisor's workers; workers elsewhere have time to come back."""
        for job in self.store.running():
            if not self._wait_for(job):
                self.store.release(job.id, job.worker or "", died=False)
        for folder in self.settings.data.root.glob("jobs/*"):
            found = self.store.get(folder.name)
            if found is None or found.status in ENDED:
                remove(folder)

    def _wait_for(self, job: Job) -> bool:
        """Give the worker of a job time to come back, if it is on another machine; whether it is."""
        is_elsewhere = (job.worker or "").startswith(REMOTE)
        if is_elsewhere:
            self.store.heartbeat(job.id, job.worker or "", seconds=self.settings.lease_seconds)
        return is_elsewhere

    def step(self, wait: float = POLL_SECONDS) -> None:
        """Hear what the workers say, for `wait` seconds at most, then look at each of them."""
        try:
            self._hear(*self._messages.get(timeout=wait))
            while True:
                self._hear(*self._messages.get_nowait())
        except Empty:
            pass
        for slot in self.slots:
            self._look_at(slot)
        now = time.monotonic()
        if now - self._tended_at > min(_LEASE_EVERY, self.settings.lease_seconds / 4):
            self._tended_at = now
            self.tend_leases()
            cut_log(self._log)

    def tend_leases(self) -> None:
        """Prolong the leases of this machine's jobs, and give back the jobs of machines that are silent.

        A machine that slept heard nobody: as after a start, workers elsewhere then have time to come back.
        """
        now = self.clock()
        slept, self._tended = now - self._tended > max(_ASLEEP, self.settings.lease_seconds), now
        for slot in self.slots:
            if slot.job is not None:
                self.store.heartbeat(slot.job.id, slot.name)
        for job in self.store.running() if slept else ():
            self._wait_for(job)
        for job_id in self.store.release_expired(dying=REMOTE):
            clear_job(self.store, self.settings.data, job_id)

    def stop(self) -> None:
        """Kill the workers and give their jobs back. That is no death of theirs."""
        for slot in self.slots:
            if slot.child is not None:
                slot.child.kill()
            if slot.job is not None:
                self.store.release(slot.job.id, slot.name, died=False)
                slot.job = None

    def _hear(self, child: Child, message: Mapping[str, Any]) -> None:
        slot = next((slot for slot in self.slots if slot.child is child), None)
        if slot is None:
            return
        slot.deaths = 0
        if message.get("ready"):
            slot.ready = True
        elif slot.job is not None and message.get("job") == slot.job.id:
            self._hear_of(slot, slot.job, message)

    def _hear_of(self, slot: Slot, job: Job, message: Mapping[str, Any]) -> None:
        """What a worker says of its job."""
        if "done" in message:
            if not self.store.finish(job.id, slot.name, message["done"]):
                self._drop(job)
            self._end(slot, job)
        elif "failed" in message:
            self.store.fail(job.id, slot.name, message["failed"])
            self._end(slot, job)
        else:
            pieces = message.get("pieces") or 0
            self.store.heartbeat(
                job.id,
                slot.name,
                progress=message.get("progress"),
                pieces=pieces,
                message=message.get("message"),
                seconds_left=message.get("seconds_left"),
            )
            if pieces > slot.pieces:
                slot.pieces, slot.since = pieces, time.monotonic()

    def _end(self, slot: Slot, job: Job) -> None:
        """Forget a job that has ended, with what was left of computing it."""
        slot.job = None
        found = self.store.get(job.id)
        if found is None or found.status in ENDED:
            remove(self.settings.data.job(job.id))

    def _look_at(self, slot: Slot) -> None:
        now = time.monotonic()
        if slot.child is None or not slot.child.alive:
            self._bury(slot)
            if now >= slot.start_at:
                keep_open = () if self.lock is None else (self.lock,)
                slot.child, slot.ready = Child(self.environment, self._log, self._put, keep_open), False
        elif slot.job is not None:
            self._watch(slot, slot.child, slot.job, now)
        elif slot.ready and self.store.counts()[Status.ACCEPTED]:
            self._hand_out(slot, slot.child, now)

    def _bury(self, slot: Slot) -> None:
        """Count the death of a worker against its job, or let its place rest before the next start."""
        if slot.child is None:
            return
        slot.child.kill()  # what it started, which may hold its pipes
        while not self._messages.empty():  # its last words
            self._hear(*self._messages.get_nowait())
        if slot.job is not None:
            self.store.release(slot.job.id, slot.name, died=True)
            found = self.store.get(slot.job.id)
            if found is None or found.status is not Status.ACCEPTED:
                remove(self.settings.data.job(slot.job.id))
        else:
            slot.deaths += 1
            slot.start_at = time.monotonic() + min(_SLOWEST_START, 2.0**slot.deaths - 1)
        slot.child, slot.job = None, None

    def _watch(self, slot: Slot, child: Child, job: Job, now: float) -> None:
        """Stop a job that is no longer this worker's, or takes too long or too much memory."""
        found = self.store.get(job.id)
        if found is None or found.status is not Status.RUNNING or found.worker != slot.name:
            self._kill(slot, child)
            self._drop(job)
        elif now - slot.since > self.settings.job_seconds:
            self._kill(slot, child)
            self.store.fail(job.id, slot.name, too_slow(self.settings.job_seconds))
            remove(self.settings.data.job(job.id))
        elif child.takes_more_than(self.settings.max_memory):
            self._kill(slot, child)
            self.store.release(job.id, slot.name, died=True)

    def _drop(self, job: Job) -> None:
        """Remove what is left of a job that was dismissed or deleted; of one that another worker has, nothing."""
        found = self.store.get(job.id)
        if found is None or found.status is Status.DISMISSED:
            remove(self.settings.data.job(job.id))
            remove(self.settings.data.map(job.id))

    def _kill(self, slot: Slot, child: Child) -> None:
        child.kill()
        slot.child, slot.job, slot.start_at = None, None, 0.0

    def _hand_out(self, slot: Slot, child: Child, now: float) -> None:
        job = self.store.claim(slot.name, without=self.without)
        if job is None:
            return
        try:
            assignment = assign(job, self.settings, self.model_of)
        except TerrazzoError as error:
            self.store.fail(job.id, slot.name, first_line(error))
            return
        slot.job, slot.ready, slot.pieces = job, False, job.pieces
        slot.since = now
        child.give(assignment)

    def _put(self, child: Child, message: Mapping[str, Any]) -> None:
        self._messages.put((child, message))


def main(settings: Settings) -> None:
    """Supervise until the server is gone, or asks by SIGTERM."""
    from terrazzo.serving.models import Catalogue

    with locked(settings.data.root / "supervisor.lock") as lock:
        bench = Bench(
            settings, JobStore(settings.data.jobs_table, settings.max_queue), Catalogue(settings).path_of, lock
        )

        def stop(number: int, frame: FrameType | None) -> None:
            bench.stopped.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_until_the_server_is_gone, args=(bench,), daemon=True).start()
        bench.run()


def _until_the_server_is_gone(bench: Bench) -> None:
    os.read(0, 1)  # nothing is ever written: it returns when the other end closes
    bench.stopped.set()


if __name__ == "__main__":
    main(TypeAdapter(Settings).validate_json(sys.argv[1]))
