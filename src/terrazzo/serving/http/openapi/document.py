"""The whole OpenAPI document."""

from typing import Any

from terrazzo._version import __version__
from terrazzo.serving.http.access.sessions import COOKIE
from terrazzo.serving.http.openapi.describe import answer, in_path, operation
from terrazzo.serving.http.openapi.operations import JOBS, PROCESSES, STATE, Paths
from terrazzo.serving.http.openapi.schemas import SCHEMAS
from terrazzo.serving.http.openapi.transfers import MAPS, UPLOADS
from terrazzo.serving.http.openapi.workers import WORK
from terrazzo.serving.http.site import Site

_TEXT = {"type": "string"}
PAGE: Paths = {
    "/": {"get": operation("The page", {200: answer("HTML.", _TEXT, "text/html")}, (404,), is_open=True)},
    "/page/server.json": {
        "get": operation("What the page must know", {200: answer("It.", {"type": "object"})}, is_open=True)
    },
    "/page/{file}": {
        "get": operation(
            "A file of the page",
            {200: answer("It.", _TEXT, "*/*"), 304: answer("The client has it.")},
            parameters=[in_path("file", "Its name.")],
            is_open=True,
        )
    },
}
TAGS: dict[str, Paths] = {
    "Processes": PROCESSES,
    "Uploads": UPLOADS,
    "Jobs": JOBS,
    "Maps": MAPS,
    "Work": WORK,
    "Server": STATE,
    "Page": PAGE,
}


def document(site: Site) -> dict[str, Any]:
    """The API of a site as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for tag, found in TAGS.items():
        for path, methods in found.items():
            paths[path] = {method: {**each, "tags": [tag]} for method, each in methods.items()}
    security: list[dict[str, list[str]]] = [{"bearer": []}, {"basic": []}, {"cookie": []}] if site.tokens.needed else []
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "terrazzo",
            "version": __version__,
            "description": "Images in, land-cover maps out: the vocabulary of OGC API - Processes. Errors are RFC 9457 "
            "problems, whose `detail` is the line that the command prints.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": site.settings.root_path or "/"}],
        "tags": [{"name": tag} for tag in TAGS],
        "paths": paths,
        "security": security,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token as the password."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "By POST /session."},
            },
        },
    }
