"""Workers on other machines: a server with tokens, what such a worker would send, and processes of `terrazzo work`."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import numpy as np
from starlette.testclient import TestClient

from terrazzo.serving.folder import ABOUT
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import ENDED, Job
from terrazzo.serving.jobs.supervisor import Supervisor
from terrazzo.serving.jobs.tasks.mapping import map_image
from terrazzo.serving.jobs.tasks.reporting import Report
from terrazzo.system.files import read_json, write_json
from tests.worlds.jobs import placed_upload
from tests.worlds.rasters import noise, write_raster
from tests.worlds.served import listening
from tests.worlds.site import client_of, make_site

TOKENS = (
    "anna user token-of-anna\nroot admin token-of-root\ngpu worker token-of-gpu\nbox worker token-of-box\n"
    "nas worker token-of-nas\n"
)
PATIENCE = 600.0
THREADS = {"OMP_NUM_THREADS": "1"}
"""Variables of the machines. The bits of a trained model depend on the number of threads; those of maps do not."""
SMALL, LARGE = (40, 50), (1500, 1300)
"""Sizes of scenes, (height, width): of one piece, and of several."""


def site_with_tokens(root: Path, **settings: Any) -> Site:
    """A server with one model, `tiny`, for anna who uploads and root, and for the workers gpu, box and nas."""
    return make_site(root, TOKENS, **{"workers": 0, **settings})


def program(site: Site, name: str) -> TestClient:
    """A program with the token of this name."""
    return client_of(site, f"token-of-{name}")


@cache
def scene(size: tuple[int, int] = SMALL) -> bytes:
    """A GeoTIFF of noise in blocks of 10 x 10 pixels."""
    folder = Path(mkdtemp())
    blocks = noise(3, size[0] // 10, size[1] // 10).repeat(10, axis=1).repeat(10, axis=2)
    try:
        return write_raster(folder / "scene.tif", blocks).read_bytes()
    finally:
        shutil.rmtree(folder)


def submitted(anna: TestClient | httpx.Client, size: tuple[int, int] = SMALL) -> str:
    """The id of a new job of anna's: her upload by the model."""
    sent = anna.post("/uploads", content=scene(size), headers={"Content-Type": "image/tiff", "X-Filename": "field.tif"})
    assert sent.status_code == 201, sent.text
    asked = anna.post("/processes/tiny/execution", json={"image": sent.headers["location"]})
    assert asked.status_code == 201, asked.text
    return str(asked.json()["jobID"])


def placed(site: Site) -> str:
    """The id of a new job of anna's, whose upload was put into its folder without a probe."""
    return site.jobs.submit("tiny", {"image": placed_upload(site.settings, scene(), "anna")}, "anna").id


def result_of(site: Site, order: dict[str, Any], folder: Path) -> Path:
    """The files that a worker would send for an order of the small scene."""
    shutil.copytree(_computed(folder.parent), folder)
    about = read_json(folder / ABOUT) | {
        **{"job": order["jobID"], "upload": order["upload"], "name": order["name"]},
        **{"model": order["model_id"], "options": order["options"]},
    }
    write_json(folder / ABOUT, about)
    return folder


def _computed(root: Path) -> Path:
    """The map of the small scene, computed once a folder."""
    target = root / "computed"
    if not target.is_dir():
        site = make_site(root / "made")
        (root / "made" / "body.tif").write_bytes(scene())
        given = Assignment(
            job="0" * 32,
            process="tiny",
            folder=root / "made" / "job",
            target=target,
            image=root / "made" / "body.tif",
            name="field.tif",
            upload="1" * 32,
            model=site.settings.models / "tiny.safetensors",
            model_id="tiny",
        )
        map_image(given, Report(lambda message: None, given.job))
    return target


def send(worker: TestClient, job_id: str, folder: Path) -> None:
    """Send every file of a result."""
    for path in sorted(folder.iterdir()):
        sent = worker.put(f"/work/{job_id}/files/{path.name}", content=path.read_bytes())
        assert sent.status_code == 200, sent.text


@contextmanager
def running(root: Path, **settings: Any) -> Iterator[tuple[str, Site, httpx.Client]]:
    """The address of a server that listens, with its supervisor; its site; and anna as its client."""
    site = site_with_tokens(root, **settings)
    supervisor = Supervisor(site.settings)
    supervisor.start()
    try:
        with listening(build_app(site)) as address, anna_at(address) as anna:
            yield address, site, anna
    finally:
        supervisor.stop()


def anna_at(address: str) -> httpx.Client:
    """Anna's client of a server that listens."""
    return httpx.Client(base_url=address, headers={"Authorization": "Bearer token-of-anna"}, timeout=60)


@contextmanager
def machine(address: str, root: Path, name: str = "gpu") -> Iterator[subprocess.Popen[str]]:
    """A process of `terrazzo work` with a folder of its own, killed at the end if it still runs."""
    root.mkdir(parents=True, exist_ok=True)
    token = root / "token.txt"
    token.touch(0o600)
    token.write_text(f"token-of-{name}\n")
    words = ["work", "--server", address, "--token-file", str(token), "--data", str(root / "data")]
    process = subprocess.Popen(
        [sys.executable, "-m", "terrazzo.cli", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **THREADS},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(what: Callable[[], Any]) -> Any:
    """What a function returns, once that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return found


def ended(site: Site, job_id: str) -> Job:
    """The job, once it has ended."""

    def look() -> Job | None:
        job = site.jobs.get(job_id)
        return job if job is not None and job.status in ENDED else None

    job: Job = until(look)
    return job


def holder(site: Site, job_id: str) -> str:
    """Who has the job leased; empty if nobody has."""
    job = site.jobs.get(job_id)
    return (job.worker or "") if job is not None else ""


def raster(path: Path, bands: int, size: tuple[int, int]) -> bytes:
    """A GeoTIFF of zeros."""
    return write_raster(path, np.zeros((bands, *size), np.uint8)).read_bytes()
