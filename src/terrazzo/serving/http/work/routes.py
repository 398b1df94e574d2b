"""`/work`: jobs for workers on other machines, by tokens of the role worker alone.

A worker reads and writes the job that it has leased, and nothing else. Any other job is not there: 404, as for a job
that was dismissed or whose lease has run out.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import anyio
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from terrazzo._version import __version__
from terrazzo.serving.folder import new_id
from terrazzo.serving.http.bodies import json_of
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Site, site_of
from terrazzo.serving.http.work.claiming import claim
from terrazzo.serving.http.work.leases import assigned, leased, not_leased, worker_of
from terrazzo.serving.jobs.clearing import clear_job, remove
from terrazzo.serving.jobs.job import ENDED, IMPROVE, Job, Status
from terrazzo.serving.jobs.kept_inputs import KeptInputs
from terrazzo.serving.remote.receiving import Received, plain
from terrazzo.serving.remote.refused import RefusedResultError
from terrazzo.serving.uploads.space import Space, room
from terrazzo.system.files import PARTIAL_SUFFIX
from terrazzo.system.reporting import first_line

_LONGEST_MESSAGE, _LONGEST_REASON = 200, 500
_BYTES = "application/octet-stream"


class Claim(BaseModel):
    """What a worker says when it asks for a job."""

    version: str | None = None
    """The version of terrazzo that computes; another than the server's might give other bytes."""
    trains: bool = False
    """Whether it can train, so that it gets jobs of `improve` too."""


class Heartbeat(BaseModel):
    """How far a worker is."""

    progress: Annotated[int, Field(ge=0, le=100)] | None = None
    pieces: Annotated[int, Field(ge=0, le=1 << 31)] | None = None
    message: str | None = None
    seconds_left: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None
    trains: bool | None = None
    """As in a claim, for a server that was started since."""


class Failure(BaseModel):
    """Why a job cannot be computed."""

    reason: str


class Release(BaseModel):
    """A job that goes back to the queue."""

    died: bool = False
    """Whether its process died, which is counted."""


async def claim_job(request: Request) -> Response:
    """POST /work/claim: the next job, or 204 where none waits."""
    site, worker = site_of(request), worker_of(request)
    given = await _given(request, Claim)
    if given.version not in (None, __version__):
        detail = f"this machine has terrazzo {plain(given.version, 20)}; install {__version__}, as the server has"
        raise Problem(409, "Another version", detail)
    order = await run_in_threadpool(claim, site, worker, given.trains)
    return Response(status_code=204) if order is None else JSONResponse(order.to_dict())


async def heartbeat(request: Request) -> Response:
    """POST /work/{id}/heartbeat: the lease is prolonged."""
    site, job = site_of(request), await run_in_threadpool(leased, request)
    given = await _given(request, Heartbeat)
    message = None if given.message is None else plain(given.message, _LONGEST_MESSAGE)
    values = given.model_dump(exclude={"message", "trains"}) | {"message": message}
    site.machines.saw(worker_of(request), given.trains)

    def beat() -> bool:
        return site.jobs.heartbeat(job.id, worker_of(request), seconds=site.settings.lease_seconds, **values)

    if not await run_in_threadpool(beat):
        raise not_leased(job.id)
    return JSONResponse({"lease_seconds": site.settings.lease_seconds})


def upload(request: Request) -> Response:
    """GET /work/{id}/upload: the image of the job."""
    return _file(request, assigned(site_of(request), leased(request)).image)


def model(request: Request) -> Response:
    """GET /work/{id}/model: the model of the job."""
    return _file(request, assigned(site_of(request), leased(request)).model)


def corrections(request: Request) -> Response:
    """GET /work/{id}/corrections: what an improvement learns from, as it was when the job began."""
    return _file(request, _kept(request).corrections)


def before(request: Request) -> Response:
    """GET /work/{id}/before: the classes of the map that an improvement corrects."""
    return _file(request, _kept(request).old_map)


async def put_file(request: Request) -> Response:
    """PUT /work/{id}/files/{name}: one file of the result, in place of an earlier one of that name."""
    received = await run_in_threadpool(_received, request, await run_in_threadpool(leased, request))
    name = str(request.path_params["name"])
    if name not in received.most:
        raise Problem(404, "", f"no file of the result has this name; expected one of {', '.join(received.most)}")
    most, stated = received.most[name], request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most:
        raise _too_large(name, most)
    site = site_of(request)
    await run_in_threadpool(Space(site.folder.root, site.settings.quota).refuse, int(stated) if stated.isdigit() else 0)
    temporary = received.folder / f".{name}.{new_id()}{PARTIAL_SUFFIX}"
    try:
        size, sha256 = await _receive(request, temporary, most)
        await run_in_threadpool(leased, request)  # it may have been dismissed meanwhile
        await run_in_threadpool(temporary.replace, received.folder / name)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return JSONResponse({"name": name, "size": size, "sha256": sha256})


async def finish(request: Request) -> Response:
    """POST /work/{id}/finish: the files are checked and published; a refused result fails the job."""
    state = request.app.state
    if not hasattr(state, "finishing"):
        state.finishing = anyio.Lock()
    async with state.finishing:  # a worker that asks twice meets the end of the first
        return JSONResponse({"status": str(await run_in_threadpool(_finish, request))})


