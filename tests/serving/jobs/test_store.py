"""The table of jobs: the queue, leases, deaths, and that each change is whole."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.folder import is_id, new_id
from terrazzo.serving.jobs.job import Job, Status
from terrazzo.serving.jobs.store import JobStore, QueueFullError


class Clock:
    """Seconds that pass when a test says so, from 2026-01-31 12:00 UTC."""

    def __init__(self) -> None:
        self.now = 1769860800.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> JobStore:
    return JobStore(tmp_path / "data" / "jobs.sqlite", max_queue=3, clock=clock)


def submit(store: JobStore, owner: str = "ada") -> Job:
    return store.submit("dubai", {"image": new_id(), "tta": "flips"}, owner)


def there(store: JobStore, job: Job) -> Job:
    found = store.get(job.id)
    assert found is not None
    return found


def claim(store: JobStore, worker: str = "w") -> Job:
    job = store.claim(worker)
    assert job is not None
    return job


def test_a_submitted_job_is_accepted_and_as_asked(store: JobStore) -> None:
    job = store.submit("dubai", {"image": "ab", "tta": "flips"}, "ada")
    assert is_id(job.id)
    expected = Job(
        job.id,
        "dubai",
        "ada",
        Status.ACCEPTED,
        {"image": "ab", "tta": "flips"},
        created="2026-01-31T12:00:00Z",
        updated="2026-01-31T12:00:00Z",
        place=0,
    )
    assert job == expected == store.get(job.id)


def test_a_job_submitted_again_under_its_id_is_the_one_that_is_there(store: JobStore) -> None:
    name = new_id()
    first = store.submit("suggest", {"map": "a"}, "ada", name)
    assert store.submit("suggest", {"map": "b"}, "bob", name) == first
    assert len(store.jobs()) == 1


def test_an_unknown_id_is_no_job(store: JobStore) -> None:
    assert store.get(new_id()) is None
    with pytest.raises(InputError, match="no job has this id"):
        store.dismiss(new_id())


def test_jobs_are_those_of_an_owner_newest_first(store: JobStore) -> None:
    one, two, three = submit(store), submit(store, "bob"), submit(store)
    assert [job.id for job in store.jobs()] == [three.id, two.id, one.id]
    assert [job.id for job in store.jobs("ada")] == [three.id, one.id]
    assert store.jobs("eve") == []


def test_the_oldest_is_claimed_first_and_the_others_move_up(store: JobStore) -> None:
    one, two, three = submit(store), submit(store), submit(store)
    assert [there(store, job).place for job in (one, two, three)] == [0, 1, 2]
    first = claim(store)
    assert (first.id, first.status, first.worker, first.place) == (one.id, Status.RUNNING, "w", None)
    assert first.started == "2026-01-31T12:00:00Z"
    assert [there(store, job).place for job in (one, two, three)] == [None, 0, 1]
    assert [claim(store).id, claim(store).id] == [two.id, three.id]
    assert store.claim("w") is None


def test_a_claim_passes_over_processes(store: JobStore) -> None:
    store.submit("improve", {"map": "a"}, "ada")
    job = submit(store)
    found = store.claim("w", without=("improve", "suggest"))
    assert found is not None
    assert found.id == job.id
    assert store.claim("w", without=("improve", "suggest")) is None


def test_a_full_queue_refuses_until_a_job_has_begun(store: JobStore) -> None:
    for _ in range(3):
        submit(store)
    with pytest.raises(QueueFullError, match="the queue is full: 3 jobs wait already; try again later"):
        submit(store)
    claim(store)
    submit(store)


def test_a_heartbeat_records_and_prolongs(store: JobStore, clock: Clock) -> None:
    job = submit(store)
    claim(store)
    clock.now += 29
    assert store.heartbeat(job.id, "w", progress=40, pieces=2, message="predicting", seconds_left=12.5)
    clock.now += 29
    assert store.release_expired() == []
    found = there(store, job)
    assert (found.progress, found.pieces, found.message, found.seconds_left) == (40, 2, "predicting", 12.5)
    assert found.updated == "2026-01-31T12:00:29Z"
    assert store.heartbeat(job.id, "w")
    assert there(store, job).progress == 40


def test_pieces_only_grow_and_progress_is_a_per_cent(store: JobStore) -> None:
    job = submit(store)
    claim(store)
    store.heartbeat(job.id, "w", pieces=5, progress=140)
    store.heartbeat(job.id, "w", pieces=3)
    found = there(store, job)
    assert (found.pieces, found.progress) == (5, 100)


@pytest.mark.parametrize(
    "end",
    [
        lambda store, job: store.dismiss(job.id),
        lambda store, job: store.release(job.id, "w", died=False),
        lambda store, job: store.fail(job.id, "w", "no"),
    ],
)
def test_a_job_that_is_no_longer_the_workers_takes_nothing_from_it(
    store: JobStore, end: Callable[[JobStore, Job], object]
) -> None:
    job = submit(store)
    claim(store)
    end(store, job)
    before = there(store, job)
    assert not store.heartbeat(job.id, "w", progress=99)
    assert not store.finish(job.id, "w", {})
    assert not store.fail(job.id, "w", "too late")
    assert there(store, job) == before


def test_another_worker_takes_nothing_from_a_job(store: JobStore) -> None:
    job = submit(store)
    claim(store)
    before = there(store, job)
    assert not store.heartbeat(job.id, "other")
    assert not store.finish(job.id, "other", {})
    store.release(job.id, "other", died=True)
    assert there(store, job) == before


def test_a_finished_job_is_successful_with_its_result(store: JobStore, clock: Clock) -> None:
    job = submit(store)
    claim(store)
    store.heartbeat(job.id, "w", progress=99, message="writing", seconds_left=1)
    clock.now += 60
    assert store.finish(job.id, "w", {"model": "dubai-v2"})
    found = there(store, job)
    assert (found.status, found.progress, found.message, found.seconds_left) == (Status.SUCCESSFUL, 100, "", None)
    assert (found.finished, found.result) == ("2026-01-31T12:01:00Z", {"model": "dubai-v2"})
    assert store.dismiss(job.id) == found


def test_a_failed_job_says_why(store: JobStore) -> None:
    job = submit(store)
    claim(store)
    assert store.fail(job.id, "w", "no pixel is valid")
    assert (there(store, job).status, there(store, job).message) == (Status.FAILED, "no pixel is valid")


def test_an_expired_lease_gives_the_job_back_to_its_old_place(store: JobStore, clock: Clock) -> None:
    one, two = submit(store), submit(store)
    claim(store)
    clock.now += 31
    assert store.release_expired() == [one.id]
    found = there(store, one)
    assert (found.status, found.worker, found.deaths, found.place) == (Status.ACCEPTED, None, 0, 0)
    assert claim(store, "v").id == one.id
    assert there(store, two).place == 0


def test_an_expired_lease_of_a_remote_worker_is_a_death(store: JobStore, clock: Clock) -> None:
    one, two = submit(store), submit(store)
    claim(store, "remote:a")
    claim(store, "local:b")
    clock.now += 31
    assert store.release_expired(dying="remote:") == [one.id, two.id]
    assert [there(store, job).deaths for job in (one, two)] == [1, 0]


def test_the_third_death_without_a_new_piece_is_a_failure(store: JobStore) -> None:
    job = submit(store)
    for deaths in (1, 2):
        claim(store)
        store.release(job.id, "w", died=True)
        assert (there(store, job).status, there(store, job).deaths) == (Status.ACCEPTED, deaths)
    claim(store)
    store.release(job.id, "w", died=True)
    found = there(store, job)
    assert (found.status, found.deaths) == (Status.FAILED, 3)
    assert found.message.startswith("its worker died 3 times without finishing a new piece")


def test_a_new_piece_between_deaths_starts_the_count_anew(store: JobStore) -> None:
    job = submit(store)
    for pieces in range(1, 6):
        claim(store)
        store.heartbeat(job.id, "w", pieces=pieces)
        assert there(store, job).deaths == 0
        store.release(job.id, "w", died=True)
        assert there(store, job).deaths == 1


def test_the_same_pieces_again_are_no_new_ones(store: JobStore) -> None:
    job = submit(store)
    for _ in range(3):
        claim(store)
        store.heartbeat(job.id, "w", pieces=0)
        store.release(job.id, "w", died=True)
    assert there(store, job).status is Status.FAILED


def test_released_without_a_death_it_goes_on_for_ever(store: JobStore) -> None:
    job = submit(store)
    for _ in range(5):
        claim(store)
        store.release(job.id, "w", died=False)
    assert (there(store, job).status, there(store, job).deaths) == (Status.ACCEPTED, 0)


def test_a_waiting_job_is_dismissed_and_never_claimed(store: JobStore) -> None:
    job = submit(store)
    assert store.dismiss(job.id).status is Status.DISMISSED
    assert store.claim("w") is None


def test_only_a_job_that_has_ended_is_deleted(store: JobStore) -> None:
    job = submit(store)
    assert not store.delete(job.id)
    store.dismiss(job.id)
    assert store.delete(job.id)
    assert store.get(job.id) is None
    assert not store.delete(job.id)


def test_counts_name_every_state(store: JobStore) -> None:
    submit(store), submit(store)
    claim(store)
    assert store.counts() == {
        Status.ACCEPTED: 1,
        Status.RUNNING: 1,
        Status.SUCCESSFUL: 0,
        Status.FAILED: 0,
        Status.DISMISSED: 0,
    }


def test_no_two_workers_claim_one_job(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    submitted = {submit(store).id for _ in range(40)}
    claimed: list[str] = []

    def work(name: str) -> None:
        while job := store.claim(name):
            claimed.append(job.id)
            assert store.finish(job.id, name, {})

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 40
    assert set(claimed) == submitted


_SUBMITS = """
import sys
from pathlib import Path
from terrazzo.serving.jobs.store import JobStore
store = JobStore(Path(sys.argv[1]))
while True:
    print(store.submit("dubai", {}, "").id, flush=True)
"""


def test_a_killed_process_loses_no_job_that_it_accepted(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with subprocess.Popen([sys.executable, "-c", _SUBMITS, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().split()
    there = {job.id for job in JobStore(path).jobs()}
    assert set(said) <= there
