"""A server in memory: its site, clients with tokens, and finished jobs whose maps nobody computed."""

from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.http.access.tokens import read_tokens
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import Job
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.store import UploadStore
from tests.worlds.finished import write_finished
from tests.worlds.models import write_model
from tests.worlds.rasters import write_raster

TOKENS = "anna user token-of-anna\nben user token-of-ben\nroot admin token-of-root\ngpu worker token-of-gpu\n"


def make_site(root: Path, tokens: str | None = None, max_queue: int = 1000, **settings: Any) -> Site:
    """A server with one model, `tiny`, which has no worker: its jobs wait until a test ends them."""
    models = root / "models"
    models.mkdir(parents=True, exist_ok=True)
    write_model(models / "tiny.safetensors")
    token_file = None
    if tokens is not None:
        token_file = root / "token.txt"
        token_file.write_text(tokens)
        token_file.chmod(0o600)
    data = DataFolder(root / "data")
    data.root.mkdir(exist_ok=True)
    found = Settings(models, data, token_file=token_file, max_queue=max_queue, **settings)
    jobs = JobStore(data.jobs_table, max_queue)
    return Site(found, data, jobs, UploadStore(data, found), Catalogue(found), read_tokens(token_file))


def client_of(site: Site, token: str | None = None) -> TestClient:
    """A program that calls the site, with a token of its own."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return TestClient(build_app(site), base_url="http://localhost:8000", headers=headers)


def tiff(root: Path) -> bytes:
    """The bytes of a small GeoTIFF of three bands."""
    root.mkdir(parents=True, exist_ok=True)
    return write_raster(root / "scene.tif", np.full((3, 40, 50), 9, np.uint8)).read_bytes()


def upload(client: TestClient, root: Path) -> str:
    """The address of a new upload."""
    sent = client.post("/uploads", content=tiff(root), headers={"Content-Type": "image/tiff"})
    assert sent.status_code == 201, sent.text
    return sent.headers["location"]


def finish(site: Site, job_id: str) -> Job:
    """The job, ended with a map of 3 classes."""
    claimed = site.jobs.claim("test")
    assert claimed is not None
    assert claimed.id == job_id
    write_finished(site.folder, np.full((3, 40, 50), 9, np.uint8), job_id)
    assert site.jobs.finish(job_id, "test", {})
    done = site.jobs.get(job_id)
    assert done is not None
    return done
