"""Every route of the server behind every guard."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from terrazzo.serving.http import execution, jobs, maps, page, processes, status, uploads
from terrazzo.serving.http.access import login
from terrazzo.serving.http.access.guards import OwnHost, OwnOrigin, SafeHeaders, safe_headers
from terrazzo.serving.http.access.login import Login
from terrazzo.serving.http.openapi import routes as openapi
from terrazzo.serving.http.problems import HANDLERS, answer
from terrazzo.serving.http.site import Site
from terrazzo.serving.http.work import routes as work
from terrazzo.serving.settings import Settings


def build_app(site: Site) -> Starlette:
    """The application. Law: no route is reached past a guard, and none but those `opened` without a caller."""
    settings, every = site.settings, routes()
    app = Starlette(
        routes=every,
        exception_handlers={**HANDLERS, Exception: _failed(settings.basemap)},
        middleware=[
            Middleware(SafeHeaders, basemap=settings.basemap),
            Middleware(BehindProxy, routes=every, root_path=settings.root_path),
            Middleware(OwnHost, allowed=settings.allow_hosts),
            Middleware(OwnOrigin),
            Middleware(Login, tokens=site.tokens, opened=opened(), behind_proxy=may_be_proxied(settings)),
        ],
    )
    app.router.redirect_slashes = False
    app.state.site = site
    return app


def routes() -> list[BaseRoute]:
    """Every route."""
    parts = (login, status, processes, execution, jobs, uploads, maps, work, openapi, page)
    return [route for part in parts for route in part.ROUTES]


def opened() -> list[BaseRoute]:
    """The routes that need no token: the page, its login, and what a monitor asks."""
    return [*login.OPEN, *status.OPEN, *page.ROUTES]


def may_be_proxied(settings: Settings) -> bool:
    """Whether requests may come through a reverse proxy on this machine, whose X-Forwarded-For is then believed."""
    return bool(settings.root_path or settings.allow_hosts)


class BehindProxy:
    """Takes a path with the prefix of `--root-path` or without it, and the scheme that a proxy states.

    Law: below the prefix `/maps`, which is also the first word of routes, `/maps/jobs` is the list of jobs, and
    `/maps/ID/classes.tif` is a file whose prefix the proxy took off. The bare prefix leads to the page.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute] = (), root_path: str = "") -> None:
        self.app, self.routes, self.root_path = app, routes, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its path has the prefix once."""
        if scope["type"] == "http":
            path = self._whole(scope)
            if path == self.root_path != "":
                await RedirectResponse(f"{self.root_path}/")(scope, receive, send)
                return
            scope = dict(scope) | {"root_path": self.root_path, "path": path}
            if Headers(scope=scope).get("x-forwarded-proto", "").strip().lower() == "https":
                scope["scheme"] = "https"
        await self.app(scope, receive, send)

    def _whole(self, scope: Scope) -> str:
        """The path with the prefix once."""
        path = str(scope["path"])
        added = self.root_path + path
        has_it = path == self.root_path or path.startswith(f"{self.root_path}/")
        if not has_it or (self.root_path and self._leads(scope, added) and not self._leads(scope, path)):
            return added
        return path

    def _leads(self, scope: Scope, path: str) -> bool:
        """Whether a path with the prefix is that of a route."""
        asked = dict(scope) | {"root_path": self.root_path, "path": path}
        return any(route.matches(asked)[0] is not Match.NONE for route in self.routes)


def _failed(basemap: str | None) -> Any:
    """The handler of errors that nobody expected, whose answer passes no guard on its way out."""

    async def failed(request: Request, error: Exception) -> Response:
        response = answer(error)
        response.headers.update(safe_headers(basemap))
        return response

    return failed
