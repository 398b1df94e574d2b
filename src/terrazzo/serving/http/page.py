"""The page: its HTML, CSS and modules, as they lie in serving/page. They are open to all; what they show is not."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from terrazzo.serving.http.site import site_of

FOLDER = Path(__file__).parents[1] / "page"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""Set here, as the table of the system has other types on some machines, and browsers then refuse the modules."""


class PageFiles(StaticFiles):
    """The files of the page, each asked for anew (`no-cache`), so that a newer version is seen at once."""

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """One file, or 304 where the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        if (known := MEDIA_TYPES.get(Path(full_path).suffix)) and response.status_code != 304:
            response.headers["Content-Type"] = f"{known}; charset=utf-8"
        return response


FILES = PageFiles(directory=FOLDER)


async def index(request: Request) -> Response:
    """GET /: the page itself."""
    return await FILES.get_response("index.html", request.scope)


def server(request: Request) -> Response:
    """What the page must know before it draws: the address of `--basemap`, or null."""
    told: Mapping[str, str | None] = {"basemap": site_of(request).settings.basemap}
    return JSONResponse(told)


ROUTES: list[BaseRoute] = [Route("/", index), Route("/page/server.json", server), Mount("/page", FILES)]
