"""A request becomes a job: POST /processes/{id}/execution.

OGC's `{"inputs": {"image": {"href": "/uploads/ID"}, "tta": "flips"}}` and the bare object of inputs are taken alike.
With `Prefer: wait=10` the answer waits for the same queue as every other job.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from terrazzo.errors import InputError
from terrazzo.serving.folder import is_id, new_id
from terrazzo.serving.http.bodies import json_of
from terrazzo.serving.http.jobs import own_job, status_info
from terrazzo.serving.http.maps import results
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.processes import SUGGEST_OPTIONS, no_process, why_no_training
from terrazzo.serving.http.site import Caller, Site, caller_of, site_of
from terrazzo.serving.jobs.job import ENDED, IMPROVE, SUGGEST, Job, Status
from terrazzo.serving.jobs.tasks.kept_aside import with_uses
from terrazzo.serving.results.corrections import kept_corrections
from terrazzo.serving.results.finished import find_map
from terrazzo.system.files import write_json
from terrazzo.system.reporting import listed

LONGEST_WAIT = 60.0
_LOOK_EVERY = 0.2
_BESIDE_INPUTS = ("inputs", "outputs", "response", "mode")
"""Members of OGC's request. All but `inputs` choose between forms of which there is one here."""


async def execute(request: Request) -> Response:
    """POST /processes/{id}/execution: 201 and the job; 200 and its result if it ended while the client waited."""
    site, caller, name = site_of(request), caller_of(request), str(request.path_params["process"])
    given = inputs_in(await json_of(request))
    inputs = await run_in_threadpool(checked, site, caller, name, given)
    job = await run_in_threadpool(submitted, site, caller, name, inputs)
    wait = seconds_of(request.headers.get("prefer", ""))
    headers = {"Location": site.path(f"/jobs/{job.id}")}
    if wait:
        job = await ended(site, job, wait)
        headers["Preference-Applied"] = f"wait={wait:g}"
        if job.status is Status.SUCCESSFUL and job.process != SUGGEST:
            asked = Request(dict(request.scope) | {"path_params": {"job_id": job.id}})
            answer = await run_in_threadpool(results, asked)
            answer.headers.update(headers)
            return answer
    return JSONResponse(status_info(site, job), 201, headers)


def submitted(site: Site, caller: Caller, process: str, inputs: Mapping[str, Any]) -> Job:
    """The job, in the queue.

    An improvement takes the corrections as they are now: it learns from them, and they belong to the map that it makes.
    """
    if process != IMPROVE:
        return site.jobs.submit(process, inputs, caller.name)
    job_id = new_id()
    path = site.folder.corrections(job_id)
    write_json(path, with_uses(kept_corrections(site.folder.corrections(inputs["map"]))).geojson())
    try:
        return site.jobs.submit(process, inputs, caller.name, job_id)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def inputs_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a request, in OGC's form or bare. Raises InputError."""
    if "inputs" not in given:
        return dict(given)
    if unknown := [name[:40] for name in given if name not in _BESIDE_INPUTS]:
        raise InputError(f"{listed(unknown)}: not known beside inputs; put the options into inputs")
    if not isinstance(given["inputs"], dict):
        raise InputError('inputs: expected an object, as in {"image": {"href": "/uploads/ID"}}')
    return dict(given["inputs"])


