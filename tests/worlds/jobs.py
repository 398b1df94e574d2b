"""A data folder with an upload, a tiny model, and the bench of workers that map it."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from terrazzo.serving.folder import DataFolder, new_id
from terrazzo.serving.jobs.job import ENDED, Job
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.jobs.supervising import Bench
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.store import FACTS, KEPT
from terrazzo.serving.uploads.upload import Upload
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster

MODEL = "tiny"
PATIENCE = 600.0
"""Seconds after which a test gives up waiting."""


def settings_in(folder: Path, **more: object) -> Settings:
    """A server's settings with one model of two levels, whose class is the greatest band."""
    model = folder / f"{MODEL}.safetensors"
    if not model.exists():
        write_model(model)
    return Settings(model, DataFolder(folder / "data"), **more)  # type: ignore[arg-type]


def upload(settings: Settings, suffix: str = ".tif", height: int = 90, width: int = 130) -> str:
    """The id of a finished upload: noise, as a GeoTIFF or a photo."""
    pixels = noise(3, height, width)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"body{suffix}"
        if suffix == ".tif":
            write_raster(path, pixels)
        else:
            Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(path)
        return placed_upload(settings, path.read_bytes(), "", suffix)


def placed_upload(settings: Settings, content: bytes, owner: str, suffix: str = ".tif") -> str:
    """The id of a finished upload that no probe has looked at."""
    name = new_id()
    path = settings.data.upload(name) / f"body{suffix}"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    media_type = {".tif": "image/tiff", ".png": "image/png"}[suffix]
    size = len(content)
    facts = Upload(name, owner, media_type, path, size, size, complete=True, name=f"field{suffix}")
    (path.parent / FACTS).write_text(json.dumps({key: getattr(facts, key) for key in KEPT}))
    return name


def bench_of(settings: Settings, store: JobStore) -> Bench:
    """The workers, which begin to work with `step`."""
    return Bench(settings, store, lambda name: settings.models if name == MODEL else None)


def until(bench: Bench, what: Callable[[], bool]) -> None:
    """Let the bench work until something holds."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "waited too long"
        bench.step(0.05)


def ended(bench: Bench, job: Job) -> Job:
    """The job, once it has ended."""
    until(bench, lambda: found(bench.store, job).status in ENDED)
    return found(bench.store, job)


def kill_its_worker(bench: Bench) -> None:
    """Kill the only worker, as the system does."""
    child = bench.slots[0].child
    assert child is not None
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()


def found(store: JobStore, job: Job) -> Job:
    """The job as it is now."""
    now = store.get(job.id)
    assert now is not None
    return now
