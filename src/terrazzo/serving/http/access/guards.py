"""What every request must pass first: its Host, and for writes its Origin; and the headers of every answer.

A page elsewhere can send a browser to a loopback address, under its own name (DNS rebinding) or across sites (CSRF).
So the Host must be one of ours, and a write must not come from another origin. Requests without Origin come from
programs, which nobody can be tricked into running by a page.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from terrazzo.serving.http.problems import problem

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
READS = ("GET", "HEAD", "OPTIONS")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def content_policy(basemap: str | None = None) -> str:
    """The Content-Security-Policy: our own files alone, and the tiles of `--basemap`."""
    address = urlsplit(basemap or "")
    place = re.sub(r"\{[^}]*\}", "*", address.netloc)  # {a-c}.tiles.example.org
    foreign = f" {address.scheme}://{place}" if place else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        f"worker-src 'self' blob:; img-src 'self' data: blob:{foreign}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def safe_headers(basemap: str | None = None) -> dict[str, str]:
    """The headers of every answer that does not set them itself."""
    return {
        "Content-Security-Policy": content_policy(basemap),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


class SafeHeaders:
    """Adds the safe headers to every answer, and `Cache-Control: no-store` where an answer says nothing of caches."""

    def __init__(self, app: ASGIApp, basemap: str | None = None) -> None:
        self.app, self.added = app, safe_headers(basemap) | {"Cache-Control": "no-store"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_safely)


class OwnHost:
    """Refuses, with 400, a request whose Host is neither this machine nor an `--allow-host`."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str] = ()) -> None:
        self.app = app
        self.allowed = frozenset(name.lower() for name in (*LOOPBACK, *allowed))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        found = Headers(scope=scope).getlist("host")
        if len(found) == 1 and host_name(found[0]) in self.allowed:
            return await self.app(scope, receive, send)
        named = found[0][:80] if found else "is missing"
        detail = f"Host {named}: is not this server; open it as localhost, or start it with --allow-host NAME"
        return await problem(400, "Foreign Host", detail)(scope, receive, send)


class OwnOrigin:
    """Refuses, with 403, a write that a page of another origin sends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in READS:
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        site = headers.get("sec-fetch-site", "none").strip().lower()
        own = all(same_origin(origin, headers.get("host", "")) for origin in origins)
        if own and site in ("same-origin", "none"):
            return await self.app(scope, receive, send)
        named = f"Origin {origins[0][:80]}" if not own else f"Sec-Fetch-Site {site[:20]}"
        detail = f"{named}: another site may not change anything here; use the server's own page, or a program"
        return await problem(403, "Foreign origin", detail)(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a Host header, in lower case and without the port; empty if there is something else in it."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or host.endswith("]"):
        return host.strip().lower()
    return name if port.isdigit() else ""


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin is the one that the Host header names; the port of its scheme may be left out."""
    scheme, mark, place = origin.strip().lower().partition("://")
    if not mark or scheme not in _DEFAULT_PORTS:
        return False
    default = f":{_DEFAULT_PORTS[scheme]}"
    return place.removesuffix(default) == host.strip().lower().removesuffix(default)
