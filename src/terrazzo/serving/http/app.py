"""Every route of the server behind every guard."""

from importlib import import_module
from types import ModuleType

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from terrazzo.serving.http import login, status
from terrazzo.serving.http.guards import OwnHost, OwnOrigin, SafeHeaders
from terrazzo.serving.http.login import Login
from terrazzo.serving.http.problems import HANDLERS
from terrazzo.serving.http.site import Site
from terrazzo.serving.settings import Settings

PARTS = ("uploads", "maps", "worker_routes", "page")


def build_app(site: Site) -> Starlette:
    """The application. Law: no route is reached past a guard, and none but `opened` without a caller."""
    parts = [found for name in PARTS if (found := _part(name)) is not None]
    page = [route for part in parts if part.__name__.endswith(".page") for route in part.ROUTES]
    routes: list[BaseRoute] = [*login.ROUTES, *status.ROUTES]
    routes += [route for part in parts for route in part.ROUTES]
    opened = [login.ROUTES[0], *status.OPEN, *page]
    settings = site.settings
    app = Starlette(
        routes=routes,
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(SafeHeaders, basemap=settings.basemap),
            Middleware(BelowRoot, root_path=settings.root_path),
            Middleware(OwnHost, allowed=settings.allow_hosts),
            Middleware(OwnOrigin),
            Middleware(Login, tokens=site.tokens, opened=opened, behind_proxy=behind_proxy(settings)),
        ],
    )
    app.state.site = site
    return app


def _part(name: str) -> ModuleType | None:
    try:
        return import_module(f"terrazzo.serving.http.{name}")
    except ModuleNotFoundError:
        return None


class BelowRoot:
    """Lets a reverse proxy pass requests on with the prefix of `--root-path` or without it."""

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self.app, self.root_path = app, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its path has the prefix once."""
        if self.root_path and scope["type"] == "http":
            path = scope["path"]
            has_it = path == self.root_path or path.startswith(f"{self.root_path}/")
            scope = dict(scope) | {"root_path": self.root_path, "path": path if has_it else self.root_path + path}
        await self.app(scope, receive, send)


def behind_proxy(settings: Settings) -> bool:
    """Whether requests may come through a reverse proxy on this machine, whose X-Forwarded-For is then believed."""
    return bool(settings.root_path or settings.allow_hosts)
