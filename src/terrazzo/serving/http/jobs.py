"""One's own jobs over HTTP: list, look, dismiss. Another's job answers as one that is not there."""

from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from terrazzo.serving.folder import is_id
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Caller, Site, caller_of, site_of
from terrazzo.serving.jobs.job import ENDED, SUGGEST, Job, Status
from terrazzo.serving.uploads.cleaning import remove_job

LISTED, MOST_LISTED = 1000, 10_000


async def jobs(request: Request) -> Response:
    """GET /jobs: the newest first, at most `limit` of them."""
    site, caller = site_of(request), caller_of(request)
    limit = _limit(request.query_params.get("limit", str(LISTED)))
    found = await run_in_threadpool(site.jobs.jobs, caller.listed)
    links = [{"rel": "self", "type": "application/json", "href": site.path("/jobs")}]
    return JSONResponse({"jobs": [status_info(site, job) for job in found[:limit]], "links": links})


async def job(request: Request) -> Response:
    """GET /jobs/{id}: how far it is."""
    site = site_of(request)
    return JSONResponse(status_info(site, await run_in_threadpool(own_job, site, caller_of(request), _named(request))))


async def dismiss(request: Request) -> Response:
    """DELETE /jobs/{id}: one that has not ended is dismissed, one that has is removed with its map."""
    site = site_of(request)
    done = await run_in_threadpool(_dismiss, site, caller_of(request), _named(request))
    return JSONResponse(status_info(site, done))


def own_job(site: Site, caller: Caller, job_id: str) -> Job:
    """The job of this id. Raises Problem 404 if there is none, or if it is another's."""
    found: Job | None = site.jobs.get(job_id) if is_id(job_id) else None
    if found is None or not caller.may_see(found.owner):
        raise Problem(404, "No such job", f"{job_id[:40]}: no job has this id; GET /jobs lists yours")
    return found


def status_info(site: Site, job: Job) -> dict[str, Any]:
    """A job as OGC's statusInfo, with its place in the queue and the seconds left."""
    here = site.path(f"/jobs/{job.id}")
    links = [{"rel": "self", "type": "application/json", "href": here}]
    if job.status is Status.SUCCESSFUL and job.process != SUGGEST:
        results = "http://www.opengis.net/def/rel/ogc/1.0/results"
        links.append({"rel": results, "type": "application/geo+json", "href": f"{here}/results"})
    return {
        "processID": job.process,
        "type": "process",
        "jobID": job.id,
        "status": str(job.status),
        "message": job.message,
        "progress": job.progress,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "updated": job.updated,
        "place": job.place,
        "seconds_left": job.seconds_left,
        "inputs": dict(job.inputs),
        "links": links,
    }


def _dismiss(site: Site, caller: Caller, job_id: str) -> Job:
    found = own_job(site, caller, job_id)
    if found.status not in ENDED:
        done: Job = site.jobs.dismiss(job_id)
        return done
    if site.jobs.delete(job_id):
        remove_job(site.folder, job_id)
    return replace(found, status=Status.DISMISSED)


def _named(request: Request) -> str:
    return str(request.path_params["job_id"])


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_LISTED:
        return int(text)
    raise Problem(400, "", f"limit {text[:20]}: expected a whole number from 1 to {MOST_LISTED}")


ROUTES = [Route("/jobs", jobs), Route("/jobs/{job_id}", job), Route("/jobs/{job_id}", dismiss, methods=["DELETE"])]
