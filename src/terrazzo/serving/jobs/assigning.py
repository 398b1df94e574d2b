"""Jobs of the table as assignments: the upload, the model and the places that a worker needs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.serving.folder import ABOUT, DataFolder
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, Job
from terrazzo.serving.jobs.kept_inputs import KeptInputs
from terrazzo.serving.jobs.versions import FIRST, next_version
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads.store import UploadStore
from terrazzo.system.files import read_json

ModelOf = Callable[[str], Path | None]
"""The file of a model's id; None if there is none."""


def assign(job: Job, settings: Settings, model_of: ModelOf) -> Assignment:
    """What a worker of this machine needs for a job. Raises InputError where the upload, map or model is gone."""
    data = settings.data
    of_map = str(job.inputs["map"]) if job.process in (IMPROVE, SUGGEST) else None
    if of_map is None:
        model_id, upload = job.process, str(job.inputs["image"])
        options = {name: value for name, value in job.inputs.items() if name != "image"}
    else:
        about = read_json(data.map(of_map) / ABOUT)
        if not about:
            raise InputError(f"{of_map}: no map has this id; make it anew")
        model_id, upload = str(about["model"]), str(about["upload"])
        options = dict(about["options"])
        if job.process == SUGGEST:
            options |= {name: value for name, value in job.inputs.items() if name != "map"}
    model = model_of(model_id)
    if model is None:
        raise InputError(f"{model_id}: no model has this id; GET /processes lists them")
    image = UploadStore(data, settings).get(upload)
    if image is None or not image.complete:
        raise InputError(f"{upload}: no finished upload has this id; upload it again")
    return Assignment(
        job=job.id,
        process=job.process,
        folder=data.job(job.id),
        target=data.map(job.id),
        image=image.path,
        name=image.name or image.path.name,
        upload=upload,
        model=model,
        model_id=model_id,
        options=options,
        max_memory=settings.max_memory,
        max_pixels=settings.max_pixels,
        engine=settings.engine,
        scheduler=settings.scheduler,
        of_map=of_map,
        version=next_version(model_id, model_of) if job.process == IMPROVE else FIRST,
        **_beside(job, data, of_map),
    )


def _beside(job: Job, data: DataFolder, of_map: str | None) -> Mapping[str, Any]:
    """What the tasks beside mapping read and write."""
    if of_map is None:
        return {}
    if job.process == SUGGEST:
        return {"out": data.suggestions(of_map)}
    corrections = data.corrections(job.id)  # as they were when the job was accepted
    if not corrections.is_file():  # accepted by an earlier version
        corrections = data.corrections(of_map)
    if not KeptInputs(data.job(job.id)).whole and not corrections.is_file():
        raise InputError(f"{of_map}: has no corrections; draw some first, by PUT /maps/{of_map}/corrections")
    return {"corrections": corrections, "before": data.map(of_map), "out": data.models}
