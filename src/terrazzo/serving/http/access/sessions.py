"""The page's login: POST /session turns a token into a cookie that no script can read."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from terrazzo.serving.http.site import Caller

COOKIE = "terrazzo_session"
SECONDS = 12 * 3600
"""A session ends this long after the login."""
_MOST = 10_000


@dataclass
class Sessions:
    """The sessions of one server, in memory: a restart ends them."""

    now: Callable[[], float] = time.monotonic
    _open: OrderedDict[str, tuple[Caller, float]] = field(default_factory=OrderedDict)

    def begin(self, caller: Caller) -> str:
        """The value of a new cookie, 256 random bits."""
        value = secrets.token_urlsafe(32)
        self._open[value] = (caller, self.now() + SECONDS)
        while len(self._open) > _MOST:
            self._open.popitem(last=False)
        return value

    def caller(self, cookie_header: str) -> Caller | None:
        """Whose session a Cookie header names; None if it names none, or one that has ended."""
        caller, until = self._open.get(value_in(cookie_header), (None, 0.0))
        return caller if self.now() < until else None

    def end(self, cookie_header: str) -> None:
        """End the session that a Cookie header names."""
        self._open.pop(value_in(cookie_header), None)


def value_in(cookie_header: str) -> str:
    """The value of our cookie in a Cookie header; empty if it is not there."""
    try:
        morsel = SimpleCookie(cookie_header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
