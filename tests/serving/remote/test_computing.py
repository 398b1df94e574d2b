"""Processes of `terrazzo work` at a server that listens: the same bytes as by the server's own worker, and no loss."""

import signal
import subprocess
from pathlib import Path

import pytest

from terrazzo.serving.http.app import build_app
from terrazzo.serving.jobs.job import Status
from terrazzo.serving.remote.order import sha256_of
from terrazzo.system.files import file_digest, read_json
from tests.worlds.joining import (
    LARGE,
    PATIENCE,
    anna_at,
    ended,
    holder,
    machine,
    running,
    site_with_tokens,
    submitted,
    until,
)
from tests.worlds.served import listening

LEASE = 8.0


def pieces(folder: Path) -> list[Path]:
    """The finished pieces of the job that a machine computes."""
    return list((folder / "data" / "jobs").glob("*/maps/image/.partial/piece-*.npz"))


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def said_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines on standard error up to the first that holds the words."""
    assert process.stderr is not None
    said: list[str] = []
    while not said or words not in said[-1]:
        said.append(process.stderr.readline())
        assert said[-1], said
    return said


def test_another_machine_makes_the_bytes_of_the_servers_own_and_killed_loses_nothing(tmp_path: Path) -> None:
    """One machine is killed while it computes; its lease runs out, and another machine finishes the job."""
    with running(tmp_path / "local", workers=1) as (_, site, anna):
        one = ended(site, submitted(anna, LARGE))
        assert one.status is Status.SUCCESSFUL, one.message
        expected = file_digest(site.folder.map(one.id) / "classes.tif")
    with running(tmp_path / "remote", lease_seconds=LEASE) as (address, site, anna):
        with machine(address, tmp_path / "first", "gpu") as first:
            killed = submitted(anna, LARGE)
            until(lambda: pieces(tmp_path / "first"))
            assert holder(site, killed).startswith("remote:gpu:")
            first.send_signal(signal.SIGKILL)
        with machine(address, tmp_path / "second", "box"):
            job = ended(site, killed)
        assert (job.status, job.message) == (Status.SUCCESSFUL, "")
        assert str(job.worker).startswith("remote:box:")
        folder = site.folder.map(killed)
        assert file_digest(folder / "classes.tif") == expected
        assert (folder / "map.json").is_file()
        assert str(tmp_path) not in (folder / "run.json").read_text()
        assert not site.folder.job(killed).exists()
        suggesting = anna.get(f"/maps/{killed}/suggestions").json()["jobID"]
        with machine(address, tmp_path / "second", "box"):
            assert ended(site, suggesting).status is Status.SUCCESSFUL
            model = f"{sha256_of(site.settings.models / 'tiny.safetensors')}.safetensors"
            until(lambda: files_in(tmp_path / "second" / "data") == {"worker.lock", "worker.log", model})
        boxes = read_json(site.folder.suggestions(killed))["features"]
        assert {each["properties"]["kind"] for each in boxes} == {"box", "polygon"}


def test_ctrl_c_gives_the_job_back_without_a_death(tmp_path: Path) -> None:
    with running(tmp_path / "server") as (address, site, anna), machine(address, tmp_path / "gpu") as process:
        job_id = submitted(anna, LARGE)
        until(lambda: holder(site, job_id))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert out == f"stopped; the same command computes for {address} again\n"
        job = site.jobs.get(job_id)
        assert job is not None
        assert (job.status, job.deaths, job.worker) == (Status.ACCEPTED, 0, None)


def test_a_worker_waits_for_a_server_that_is_gone_and_goes_on(tmp_path: Path) -> None:
    site = site_with_tokens(tmp_path / "server")
    with listening(build_app(site)) as address, anna_at(address) as anna:
        job_id = submitted(anna, LARGE)
        worker = machine(address, tmp_path / "gpu")
        process = worker.__enter__()
        until(lambda: holder(site, job_id))
    try:
        before = holder(site, job_id)
        said = said_until(process, ": is not reached (")
        with listening(build_app(site), int(address.rpartition(":")[2])):
            assert ended(site, job_id).status is Status.SUCCESSFUL
            assert holder(site, job_id) == before
            process.send_signal(signal.SIGTERM)  # while the server is there, of which it asks its next job
            _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err.count(": is not reached (")) == (0, 0), "it says so once"
        assert f"job {job_id}: field.tif by tiny\n" in said
    finally:
        worker.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("name", "words"), [("nobody", "the token is not one of this server's"), ("anna", "workers alone")]
)
def test_a_token_that_the_server_refuses_ends_the_command(tmp_path: Path, name: str, words: str) -> None:
    app = build_app(site_with_tokens(tmp_path / "server"))
    with listening(app) as address, machine(address, tmp_path / "gpu", name) as process:
        _, err = process.communicate(timeout=PATIENCE)
    last = err.splitlines()[-1]
    assert process.returncode == 2
    assert last.startswith(f"terrazzo: error: --server {address}: refuses the token of --token-file: ")
    assert words in last