def checked(site: Site, caller: Caller, process: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as a job holds them.

    Raises Problem 404 if the process is not there, InputError for an input that it does not take.
    """
    if process in (IMPROVE, SUGGEST):
        return _of_a_map(site, caller, process, given)
    entry = site.models.get(process)
    if entry is None:
        raise no_process(process)
    options = {name: value for name, value in given.items() if name != "image"}
    upload_id = reference(site, "image", ("uploads",), given)
    options = entry.checked(options)
    upload = site.uploads.get(upload_id)
    if upload is None or not caller.may_see(upload.owner):
        raise InputError(f"inputs.image {upload_id}: no upload has this id; send the image to POST /uploads first")
    if not upload.complete:
        raise InputError(f"inputs.image {upload_id}: is not complete; send the rest by PATCH /uploads/{upload_id}")
    return {"image": upload_id, **options}


def reference(site: Site, name: str, kinds: tuple[str, ...], given: Mapping[str, Any]) -> str:
    """The id that an input names: an id, an address like /uploads/ID, or {"href": address}. Raises InputError.

    Nothing is ever fetched from an address.
    """
    value = given.get(name)
    if isinstance(value, dict):
        value = value.get("href")
    example = f"/{kinds[0]}/ID"
    if not isinstance(value, str):
        what = "is missing" if name not in given else "is no address"
        raise InputError(f'inputs.{name}: {what}; expected {{"href": "{example}"}} or the id')
    path = value.removeprefix(site.settings.root_path)
    found = re.fullmatch(rf"/(?:{'|'.join(kinds)})/([^/]+)", path)
    text = found[1] if found else value
    if not is_id(text):
        raise InputError(f"inputs.{name} {value[:60]!r}: is no address of this server; expected {example} or the id")
    return text


def _of_a_map(site: Site, caller: Caller, process: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of `improve` and `suggest`. Raises InputError."""
    known = ("map", *(SUGGEST_OPTIONS if process == SUGGEST else ()))
    if unknown := [name[:40] for name in given if name not in known]:
        raise InputError(f"inputs {listed(unknown)}: not known; expected {listed(known)}")
    map_id = reference(site, "map", ("maps", "jobs"), given)
    try:
        made = own_job(site, caller, map_id)
    except Problem as error:
        raise InputError(f"inputs.map {map_id}: no map has this id; GET /jobs lists yours") from error
    if made.status is not Status.SUCCESSFUL or made.process == SUGGEST or not site.folder.map(map_id).is_dir():
        raise InputError(f"inputs.map {map_id}: is no finished map; wait until its job is successful")
    if process == SUGGEST:
        return {"map": map_id} | {
            name: _whole(name, given.get(name, schema["default"]), schema) for name, schema in SUGGEST_OPTIONS.items()
        }
    if (reason := why_no_training(site)) is not None:
        raise InputError(reason)
    polygons = with_uses(kept_corrections(site.folder.corrections(map_id))).polygons
    if not polygons:
        raise InputError(f"inputs.map {map_id}: has no corrections; send them to PUT /maps/{map_id}/corrections first")
    if all(each.kept_aside for each in polygons):
        raise InputError(f"inputs.map {map_id}: keeps all its polygons aside for the score; draw another to train on")
    _refuse_untrainable(site, map_id)
    return {"map": map_id}


def _refuse_untrainable(site: Site, map_id: str) -> None:
    """Raise InputError where a map's model is gone, or is an export."""
    finished = find_map(site.folder, map_id)
    model = "" if finished is None else finished.model
    entry = site.models.get(model)
    if entry is None:
        raise InputError(f"inputs.map {map_id}: was made by {model}, which is no longer there; map the image anew")
    if not entry.trainable:
        raise InputError(
            f"inputs.map {map_id}: was made by {model}, an export, which cannot be trained; map the image by the "
            "model.safetensors that it was exported from"
        )


def _whole(name: str, value: Any, schema: Mapping[str, Any]) -> int:
    least, most = schema["minimum"], schema["maximum"]
    if type(value) is not int or not least <= value <= most:
        raise InputError(f"inputs.{name} {str(value)[:20]}: expected a whole number from {least} to {most}")
    return value


def seconds_of(prefer: str) -> float:
    """The seconds of `wait=` in a Prefer header (RFC 7240), at most a minute; 0 without."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", prefer.lower())
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


async def ended(site: Site, job: Job, seconds: float) -> Job:
    """The job once it has ended, or as it is after so many seconds."""
    until = time.monotonic() + seconds
    while job.status not in ENDED and time.monotonic() < until:
        await anyio.sleep(_LOOK_EVERY)
        now = await run_in_threadpool(site.jobs.get, job.id)
        if now is None:
            break
        job = now
    return job


ROUTES = [Route("/processes/{process}/execution", execute, methods=["POST"])]
