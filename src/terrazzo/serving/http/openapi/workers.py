"""What the routes of workers on other machines take and answer."""

from terrazzo.serving.http.openapi.describe import answer, body, in_header, in_path, operation, ref
from terrazzo.serving.http.openapi.operations import Paths
from terrazzo.serving.http.openapi.schemas import ID
from terrazzo.serving.http.work.routes import Claim, Failure, Heartbeat, Release
from terrazzo.serving.jobs.versions import LINEAGE, MODEL
from terrazzo.serving.remote.order import INSTANCE, SUGGESTIONS
from terrazzo.serving.results.files import FILES

_JOB = in_path("job_id", "A job that this worker has leased; any other is 404, as is one that was dismissed.", ID)
_INSTANCE = in_header(
    INSTANCE,
    "Which of the machines with this token it is: up to 32 hexadecimal digits. Each of them may have a job.",
    {"type": "string", "pattern": "^[0-9a-f]{0,32}$"},
)
_BINARY = {"type": "string", "format": "binary"}
_BYTES = "application/octet-stream"
_NAME = {**in_path("name", "The file."), "schema": {"type": "string", "enum": [*FILES, MODEL, LINEAGE, SUGGESTIONS]}}
_LEASE = {"type": "object", "required": ["lease_seconds"], "properties": {"lease_seconds": {"type": "number"}}}
_SENT = {
    "type": "object",
    "required": ["name", "size", "sha256"],
    "properties": {"name": {"type": "string"}, "size": {"type": "integer"}, "sha256": {"type": "string"}},
}


def _download(summary: str) -> dict[str, object]:
    return {
        "get": operation(summary, {200: answer("The file.", _BINARY, _BYTES)}, (422,), parameters=[_JOB, _INSTANCE])
    }


WORK: Paths = {
    "/work/claim": {
        "post": operation(
            "Lease the oldest job that waits and that the worker can compute; asked again, the one that it has",
            {200: answer("The job.", ref("Order")), 204: answer("None waits.")},
            (409, 413, 415, 422),
            parameters=[_INSTANCE],
            body=body(Claim.model_json_schema(), required=False),
        )
    },
    "/work/{job_id}/heartbeat": {
        "post": operation(
            "Prolong the lease and say how far the job is",
            {200: answer("How long the lease is.", _LEASE)},
            (413, 415, 422),
            parameters=[_JOB, _INSTANCE],
            body=body(Heartbeat.model_json_schema(), required=False),
        )
    },
    "/work/{job_id}/upload": _download("The image of the job"),
    "/work/{job_id}/model": _download("The model of the job"),
    "/work/{job_id}/corrections": _download("What an improvement learns from"),
    "/work/{job_id}/before": _download("The classes of the map that an improvement corrects"),
    "/work/{job_id}/files/{name}": {
        "put": operation(
            "Send a file of the result, in place of an earlier one",
            {200: answer("Its size and SHA-256.", _SENT)},
            (413, 422, 507),
            parameters=[_JOB, _NAME, _INSTANCE],
            body=body(_BINARY, _BYTES),
        )
    },
    "/work/{job_id}/finish": {
        "post": operation(
            "Have the files checked and published; a refused result (422) fails the job",
            {200: answer("It is successful.", ref("Status"))},
            (422, 507),
            parameters=[_JOB, _INSTANCE],
        )
    },
    "/work/{job_id}/fail": {
        "post": operation(
            "End the job with a reason",
            {200: answer("It is failed.", ref("Status"))},
            (413, 415, 422),
            parameters=[_JOB, _INSTANCE],
            body=body(Failure.model_json_schema()),
        )
    },
    "/work/{job_id}/release": {
        "post": operation(
            "Give the job back to the queue",
            {204: answer("It waits again.")},
            (413, 415, 422),
            parameters=[_JOB, _INSTANCE],
            body=body(Release.model_json_schema(), required=False),
        )
    },
}
