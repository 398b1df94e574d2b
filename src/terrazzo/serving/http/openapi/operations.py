"""What the routes of processes, jobs, login and state take and answer."""

from typing import Any

from terrazzo.serving.http.execution import LONGEST_WAIT
from terrazzo.serving.http.jobs import LISTED, MOST_LISTED
from terrazzo.serving.http.openapi.describe import (
    GEOJSON,
    answer,
    body,
    in_header,
    in_path,
    in_query,
    operation,
    ref,
)
from terrazzo.serving.http.openapi.schemas import ID

Paths = dict[str, dict[str, Any]]
PROCESS = in_path("process", "A model's id, or improve, or suggest.", "^[a-z0-9-]{1,90}$")
JOB = in_path("job_id", "The id of a job, and of its map.", ID)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
_TOKEN = {
    "type": "object",
    "required": ["token"],
    "properties": {"token": {"type": "string"}},
    "additionalProperties": False,
}
_PREFER = in_header(
    "Prefer",
    f"wait=10 waits so many seconds, at most {LONGEST_WAIT:g}, for the job to end.",
    {"type": "string", "examples": ["wait=10"]},
)

PROCESSES: Paths = {
    "/processes": {"get": operation("List the models", {200: answer("The models.", ref("Processes"))})},
    "/processes/{process}": {
        "get": operation(
            "Describe a model and what it takes", {200: answer("It.", ref("Process"))}, parameters=[PROCESS]
        )
    },
    "/processes/{process}/execution": {
        "post": operation(
            "Map an image, improve a model, or suggest what to correct",
            {
                200: answer("The result, if the job ended in time.", ref("Item"), GEOJSON, Location="The job."),
                201: answer("The job.", ref("Job"), Location="The path of the job."),
            },
            (413, 415, 422, 507),
            parameters=[PROCESS, _PREFER],
            body=body(ref("Execution")),
        )
    },
}
JOBS: Paths = {
    "/jobs": {
        "get": operation(
            "List your jobs, the newest first",
            {200: answer("The jobs.", ref("Jobs"))},
            parameters=[in_query("limit", "How many at most.", _LIMIT)],
        )
    },
    "/jobs/{job_id}": {
        "get": operation("Look at a job", {200: answer("The job.", ref("Job"))}, parameters=[JOB]),
        "delete": operation(
            "Dismiss a job; one that has ended is removed with its map",
            {200: answer("The job, dismissed.", ref("Job"))},
            parameters=[JOB],
        ),
    },
    "/jobs/{job_id}/results": {
        "get": operation(
            "The map as a STAC item; of suggest, the suggestions",
            {200: answer("The item.", {"anyOf": [ref("Item"), ref("FeatureCollection")]}, GEOJSON)},
            (409,),
            parameters=[JOB],
        )
    },
}
STATE: Paths = {
    "/session": {
        "post": operation(
            "Log in: a token for a cookie",
            {200: answer("Who you are.", ref("Session"), Set_Cookie="HttpOnly, SameSite=Strict.")},
            (401, 409, 413, 415, 422, 429),
            body=body(_TOKEN),
            is_open=True,
        ),
        "delete": operation("Log out", {204: answer("The cookie is void.")}, is_open=True),
    },
    "/health": {"get": operation("Whether it lives", {200: answer("It does.", ref("Status"))}, is_open=True)},
    "/ready": {
        "get": operation("Whether it takes jobs", {200: answer("It does.", ref("Status"))}, (503,), is_open=True)
    },
    "/conformance": {
        "get": operation(
            "The classes of OGC API - Processes that hold here",
            {200: answer("Their addresses.", {"type": "object", "required": ["conformsTo"]})},
        )
    },
    "/openapi.json": {"get": operation("This document", {200: answer("It.", {"type": "object"})})},
    "/docs": {"get": operation("This document as a page", {200: answer("It.", {"type": "string"}, "text/html")})},
}
