"""A real `terrazzo serve` with a real `terrazzo work`, of which any process can be killed at any moment."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.jobs.job import ENDED, Job, Status
from terrazzo.serving.jobs.store import JobStore
from terrazzo.system.files import file_digest
from tests.worlds.joining import PATIENCE, anna_at, scene, until
from tests.worlds.models import write_model

SERVER, SUPERVISOR, WORKER, MACHINE = "server", "supervisor", "worker", "machine"
VICTIMS = (SUPERVISOR, SERVER, WORKER, MACHINE)
_MODULES = {SUPERVISOR: "terrazzo.serving.jobs.supervising", WORKER: "terrazzo.serving.jobs.worker"}


@dataclass
class Site:
    """The processes, started anew when they are gone."""

    root: Path
    port: int = 0
    options: Sequence[str] = ()
    has_machine: bool = True
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "models").mkdir(parents=True)
        write_model(self.root / "models" / "tiny.safetensors")
        self.token.touch(0o600)
        self.token.write_text("anna user token-of-anna\ngpu worker token-of-gpu\n")
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]

    @property
    def token(self) -> Path:
        """The token file of both commands."""
        return self.root / "token.txt"

    @property
    def address(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> DataFolder:
        """The server's data folder."""
        return DataFolder(self.root / "data")

    def keep_running(self) -> None:
        """Start what does not run."""
        serve = ["serve", str(self.root / "models"), "--data", str(self.data.root), "--port", str(self.port)]
        work = ["work", "--server", self.address, "--data", str(self.root / "machine")]
        commands = {SERVER: [*serve, "--no-browser", *self.options], MACHINE: work}
        for name, words in commands.items():
            process = self.processes.get(name)
            if (process is None or process.poll() is not None) and (name == SERVER or self.has_machine):
                with (self.root / f"{name}.log").open("ab") as log:
                    self.processes[name] = subprocess.Popen(
                        [sys.executable, "-m", "terrazzo.cli", *words, "--token-file", str(self.token)],
                        stdout=log,
                        stderr=log,
                        env={**os.environ, "OMP_NUM_THREADS": "1"},
                    )

    def kill(self, victim: str) -> bool:
        """SIGKILL a process; whether it was there."""
        process = self.processes[SERVER if victim in _MODULES else victim]
        if victim not in _MODULES:
            process.kill()
            process.wait()
            return True
        with suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                if _MODULES[victim] in child.cmdline():
                    child.send_signal(signal.SIGKILL)
                    return True
        return False

    def answers(self) -> bool:
        """Whether the server answers."""
        try:
            return httpx.get(f"{self.address}/health", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def site(root: Path, options: Sequence[str] = (), has_machine: bool = True) -> Iterator[Site]:
    """The processes, once the server answers; ended at the end."""
    found = Site(root, options=options, has_machine=has_machine)
    try:
        found.keep_running()
        until(found.answers)
        yield found
    finally:
        for process in found.processes.values():
            process.terminate()
        for process in found.processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


Survived = tuple[list[Job], set[str], int]
"""Jobs that have ended, the digests of their maps, and how many processes were killed."""


def jobs_that_survived(root: Path, n_jobs: int, n_kills: int, size: tuple[int, int], seed: int = 0) -> Survived:
    """Kill in turn supervisor, server, worker and machine while jobs run."""
    chance = random.Random(seed)
    with site(root) as found:
        with anna_at(found.address) as anna:
            ids = _submitted(anna, size, n_jobs)
        store = JobStore(found.data.jobs_table)
        kills = 0
        end = time.monotonic() + PATIENCE + 60 * n_jobs
        while (jobs := [_job(store, name) for name in ids]) and any(job.status not in ENDED for job in jobs):
            assert time.monotonic() < end, [job.status for job in jobs]
            found.keep_running()
            time.sleep(chance.uniform(0.1, 1.5))
            held = [job for job in store.running() if job.pieces > 0 or job.deaths == 0]
            if kills < n_kills and held:
                victim = VICTIMS[kills % len(VICTIMS)]
                is_death = victim in (WORKER, MACHINE)
                if is_death and max(job.deaths for job in store.running()) > 1:
                    victim = SERVER  # a third death without a piece would rightly end the job
                kills += found.kill(victim)
        folders = [found.data.map(job.id) for job in jobs if job.status is Status.SUCCESSFUL]
        return jobs, {file_digest(folder / "classes.tif") for folder in folders}, kills


def _job(store: JobStore, name: str) -> Job:
    job = store.get(name)
    assert job is not None, f"{name} is lost"
    return job


def _submitted(anna: httpx.Client, size: tuple[int, int], n_jobs: int) -> list[str]:
    """The ids of jobs that map one upload."""
    sent = anna.post("/uploads", content=scene(size), headers={"Content-Type": "image/tiff"})
    asked = [anna.post("/processes/tiny/execution", json={"image": sent.headers["location"]}) for _ in range(n_jobs)]
    return [str(answer.json()["jobID"]) for answer in asked]
