"""Whether the server lives, whether it can take jobs, and what it conforms to."""

import os

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from terrazzo.serving.http.problems import problem
from terrazzo.serving.http.site import Site, site_of

CONFORMS = tuple(
    f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}"
    for name in ("core", "ogc-process-description", "json", "job-list", "dismiss")
)


async def health(request: Request) -> Response:
    """GET /health: 200 while the server answers at all."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """GET /ready: 200 if a job would be taken, else 503 with what is missing."""
    missing = await run_in_threadpool(what_is_missing, site_of(request))
    if missing is not None:
        return problem(503, "Not ready", missing, headers={"Retry-After": "10"})
    return JSONResponse({"status": "ready"})


async def conformance(request: Request) -> Response:
    """GET /conformance: the classes of OGC API - Processes, Part 1."""
    return JSONResponse({"conformsTo": list(CONFORMS)})


def what_is_missing(site: Site) -> str | None:
    """The first thing without which no job is taken; None if nothing is missing."""
    if not os.access(site.folder.root, os.W_OK):
        return "the data folder cannot be written to; check its disk and permissions"
    if not site.models.models():
        return "there is no model; put one into the folder of models"
    try:
        site.jobs.counts()
    except Exception:  # whatever the table's own errors are, it cannot take a job
        return "the table of jobs cannot be read; check the disk of the data folder"
    return None


OPEN = [Route("/health", health), Route("/ready", ready)]
ROUTES = [*OPEN, Route("/conformance", conformance)]
