"""An order as an assignment of this machine: what it needs is downloaded and checked.

    DATA/models/SHA256.safetensors    models, kept for the next job
    DATA/uploads/ID/body.tif          the upload
    DATA/corrections/ID.geojson       the corrections of the map ID
    DATA/jobs/ID, DATA/maps/ID        what is computed

Nothing that the server named but ids and hashes is part of a path.
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from terrazzo.serving.folder import DataFolder, is_id
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import SUGGEST
from terrazzo.serving.remote.connection import Server
from terrazzo.serving.remote.order import Order

_OF_JOBS = ("jobs", "maps", "uploads", "suggestions", "corrections")


def fetch(server: Server, order: Order, data: DataFolder, check: Callable[[], None]) -> Assignment:
    """Download what an order needs, patiently; the assignment. `check` may raise, which ends it."""
    work = f"/work/{order.job}"
    image = data.upload(order.upload) / f"body{order.image.suffix}"
    model = data.models / f"{order.model.sha256}{order.model.suffix}"
    wanted = [(f"{work}/model", model, order.model), (f"{work}/upload", image, order.image)]
    corrections: Path | None = None
    if order.corrections is not None and order.of_map is not None:
        corrections = data.corrections(order.of_map)
        wanted.append((f"{work}/corrections", corrections, order.corrections))
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
        out=data.suggestions(order.of_map) if order.process == SUGGEST and order.of_map else None,
    )


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
