"""Who a worker is, and the job that it has leased. Every other job is one that is not there: 404."""

import re
import shutil

from starlette.requests import Request

from terrazzo.serving.folder import is_id
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Site, caller_of, site_of
from terrazzo.serving.jobs.assigning import assign
from terrazzo.serving.jobs.assignment import Assignment
from terrazzo.serving.jobs.job import ENDED, REMOTE, Job, Status
from terrazzo.serving.remote.order import INSTANCE

_INSTANCE = re.compile(r"[0-9a-f]{0,32}")


def worker_of(request: Request) -> str:
    """The name under which the table of jobs holds the worker: its token's name, and which of its machines it is."""
    instance = request.headers.get(INSTANCE, "")
    if not _INSTANCE.fullmatch(instance):
        raise Problem(400, "", f"{INSTANCE} {instance[:40]}: expected up to 32 hexadecimal digits")
    return f"{REMOTE}{caller_of(request).name}:{instance}"


def leased(request: Request) -> Job:
    """The running job that the address names. Raises Problem 404 unless this worker has it leased."""
    job_id = str(request.path_params["job_id"])
    job: Job | None = site_of(request).jobs.get(job_id) if is_id(job_id) else None
    is_own = job is not None and job.worker == worker_of(request)
    if job is None or not is_own or job.status is not Status.RUNNING:
        if is_own and job is not None and job.status in ENDED:  # dismissed: nobody needs what was sent so far
            shutil.rmtree(site_of(request).folder.job(job.id), ignore_errors=True)
        raise not_leased(job_id)
    return job


def not_leased(job_id: str) -> Problem:
    """The Problem 404 of a job that this worker does not have."""
    return Problem(404, "No such job", f"{job_id[:40]}: is no job that you have leased; POST /work/claim gives one")


def assigned(site: Site, job: Job) -> Assignment:
    """What the job needs, by paths of the server. Raises InputError where something of it is gone."""
    return assign(job, site.settings, site.models.path_of)
