"""Errors as RFC 9457 problem JSON. The `detail` is the line that the command line prints."""

import errno
import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from terrazzo.errors import TerrazzoError
from terrazzo.serving.jobs.store import QueueFullError

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("terrazzo.serving")
_WHAT_TO_DO = {
    404: "there is nothing at this address; GET /docs lists the routes",
    405: "this address does not take that method; GET /docs lists the routes",
}


class Problem(Exception):  # noqa: N818, the name in RFC 9457
    """An answer that is a refusal. `more` are further members of the problem."""

    def __init__(
        self, status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> Response:
        """The answer."""
        return problem(self.status, self.title, self.detail, headers=self.headers, **self.more)


def problem(status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """A problem as a response. An empty title becomes the status' own words."""
    content = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": " ".join(detail.split()),
        **more,
    }
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def answer(error: Exception) -> Response:
    """The answer to an error: a Problem's own, 422 with its line for one that the user can fix, else 500.

    A TerrazzoError of another status has it as an attribute `status`. A full queue is 429, a full disk 507.
    """
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, QueueFullError):
        return problem(429, "The queue is full", str(error), headers={"Retry-After": "30"})
    if isinstance(error, TerrazzoError):
        return problem(getattr(error, "status", 422), "", str(error))
    if isinstance(error, HTTPException):
        detail = _WHAT_TO_DO.get(error.status_code, error.detail)
        return problem(error.status_code, "", detail, headers=error.headers)
    if is_disk_full(error):
        return problem(507, "", "the disk of the data folder is full; whoever runs the server has to make room")
    _LOG.error("%s: %s", type(error).__name__, error, exc_info=error)
    return problem(500, "", "the server failed at this request; its log on the terminal says why")


def is_disk_full(error: Exception) -> bool:
    """Whether an error of the system or of SQLite says that there is no room."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


async def on_error(request: Request, error: Exception) -> Response:
    """The exception handler of every route."""
    return answer(error)


HANDLERS: Mapping[Any, Any] = dict.fromkeys((Problem, TerrazzoError, HTTPException, OSError, sqlite3.Error), on_error)
