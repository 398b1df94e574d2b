"""What can be run: the models, and `improve` and `suggest` for finished maps; GET /processes."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from terrazzo._version import __version__
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Site, site_of
from terrazzo.serving.jobs.job import IMPROVE, SUGGEST
from terrazzo.serving.jobs.training_here import WHAT, why_no_training_here
from terrazzo.serving.models import ModelEntry
from terrazzo.system.extras import INSTALL_TRAIN

_MODES = ["sync-execute", "async-execute", "dismiss"]
_NO_WORKERS = f"{WHAT}: no worker can train now, as the server has none of its own; start it with --workers 1"
_REFERENCE = {
    "oneOf": [
        {"type": "string"},
        {"type": "object", "required": ["href"], "properties": {"href": {"type": "string"}}},
    ]
}
_MAP = {"title": "A finished map: the id of its job, or its address /maps/ID", "schema": _REFERENCE, "minOccurs": 1}
SUGGEST_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "boxes": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    "box_size": {"type": "integer", "minimum": 32, "maximum": 4096, "default": 256},
}
"""What `suggest` takes beside the map: how many boxes, and the side of one in pixels."""


async def processes(request: Request) -> Response:
    """GET /processes: every model, the best known first; and whether *Improve* can run."""
    site = site_of(request)
    entries = await run_in_threadpool(site.models.models)
    reason = why_no_training(site)
    improve = {"available": reason is None, "reason": reason, "href": site.path(f"/processes/{IMPROVE}")}
    links = [{"rel": "self", "type": "application/json", "href": site.path("/processes")}]
    found = [summary(site, entry) for entry in entries]
    return JSONResponse({"processes": found, "improve": improve, "links": links})


async def process(request: Request) -> Response:
    """GET /processes/{id}: what the process takes, as OGC API - Processes describes it."""
    site, name = site_of(request), request.path_params["process"]
    if name in _FOR_MAPS:
        return JSONResponse(_head(site, name, _FOR_MAPS[name]["title"]) | _FOR_MAPS[name])
    entry = await run_in_threadpool(site.models.get, name)
    if entry is None:
        raise no_process(name)
    return JSONResponse(description(site, entry))


def summary(site: Site, entry: ModelEntry) -> dict[str, Any]:
    """A model in the list: what is needed to choose one."""
    return _head(site, entry.id, entry.title) | {
        "classes": [dict(each) for each in entry.classes],
        "scores": dict(entry.scores),
        "protocol": protocol(entry),
        "bands": entry.bands,
        "band_names": list(entry.header.band_reading.names) if entry.header.band_reading else None,
        "gsd_m": entry.gsd_m,
        "patch_size": entry.patch_size,
        "lineage": [dict(each) for each in entry.lineage],
        "parent": entry.parent,
        "improvement": dict(entry.improvement) or None,
    }


def description(site: Site, entry: ModelEntry) -> dict[str, Any]:
    """A model with its inputs and outputs."""
    image = {"title": "The image: the address /uploads/ID, or the id", "schema": _REFERENCE, "minOccurs": 1}
    inputs = {"image": image | {"maxOccurs": 1}}
    for name, schema in entry.options().items():
        inputs[name] = {"title": name, "description": schema["description"], "schema": schema, "minOccurs": 0}
    return summary(site, entry) | {"inputs": inputs, "outputs": _ITEM}


def protocol(entry: ModelEntry) -> str:
    """On what the scores were measured."""
    trained = entry.header.training_data
    return f"{trained.n_val} validation patches, split by {trained.split}" if trained.n_val else "no patches held out"


def why_no_training(site: Site) -> str | None:
    """Why models cannot be improved now, and what to do; None if a worker here or on another machine can train."""
    here = why_no_training_here() if site.settings.workers else _NO_WORKERS
    if here is None or site.machines.any_trains():
        return None
    elsewhere = f"; or start `terrazzo work` on a machine with {INSTALL_TRAIN}"
    return here + (elsewhere if site.settings.token_file is not None else "")


def no_process(name: str) -> Problem:
    """The Problem 404 of a process that is not there."""
    return Problem(404, "", f"{name[:80]}: no such model; GET /processes lists them")


def _head(site: Site, name: str, title: str) -> dict[str, Any]:
    here = site.path(f"/processes/{name}")
    return {
        "id": name,
        "title": title,
        "version": __version__,
        "jobControlOptions": _MODES,
        "outputTransmission": ["reference"],
        "links": [
            {"rel": "self", "type": "application/json", "href": here},
            {
                "rel": "http://www.opengis.net/def/rel/ogc/1.0/execute",
                "type": "application/json",
                "href": f"{here}/execution",
            },
        ],
    }


_ITEM = {
    "map": {"title": "The map as a STAC item", "schema": {"type": "object", "contentMediaType": "application/geo+json"}}
}
_FOR_MAPS: Mapping[str, dict[str, Any]] = {
    IMPROVE: {
        "title": "Train a map's model on its corrections, and make the map anew",
        "inputs": {"map": _MAP},
        "outputs": _ITEM,
    },
    SUGGEST: {
        "title": "Boxes of a map whose correction would teach its model most",
        "inputs": {"map": _MAP}
        | {name: {"title": name, "schema": schema, "minOccurs": 0} for name, schema in SUGGEST_OPTIONS.items()},
        "outputs": {"boxes": {"title": "A GeoJSON FeatureCollection", "schema": {"type": "object"}}},
    },
}

ROUTES = [Route("/processes", processes), Route("/processes/{process}", process)]
