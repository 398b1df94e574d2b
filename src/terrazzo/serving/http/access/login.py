"""Who may do what: a token, a cookie or neither becomes a Caller; POST and DELETE /session."""

import math
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from terrazzo.serving.http.access.sessions import COOKIE, SECONDS, Sessions
from terrazzo.serving.http.access.tokens import Failures, Tokens, token_in
from terrazzo.serving.http.bodies import json_of
from terrazzo.serving.http.problems import Problem
from terrazzo.serving.http.site import Caller, site_of
from terrazzo.serving.token_files import WORKER

WORK = "/work/"
"""Routes below this are for workers alone, and nothing else is for them."""


class Login:
    """Puts the Caller into `request.state.caller`, or refuses.

    401 without a token or with a wrong one, 429 after too many wrong ones, 403 where the role does not fit. A session
    that has ended counts as no token, not as a wrong one.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, opened: Sequence[BaseRoute], behind_proxy: bool = False) -> None:
        self.app, self.tokens, self.opened = app, tokens, opened
        self.behind_proxy = behind_proxy
        self.sessions, self.failures = Sessions(), Failures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        state = scope.setdefault("state", {})
        state["login"] = self
        try:
            state["caller"] = self.caller(scope)
        except Problem as refusal:
            return await refusal.response()(scope, receive, send)
        return await self.app(scope, receive, send)

    def caller(self, scope: Scope) -> Caller | None:
        """Who sent the request; None on an open route. Raises Problem 401, 403 or 429."""
        if any(route.matches(scope)[0] is not Match.NONE for route in self.opened):
            return None
        caller = self._found(scope) if self.tokens.needed else Caller()
        if (caller.role == WORKER) != below_work(scope):
            whose = "workers alone" if below_work(scope) else "users, not for workers"
            raise Problem(403, "", f"this address is for {whose}; use a token of that role")
        return caller

    def named(self, scope: Scope, token: str | None) -> Caller:
        """Who has the token. Raises Problem 401 for a wrong one, and 429 after too many of them."""
        address = self._address(scope)
        if (wait := math.ceil(self.failures.seconds(address))) > 0:
            detail = f"too many wrong tokens from your address; try again in {wait} s"
            raise Problem(429, "", detail, headers={"Retry-After": str(wait)})
        caller = None if token is None else self.tokens.caller(token)
        if caller is None:
            self.failures.add(address)
            raise unauthorized(scope, "the token is not one of this server's; ask whoever runs it for one")
        return caller

    def _found(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        authorization = headers.get("authorization")
        if authorization is not None:
            return self.named(scope, token_in(authorization))
        caller = self.sessions.caller(headers.get("cookie", ""))
        if caller is None:
            raise unauthorized(scope, "a token is needed: as `Authorization: Bearer TOKEN`, or log in on the page")
        return caller

    def _address(self, scope: Scope) -> str:
        """Where the request comes from; behind a proxy on this machine, the address that the proxy wrote last."""
        peer = (scope.get("client") or ("",))[0]
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        if self.behind_proxy and forwarded and peer in ("127.0.0.1", "::1"):
            return forwarded[-1].rpartition(",")[2].strip()[:64] or peer
        return str(peer)


def below_work(scope: Scope) -> bool:
    """Whether the request goes to a worker route."""
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return path.startswith(WORK) or path == WORK.rstrip("/")


def unauthorized(scope: Scope, detail: str) -> Problem:
    """The Problem 401. Scripts of a page are not offered Basic, for which a browser would open its own window."""
    challenge = 'Bearer realm="terrazzo"'
    if Headers(scope=scope).get("sec-fetch-mode", "navigate") == "navigate":
        challenge += ', Basic realm="terrazzo", charset="UTF-8"'
    return Problem(401, "", detail, headers={"WWW-Authenticate": challenge})


async def log_in(request: Request) -> Response:
    """POST /session: {"token": ...} becomes a cookie."""
    login: Login = request.state.login
    given = await json_of(request)
    if set(given) != {"token"} or not isinstance(given["token"], str):
        raise Problem(422, "", 'the body has another form; expected {"token": "..."}')
    if not login.tokens.needed:
        raise Problem(409, "", "this server asks for no token; leave the login out")
    caller = login.named(request.scope, given["token"])
    if caller.role == WORKER:
        raise Problem(403, "", "this token is a worker's; log in with one of the role user or admin")
    answer = JSONResponse({"name": caller.name, "role": caller.role})
    answer.set_cookie(
        COOKIE,
        login.sessions.begin(caller),
        max_age=SECONDS,
        path=site_of(request).path("/"),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


async def log_out(request: Request) -> Response:
    """DELETE /session: the cookie means nothing any more."""
    login: Login = request.state.login
    login.sessions.end(request.headers.get("cookie", ""))
    answer = Response(status_code=204)
    answer.delete_cookie(
        COOKIE, path=site_of(request).path("/"), secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return answer


OPEN = [Route("/session", log_in, methods=["POST"]), Route("/session", log_out, methods=["DELETE"])]
ROUTES = OPEN
