"""Jobs of the table as assignments: the upload, the model and the places that a worker needs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from terrazzo.errors import InputError
from terrazzo.serving.folder import DataFolder
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST, Job
from terrazzo.serving.settings import Settings
from terrazzo.system.files import read_json

ModelOf = Callable[[str], Path | None]
"""The file of a model's id; None if there is none."""
_ABOUT_UPLOAD = "upload.json"


def assign(job: Job, settings: Settings, model_of: ModelOf) -> Assignment:
    """What a worker of this machine needs for a job. Raises InputError where the upload, map or model is gone."""
    data = settings.data
    of_map = str(job.inputs["map"]) if job.process in (IMPROVE, SUGGEST) else None
    if of_map is None:
        model_id, upload = job.process, str(job.inputs["image"])
        options = {name: value for name, value in job.inputs.items() if name != "image"}
    else:
        about = read_json(data.map(of_map) / "map.json")
        if not about:
            raise InputError(f"{of_map}: no map has this id; make it anew")
        model_id, upload = str(about["model"]), str(about["upload"])
        options = dict(about["options"])
        if job.process == SUGGEST:
            options |= {name: value for name, value in job.inputs.items() if name != "map"}
    model = model_of(model_id)
    if model is None:
        raise InputError(f"{model_id}: no model has this id; GET /processes lists them")
    image, name = upload_of(data, upload)
    return Assignment(
        job=job.id,
        process=job.process,
        folder=data.job(job.id),
        target=data.map(job.id),
        image=image,
        name=name,
        upload=upload,
        model=model,
        model_id=model_id,
        options=options,
        max_memory=settings.max_memory,
        max_pixels=settings.max_pixels,
        of_map=of_map,
        **_beside(job, data, of_map),
    )


def upload_of(data: DataFolder, upload: str) -> tuple[Path, str]:
    """The file of an upload and the name that the client gave it. Raises InputError if it is gone."""
    folder = data.upload(upload)
    files = [path for path in folder.glob("[!.]*") if path.name != _ABOUT_UPLOAD] if folder.is_dir() else []
    if len(files) != 1:
        raise InputError(f"{upload}: no finished upload has this id; upload it again")
    return files[0], str(read_json(folder / _ABOUT_UPLOAD).get("name") or files[0].name)


def _beside(job: Job, data: DataFolder, of_map: str | None) -> Mapping[str, Any]:
    """What the tasks beside mapping read and write."""
    if of_map is None:
        return {}
    if job.process == SUGGEST:
        return {"out": data.root / "suggestions" / f"{of_map}.geojson"}
    corrections = data.root / "corrections" / f"{of_map}.geojson"
    if not corrections.is_file():
        raise InputError(f"{of_map}: has no corrections; draw some first, by PUT /maps/{of_map}/corrections")
    return {"corrections": corrections, "out": data.models}
