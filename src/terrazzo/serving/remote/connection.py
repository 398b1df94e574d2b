"""The server as a worker calls it: JSON and files over HTTP, with growing waits while the server is away.

Redirects are not followed, because the token would go where they lead.
"""

import hashlib
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from terrazzo.errors import InputError
from terrazzo.serving.folder import new_id
from terrazzo.serving.remote.order import INSTANCE, Content, sha256_of
from terrazzo.system.files import write_beside
from terrazzo.system.reporting import Say, quiet

PIECE = 1 << 20
TIMEOUT_SECONDS, CHECKING_SECONDS = 30.0, 600.0
"""How long an answer may take; and that to a finished job, whose files the server checks first."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds between two tries while the server is away: the first wait is doubled up to the longest."""
_AWAY = (408, 429, 502, 503, 504, 507)
"""Statuses after which the same request may succeed later."""
MOST_JSON = 16 << 20
CLAIM = "/work/claim"


class AwayError(Exception):
    """The server does not answer, or cannot now."""


class LostError(Exception):
    """The job is not this worker's any more: it was dismissed, or the lease ran out."""


class RefusedError(InputError):
    """The server understood, and refuses."""

    def __init__(self, where: str, status: int, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.status, self.detail = status, detail
        """The status of HTTP, and what the server says."""


class Server:
    """One server. Threads may share it; every request has a connection of its own."""

    def __init__(self, address: str, token: str, say: Say = quiet, longest_wait: float = LONGEST_WAIT) -> None:
        self.address = checked(address)
        self._token, self._say, self._longest_wait = token, say, longest_wait
        self._instance = new_id()
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._lock, self._is_away = threading.Lock(), False

    def call(self, path: str, given: Mapping[str, Any], seconds: float = TIMEOUT_SECONDS) -> dict[str, Any] | None:
        """The JSON object that a POST answers; None for an answer without a body.

        Raises AwayError, LostError or RefusedError.
        """
        body = json.dumps(dict(given)).encode()
        with self._opened("POST", path, body, {"Content-Type": "application/json"}, seconds) as response:
            raw = _piece(response, MOST_JSON)
        try:
            found: dict[str, Any] | None = json.loads(raw) if raw else None
        except ValueError as error:
            raise InputError(f"--server {self.address}: answers with no JSON; is it `terrazzo serve`?") from error
        return found

    def download(self, path: str, target: Path, content: Content, check: Callable[[], None]) -> None:
        """Write what a GET answers to `target`, whole or not at all. A file of the same content is kept.

        `check` is called after every piece and may raise. Raises AwayError where the content is another than stated.
        """
        if target.is_file() and target.stat().st_size == content.size and sha256_of(target) == content.sha256:
            return
        hasher, size = hashlib.sha256(), 0
        with self._opened("GET", path) as response, write_beside(target) as temporary:
            with temporary.open("wb") as stream:
                while size <= content.size and (piece := _piece(response)):
                    hasher.update(piece)
                    size += len(piece)
                    stream.write(piece)
                    check()
            if (size, hasher.hexdigest()) != (content.size, content.sha256):
                raise AwayError(f"{path}: came damaged, or not whole")

    def send(self, path: str, source: Path, check: Callable[[], None]) -> None:
        """PUT a file. `check` is called before every piece and may raise. Raises AwayError where it came damaged."""
        with source.open("rb") as stream:
            read = _Read(stream, check)
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(source.stat().st_size)}
            with self._opened("PUT", path, read, headers) as response:
                found = json.loads(_piece(response, MOST_JSON) or b"{}")
        if found.get("sha256") != read.hasher.hexdigest():
            raise AwayError(f"{path}: came damaged")

    def patiently(self, what: Callable[[], Any], check: Callable[[], None] = lambda: None) -> Any:
        """What a function returns that raises AwayError while the server is away. It is tried with growing waits.

        `check` is called before every try, and may raise.
        """
        wait = FIRST_WAIT
        while True:
            check()
            try:
                return what()
            except AwayError:
                time.sleep(wait)
                wait = min(self._longest_wait, 2 * wait)

    @contextmanager
    def _opened(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> Iterator[HTTPResponse]:
        own = {"Authorization": f"Bearer {self._token}", INSTANCE: self._instance}
        request = urllib.request.Request(self.address + path, body, {**own, **(headers or {})}, method=method)
        try:
            response = self._opener.open(request, timeout=seconds)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error, path) from error
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise InputError(
                    f"--server {self.address}: its certificate is not trusted ({reason.verify_message}); "
                    "set SSL_CERT_FILE to the certificate of whoever signed it"
                ) from error
            self._note(str(reason))
            raise AwayError(str(reason)) from error
        self._note(None)
        with response:
            yield response

    def _refusal(self, error: urllib.error.HTTPError, path: str) -> Exception:
        """The exception of a status that is none of success."""
        detail = _detail(error)
        where = f"--server {self.address}"
        if error.code in _AWAY or (error.code == 500 and path == CLAIM):
            self._note(detail)
            return AwayError(detail)
        self._note(None)
        if 300 <= error.code < 400:
            return InputError(f"{where}: leads to another address ({error.headers.get('Location')}); give that one")
        if error.code in (401, 403):
            return RefusedError(f"{where}: refuses the token of --token-file", error.code, detail)
        if error.code == 404 and path != CLAIM:
            return LostError(detail)
        return RefusedError(where, error.code, detail)

    def _note(self, reason: str | None) -> None:
        """Say once that the server is away, and once that it is back."""
        with self._lock:
            was, self._is_away = self._is_away, reason is not None
        if reason is not None and not was:
            self._say(f"{self.address}: is not reached ({reason}); trying again")
        elif reason is None and was:
            self._say(f"{self.address}: is reached again")


def checked(address: str) -> str:
    """The address without a slash at its end. Raises InputError for what is none of http or https."""
    found = urlsplit(address.rstrip("/"))
    try:
        is_whole = found.scheme in ("http", "https") and bool(found.hostname) and (found.port is None or found.port > 0)
    except ValueError:  # a port that is no number
        is_whole = False
    if not is_whole or found.query or found.fragment or found.username is not None:
        raise InputError(f"--server {address}: is no address of a server; expected one as https://maps.example.org")
    return address.rstrip("/")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **more: Any) -> None:
        """Follow nothing."""


class _Read:
    """A file that is read once, piece by piece, and hashed meanwhile."""

    def __init__(self, stream: IO[bytes], check: Callable[[], None]) -> None:
        self._stream, self._check, self.hasher = stream, check, hashlib.sha256()

    def read(self, size: int = PIECE) -> bytes:
        """The next piece."""
        self._check()
        piece = self._stream.read(size if size and size > 0 else PIECE)
        self.hasher.update(piece)
        return piece


def _piece(response: HTTPResponse, size: int = PIECE) -> bytes:
    """The next bytes of an answer. Raises AwayError where the connection broke."""
    try:
        return response.read(size)
    except (OSError, HTTPException) as error:
        raise AwayError(f"the connection broke ({error})") from error


def _detail(error: urllib.error.HTTPError) -> str:
    """The `detail` of a problem, or the status."""
    try:
        found = json.loads(error.read(PIECE))
        return " ".join(str(found["detail"]).split())[:500]
    except (OSError, ValueError, KeyError, TypeError, HTTPException):
        return f"status {error.code} {error.reason}"
