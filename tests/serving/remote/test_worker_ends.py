"""A worker whose child process dies, or whose files are too large: what it says to the server."""

import errno
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.folder import DataFolder
from terrazzo.serving.remote import computing
from terrazzo.serving.remote.computing import Worker
from terrazzo.serving.remote.connection import LostError, RefusedError, Server
from terrazzo.serving.remote.fetching import forget
from terrazzo.serving.remote.order import Content, Order

CONTENT = Content(1, "0" * 64, ".tif")
JOB = "1" * 32
ORDER = Order(JOB, "tiny", "2" * 32, "field.tif", CONTENT, "tiny", CONTENT, 30.0, 60.0, files={"classes.tif": 3})


class Recorder:
    """A server that notes what it is told, and raises at some of it."""

    def __init__(self, **errors: Exception) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.errors = errors

    def call(self, path: str, given: Mapping[str, Any], seconds: float = 30.0) -> None:
        what = path.rpartition("/")[2]
        if what != "heartbeat":
            self.told.append((what, given))
        if what in self.errors:
            raise self.errors[what]

    def patiently(self, what: Callable[[], Any], check: Callable[[], None] = lambda: None) -> Any:
        check()
        return what()

    def download(self, path: str, target: Path, content: Content, check: Callable[[], None]) -> None:
        target.write_bytes(b"x")

    def send(self, path: str, source: Path, check: Callable[[], None]) -> None:
        self.told.append((path.rpartition("/")[2], {"bytes": source.read_bytes()}))


def worker_of(server: Recorder, root: Path, **environment: str) -> Worker:
    return Worker(cast(Server, server), DataFolder(root), environment={**os.environ, **environment})


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(computing.time, "sleep", waited.append)
    return waited


def test_a_child_that_dies_gives_the_job_back_as_a_death_with_growing_rests(tmp_path: Path, rests: list[float]) -> None:
    server = Recorder()
    worker = worker_of(server, tmp_path, PYTHONHOME="/nowhere")  # Python does not start there
    worker.compute(ORDER)
    worker.compute(ORDER)
    assert server.told == [("release", {"died": True})] * 2
    assert rests == [1, 3]


def test_a_child_that_takes_too_much_memory_gives_the_job_back_as_a_death(tmp_path: Path, rests: list[float]) -> None:
    server = Recorder()
    worker = worker_of(server, tmp_path)
    worker.max_memory = 1
    worker.compute(ORDER)
    assert (server.told, rests) == ([("release", {"died": True})], [1])


class Full(Recorder):
    """A server whose files do not fit on the worker's disk."""

    def download(self, path: str, target: Path, content: Content, check: Callable[[], None]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_the_worker_and_fails_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full()
    worker = worker_of(full, tmp_path)
    with pytest.raises(InputError, match="the disk is full; make room, or choose another folder"):
        worker.compute(ORDER)
    server = Recorder()
    worker = worker_of(server, tmp_path)
    said = {"job": JOB, "failed": "the map: cannot be written", "no_room": True}
    monkeypatch.setattr(worker, "_lent_child", lambda: nullcontext(SimpleNamespace(give=lambda assignment: None)))
    monkeypatch.setattr(worker, "_next", lambda child: said)
    with pytest.raises(InputError, match="the disk is full"):
        worker.compute(ORDER)
    assert full.told == server.told == []


def finished(worker: Worker, monkeypatch: pytest.MonkeyPatch, said: Mapping[str, Any], content: bytes = b"abc") -> None:
    """Let the worker compute a job whose child says this, and leaves classes.tif and another file."""

    def computed(*given: object) -> Mapping[str, Any]:
        folder = worker.data.map(JOB)
        folder.mkdir(parents=True)
        (folder / "classes.tif").write_bytes(content)
        (folder / "secret.txt").write_bytes(b"x")
        return said

    monkeypatch.setattr(worker, "_computed", computed)
    worker.compute(ORDER)


def test_only_files_that_are_asked_for_are_sent_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Recorder()
    worker = worker_of(server, tmp_path)
    finished(worker, monkeypatch, {"done": {}})
    assert server.told == [("classes.tif", {"bytes": b"abc"}), ("finish", {})]
    assert not worker.data.map(JOB).exists()


def test_a_file_that_is_too_large_fails_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Recorder()
    finished(worker_of(server, tmp_path), monkeypatch, {"done": {}}, b"abcd")
    reason = "classes.tif: is larger than the 3 bytes that the server takes"
    assert server.told == [("fail", {"reason": reason})]


def test_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Recorder()
    finished(worker_of(server, tmp_path), monkeypatch, {"failed": "field.tif: cannot be read"})
    assert server.told == [("fail", {"reason": "field.tif: cannot be read"})]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LostError("gone"), []),
        (RefusedError("--server x", 422, "map.json: job"), [("fail", {"reason": "map.json: job"})]),
        (RefusedError("--server x", 500, "the server failed"), [("release", {"died": True})]),
    ],
)
def test_what_a_refused_end_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rests: list[float], error: Exception, told: list[object]
) -> None:
    server = Recorder(finish=error)
    finished(worker_of(server, tmp_path), monkeypatch, {"done": {}})
    assert server.told[2:] == told


def test_a_refused_token_ends_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError):
        finished(worker_of(Recorder(finish=RefusedError("x", 401, "y")), tmp_path), monkeypatch, {"done": {}})


def test_what_belongs_to_other_jobs_goes_and_models_stay(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    other = "3" * 32
    for folder in (
        data.job(JOB),
        data.job(other),
        data.upload(ORDER.upload),
        data.map(other),
        tmp_path / "jobs" / "notes",
    ):
        folder.mkdir(parents=True)
    data.models.mkdir()
    (data.models / "x.onnx").touch()
    data.suggestions(other).parent.mkdir()
    data.suggestions(other).touch()
    forget(data, ORDER)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")}
    assert left == {f"jobs/{JOB}", f"uploads/{ORDER.upload}", "jobs/notes", "models/x.onnx"}
    forget(data)
    assert {path.parent.name for path in tmp_path.glob("*/*")} == {"jobs", "models"}