async def fail(request: Request) -> Response:
    """POST /work/{id}/fail: the job ends with the reason."""
    site, job = site_of(request), await run_in_threadpool(leased, request)
    reason = plain((await _given(request, Failure)).reason, _LONGEST_REASON) or "the worker failed without a reason"
    if not await run_in_threadpool(site.jobs.fail, job.id, worker_of(request), reason):
        raise not_leased(job.id)
    await run_in_threadpool(clear_job, site.jobs, site.folder, job.id)
    return JSONResponse({"status": str(Status.FAILED)})


async def release(request: Request) -> Response:
    """POST /work/{id}/release: the job goes back to its place in the queue."""
    site, job = site_of(request), await run_in_threadpool(leased, request)
    given, worker = await _given(request, Release), worker_of(request)
    await run_in_threadpool(_release, site, job, worker, given.died)
    return Response(status_code=204)


def _finish(request: Request) -> Status:
    site, worker = site_of(request), worker_of(request)
    done = site.jobs.get(str(request.path_params["job_id"]))
    if done is not None and done.status is Status.SUCCESSFUL and done.worker == worker:
        return done.status  # an earlier answer was lost
    job = leased(request)
    received = _received(request, job)
    try:
        result = received.publish()
    except RefusedResultError as error:
        site.jobs.fail(job.id, worker, f"the worker sent a result that was refused: {first_line(error)}")
        clear_job(site.jobs, site.folder, job.id)
        raise
    except FileNotFoundError:  # dismissed, and cleared away, while the files were checked
        leased(request)
        raise
    if not site.jobs.finish(job.id, worker, result):
        if (now := site.jobs.get(job.id)) is None or now.status is Status.DISMISSED:
            clear_job(site.jobs, site.folder, job.id)
            remove(site.folder.map(job.id))
        raise not_leased(job.id)
    clear_job(site.jobs, site.folder, job.id)
    return Status.SUCCESSFUL


def _kept(request: Request) -> KeptInputs:
    """What an improvement reads beside its image. Raises Problem 404 for other jobs."""
    job = leased(request)
    kept = KeptInputs(site_of(request).folder.job(job.id))
    if job.process != IMPROVE or not kept.whole:
        raise Problem(404, "", f"{job.id}: is no improvement, so it has neither corrections nor a map before")
    return kept


def _received(request: Request, job: Job) -> Received:
    """What the worker has sent so far, in a folder that exists."""
    site = site_of(request)
    received = Received(assigned(site, job), site.settings, worker_of(request))
    with room():
        received.folder.mkdir(parents=True, exist_ok=True)
    return received


def _release(site: Site, job: Job, worker: str, died: bool) -> None:
    KeptInputs(site.folder.job(job.id)).clear_others()  # before another worker may have it
    site.jobs.release(job.id, worker, died=died)
    if (now := site.jobs.get(job.id)) is None or now.status in ENDED:
        remove(site.folder.job(job.id))


async def _receive(request: Request, path: Path, most: int) -> tuple[int, str]:
    """Write the body to a new file as it comes; its size and SHA-256. Raises Problem 413 past `most` bytes."""
    hasher, size = hashlib.sha256(), 0

    def write(part: bytes) -> None:
        with room(), path.open("ab") as stream:
            stream.write(part)

    def sync() -> None:
        with room(), path.open("ab") as stream:
            os.fsync(stream.fileno())

    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise _too_large(path.name, most)
            hasher.update(part)
            await run_in_threadpool(write, part)
    except ClientDisconnect:
        raise Problem(400, "", "the connection broke before the file was whole; send it again") from None
    await run_in_threadpool(sync)
    return size, hasher.hexdigest()


async def _given(request: Request, form: type[Any]) -> Any:
    """The body as the form says; one that is missing is an empty object. Raises Problem 422."""
    is_empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    found: Mapping[str, Any] = {} if is_empty else await json_of(request)
    try:
        return form.model_validate(found, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Problem(422, "", f"{where}: {first['msg']}; GET /docs has the form") from error


def _file(request: Request, path: Path) -> Response:
    """A whole file."""
    request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    return FileResponse(path, media_type=_BYTES, stat_result=path.stat())


def _too_large(name: str, most: int) -> Problem:
    return Problem(413, "", f"{name}: is larger than the {most} bytes that are taken")


_JOB = "/work/{job_id}"
ROUTES = [
    Route("/work/claim", claim_job, methods=["POST"]),
    Route(f"{_JOB}/heartbeat", heartbeat, methods=["POST"]),
    Route(f"{_JOB}/upload", upload),
    Route(f"{_JOB}/model", model),
    Route(f"{_JOB}/corrections", corrections),
    Route(f"{_JOB}/before", before),
    Route(f"{_JOB}/files/{{name}}", put_file, methods=["PUT"]),
    Route(f"{_JOB}/finish", finish, methods=["POST"]),
    Route(f"{_JOB}/fail", fail, methods=["POST"]),
    Route(f"{_JOB}/release", release, methods=["POST"]),
]
