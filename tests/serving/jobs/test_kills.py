"""Kills of supervisor and server while jobs run; `make soak` has twenty of them, of workers too."""

import os
from pathlib import Path

import pytest

from terrazzo.serving.jobs.job import Status
from tests.worlds.joining import LARGE
from tests.worlds.killing import jobs_that_survived


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_kills_of_supervisor_and_server_lose_no_job(tmp_path: Path) -> None:
    jobs, digests, kills = jobs_that_survived(tmp_path, n_jobs=3, n_kills=2, size=LARGE)
    assert [(job.status, job.message) for job in jobs] == [(Status.SUCCESSFUL, "")] * 3
    assert (len(digests), kills) == (1, 2)
