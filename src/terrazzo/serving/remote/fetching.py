"""An order as an assignment of this machine: what it needs is downloaded and checked.

    DATA/models/SHA256.safetensors    models, kept for the next job
    DATA/uploads/ID/body.tif          the upload
    DATA/corrections/ID.geojson       the corrections of the map ID
    DATA/maps/ID/classes.tif          that map
    DATA/jobs/ID, DATA/maps/ID        what is computed

Nothing that the server named but ids and hashes is part of a path.
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from terrazzo.maps.pieces.sums import CLASSES
from terrazzo.serving.folder import DataFolder, is_id
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST
from terrazzo.serving.remote.connection import Server
from terrazzo.serving.remote.order import Order

_OF_JOBS = ("jobs", "maps", "uploads", "suggestions", "corrections")


def fetch(server: Server, order: Order, data: DataFolder, check: Callable[[], None]) -> Assignment:
    """Download what an order needs, patiently; the assignment. `check` may raise, which ends it."""
    work = f"/work/{order.job}"
    image = data.upload(order.upload) / f"body{order.image.suffix}"
    model = data.models / f"{order.model.sha256}{order.model.suffix}"
    wanted = [(f"{work}/model", model, order.model), (f"{work}/upload", image, order.image)]
    corrections = before = out = None
    if order.process == SUGGEST and order.of_map is not None:
        out = data.suggestions(order.of_map)
    if order.process == IMPROVE and order.of_map is not None and order.corrections and order.before:
        corrections, before, out = data.corrections(order.of_map), data.map(order.of_map), versions_of(data, order)
        wanted.append((f"{work}/corrections", corrections, order.corrections))
        wanted.append((f"{work}/before", before / f"{CLASSES}.tif", order.before))
    for path, target, content in wanted:
        target.parent.mkdir(parents=True, exist_ok=True)
        server.patiently(partial(server.download, path, target, content, check), check)
    return Assignment(
        job=order.job,
        process=order.process,
        folder=data.job(order.job),
        target=data.map(order.job),
        image=image,
        name=order.name,
        upload=order.upload,
        model=model,
        model_id=order.model_id,
        options=order.options,
        max_pixels=order.max_pixels,
        of_map=order.of_map,
        corrections=corrections,
        before=before,
        version=order.version,
        out=out,
    )


def versions_of(data: DataFolder, order: Order) -> Path:
    """The folder in which an improvement publishes its version. It goes with the job."""
    return data.job(order.job) / "versions"


def forget(data: DataFolder, order: Order | None = None) -> None:
    """Remove everything of jobs from the folder of a worker, but what the given order can use. Models stay."""
    kept = {order.job, order.upload, order.of_map} if order is not None else set()
    for path in (path for kind in _OF_JOBS for path in data.root.glob(f"{kind}/*")):
        name = path.name.removesuffix(".geojson")
        if is_id(name) and name not in kept:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
