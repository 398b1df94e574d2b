"""A server with its page and a worker that needs no process of its own, and a browser that looks at it."""

import json
import shutil
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.http.access.tokens import read_tokens
from terrazzo.serving.http.app import build_app
from terrazzo.serving.http.site import Site
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, Job
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.store import UploadStore
from tests.worlds.finished import write_finished
from tests.worlds.models import write_model
from tests.worlds.rasters import write_raster
from tests.worlds.served import listening

HEIGHT, WIDTH, NODATA_COLS = 210, 300, 20
CRS, TRANSFORM = "EPSG:32640", Affine(0.5, 0, 325_000, 0, -0.5, 2_785_000)
LOW, HIGH = 10, 250


def three_classes() -> NDArray[np.uint8]:
    """An image (3, 210, 300): Red left of column 100, Green above and Blue below row 70; nodata from column 280 on."""
    image = np.full((3, HEIGHT, WIDTH), LOW, np.uint8)
    image[0, :, :100] = HIGH
    image[1, :70, 100:] = HIGH
    image[2, 70:, 100:] = HIGH
    image[:, :, WIDTH - NODATA_COLS :] = 0
    return image


def write_scene(path: Path) -> Path:
    """`three_classes` as a GeoTIFF in metres."""
    return write_raster(path, three_classes(), crs=CRS, transform=TRANSFORM, nodata=0)


def write_photo(path: Path) -> Path:
    """`three_classes` as a photo. A JPEG keeps its colours apart: a block of 8 columns ends where nodata begins."""
    Image.fromarray(three_classes().transpose(1, 2, 0)).save(path, quality=95, subsampling=0)
    return path


@contextmanager
def served(
    root: Path, tokens: str | None = None, basemap: str | None = None, root_path: str = ""
) -> Iterator[tuple[str, Site]]:
    """The address of a server with one model, `tiny`, whose class is the greatest band; and its site.

    An image with `slow` in its name is computed for ever. Improvements and suggestions are made up.
    """
    models = root / "models"
    models.mkdir(parents=True)
    write_model(models / "tiny.safetensors")
    if tokens is not None:
        (root / "tokens.txt").write_text(tokens)
        (root / "tokens.txt").chmod(0o600)
    token_file = root / "tokens.txt" if tokens is not None else None
    data = DataFolder(root / "data")
    data.root.mkdir(mode=0o700)
    settings = Settings(models, data, token_file=token_file, basemap=basemap, root_path=root_path)
    jobs, uploads = JobStore(data.jobs_table), UploadStore(data, settings)
    site = Site(settings, data, jobs, uploads, Catalogue(settings), read_tokens(token_file))
    stop = threading.Event()
    worker = threading.Thread(target=_work, args=(site, stop))
    with listening(build_app(site)) as address:
        worker.start()
        try:
            yield f"{address}/", site
        finally:
            stop.set()
            worker.join()


def _work(site: Site, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        job = site.jobs.claim("test")
        if job is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                _compute(site, job, stop)


def _compute(site: Site, job: Job, stop: threading.Event) -> None:
    site.jobs.heartbeat(job.id, "test", progress=30, seconds_left=75.0)
    if job.process == SUGGEST:
        _suggest(site, job.inputs["map"])
        site.jobs.finish(job.id, "test", {})
        return
    if job.process == IMPROVE:
        result = _improve(site, job)
        site.jobs.finish(job.id, "test", result)
        return
    upload = site.uploads.get(job.inputs["image"])
    if upload is None:
        site.jobs.fail(job.id, "test", "the upload is gone; upload it again")
        return
    if "slow" in (upload.name or ""):
        while site.jobs.heartbeat(job.id, "test", progress=30, seconds_left=75.0) and not stop.wait(0.1):
            pass
        return
    with rasterio.open(upload.path) as image:
        place = {"crs": image.crs, "transform": image.transform}
        folder = write_finished(site.folder, image.read(), job.id, **place)
    about = json.loads((folder / "map.json").read_text())
    (folder / "map.json").write_text(json.dumps(about | {"name": upload.name}))
    site.jobs.finish(job.id, "test", {})


def _suggest(site: Site, map_id: str) -> None:
    """One box with a polygon of Blue in it, both in the coordinates of corrections of a photo."""
    path = site.folder.suggestions(map_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    box = {"kind": "box", "rank": 1, "reason": "unsure", "uncertainty": 0.4, "novelty": 0.1}
    features = [
        _square(90, 60, 40, box),
        _square(102, 75, 10, {"kind": "polygon", "class": "Blue", "confidence": 97}),
        _square(5, 5, 10, {"kind": "polygon", "class": "Red", "confidence": 97}),
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _square(left: float, top: float, side: float, properties: dict[str, object]) -> dict[str, object]:
    ring = [[left, top], [left + side, top], [left + side, top + side], [left, top + side], [left, top]]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


def _improve(site: Site, job: Job) -> dict[str, object]:
    """A version of the model, and a map on which all is Green."""
    before = site.folder.map(job.inputs["map"])
    image = three_classes()
    image[1] = np.where(image.any(axis=0), HIGH, 0)
    image[[0, 2]] = 0
    with rasterio.open(before / "image.tif") as picture:
        place = {"crs": picture.crs, "transform": picture.transform}
    write_finished(site.folder, image, job.id, **place)
    version = site.folder.models / "tiny-v2"
    version.mkdir(parents=True, exist_ok=True)
    shutil.copy(site.settings.models / "tiny.safetensors", version / "model.safetensors")
    scores = {"before": {"accuracy": 0.5, "polygons": 1}, "after": {"accuracy": 0.75, "polygons": 1}}
    lineage = {"parent": "tiny", "map": job.inputs["map"], "job": job.id, "scores": scores}
    (version / "lineage.json").write_text(json.dumps(lineage | {"polygons": {"trained": 4, "kept_aside": 1}}))
    return {"model": "tiny-v2", "before": job.inputs["map"], "scores": scores}
