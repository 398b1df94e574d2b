"""How an operation is written down: parameters, bodies, and the answers that every guard may give."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from terrazzo.serving.http.problems import MEDIA_TYPE as PROBLEM

JSON, GEOJSON = "application/json", "application/geo+json"
Schema = Mapping[str, Any]
Answers = Mapping[int, Mapping[str, Any]]
_NEEDS_TOKEN = (400, 401, 403, 429)
_WORDS = {
    400: "The Host is foreign, or the request malformed.",
    401: "A token is missing or wrong.",
    403: "The origin is foreign, or the role does not fit.",
    404: "Not there, or another's.",
    405: "The address does not take this method.",
    409: "The state of the resource does not allow it.",
    412: "Changed since it was read; see If-Match.",
    413: "Larger than is taken.",
    415: "Another Content-Type than is taken.",
    416: "The Range lies outside the file.",
    422: "Understood, but not usable: `detail` is the line that the command prints.",
    429: "Too many wrong tokens, or the queue is full; see Retry-After.",
    503: "Not ready.",
    507: "The disk of the server is full.",
}


def ref(name: str) -> dict[str, str]:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(text: str, schema: Schema | None = None, media: str = JSON, **headers: str) -> dict[str, Any]:
    """A good answer; `headers` are names, with _ for -, and their descriptions."""
    found: dict[str, Any] = {"description": text}
    if schema is not None:
        found["content"] = {media: {"schema": schema}}
    if headers:
        found["headers"] = {
            name.replace("_", "-"): {"description": words, "schema": {"type": "string"}}
            for name, words in headers.items()
        }
    return found


def operation(
    summary: str,
    answers: Answers,
    refused: Sequence[int] = (),
    *,
    parameters: Sequence[Schema] = (),
    body: Schema | None = None,
    is_open: bool = False,
) -> dict[str, Any]:
    """One method of one path. Those of `refused` are added to what guards and router answer."""
    every = {*refused, *((400, 403) if is_open else _NEEDS_TOKEN)}
    every |= {404, 405} if any(each["in"] == "path" for each in parameters) else set()
    refusals = {str(status): _refusal(status) for status in sorted(every - set(answers))}
    found: dict[str, Any] = {
        "summary": summary,
        "responses": {str(status): dict(each) for status, each in answers.items()} | refusals,
    }
    if parameters:
        found["parameters"] = [dict(each) for each in parameters]
    if body is not None:
        found["requestBody"] = body
    if is_open:
        found["security"] = []
    return found


def body(schema: Schema, *media: str, required: bool = True) -> dict[str, Any]:
    """A body of one schema in the given media types."""
    return {"required": required, "content": {each: {"schema": schema} for each in media or (JSON,)}}


def in_path(name: str, text: str, pattern: str | None = None) -> dict[str, Any]:
    """A part of the path."""
    schema = {"type": "string"} | ({} if pattern is None else {"pattern": pattern})
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def in_query(name: str, text: str, schema: Schema, required: bool = False) -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "required": required, "description": text, "schema": schema}


def in_header(name: str, text: str, schema: Schema, required: bool = False) -> dict[str, Any]:
    """A header of the request."""
    return {"name": name, "in": "header", "required": required, "description": text, "schema": schema}


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": _WORDS.get(status, HTTPStatus(status).phrase),
        "content": {PROBLEM: {"schema": ref("Problem")}},
    }
