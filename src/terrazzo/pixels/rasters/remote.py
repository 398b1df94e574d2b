"""Files on web servers, read by range requests: their addresses, and whether the server sends parts of files.

Only addresses that the user named are followed, over http and https. GDAL reads the pixels through libcurl. One request
is made here before, so that a file that cannot be read is refused within a second.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from terrazzo.errors import ImageError, InputError

CONNECT_S, SILENT_S = 20, 30
"""Seconds to wait for a server's first answer, and for one that stops answering."""
RETRIES = 3
"""How often a request is repeated if the server was too busy."""

_SCHEMES = ("http", "https")
_START_BYTES = 1024


@dataclass(frozen=True, repr=False)
class Url:
    """The address of a file on a web server; `url_of` makes one. It has the properties of a path that messages need.

    Its text lacks the query, because that of a signed address would open the file to whoever reads the text.
    """

    text: str

    @property
    def name(self) -> str:
        """The last part of its path: the file's name."""
        return PurePosixPath(unquote(self._parts.path).replace("\\", "/")).name

    @property
    def suffix(self) -> str:
        """`.tif`"""
        return PurePosixPath(self.name).suffix

    def absolute(self) -> "Url":
        """Itself: an address is the same everywhere."""
        return self

    @property
    def gdal_path(self) -> str:
        """The name under which GDAL opens it, without requests for other files or its folder."""
        options = {
            "use_head": "no",  # a signed address is often valid for GET alone
            "list_dir": "no",
            "empty_dir": "yes",
            "connecttimeout": CONNECT_S,
            "low_speed_time": SILENT_S,
            "low_speed_limit": 1,
            "max_retry": RETRIES,
            "retry_delay": 1,
        }
        words = "&".join(f"{name}={value}" for name, value in options.items())
        return f"/vsicurl?{words}&url={quote(self.text, safe='')}"

    def __str__(self) -> str:
        return self._parts._replace(query="...").geturl() if self._parts.query else self.text

    __repr__ = __str__

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.text)


@dataclass(frozen=True)
class RemoteFile:
    """A server's answer about a file that it can send in parts: its length, version and first bytes."""

    n_bytes: int
    version: tuple[str, ...]
    """ETag and Last-Modified, if given."""
    start: bytes

    def identity(self, url: Url) -> tuple[object, ...]:
        """What distinguishes this file from another or a changed one.

        If the server names a version, the query does not count, because it differs each time an address is signed.
        """
        return (str(url) if self.version else url.text, self.version, self.n_bytes)


def url_of(word: object) -> Url | None:
    """The address that an input is; None if it is none. Raises InputError if it cannot be used."""
    if not isinstance(word, str) or not re.match(r"https?://", word, re.IGNORECASE):
        return None
    try:
        parts = urlsplit(word)
        usable = bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", word)
    except ValueError as error:  # a port that is no number
        raise InputError(f"{word}: is not a web address ({error}); expected https://host/scene.tif") from error
    if not usable:
        raise InputError(f"{word}: is not a web address; expected https://host/scene.tif")
    if parts.username is not None:
        raise InputError(
            f"{parts.hostname}{parts.path}: the address holds a user name; use a signed one, or download the file"
        )
    return Url(parts._replace(fragment="").geturl())


def ask(url: Url) -> RemoteFile:
    """The server's answer about a file. Raises ImageError, with the remedy, if it cannot be read in parts."""
    request = Request(url.text, headers={"Range": f"bytes=0-{_START_BYTES - 1}", "User-Agent": "terrazzo"})
    try:
        with build_opener(_WebOnly).open(request, timeout=CONNECT_S) as answer:
            status, headers = answer.status, answer.headers
            start = answer.read(_START_BYTES)
    except HTTPError as error:
        with error:
            said = f"{error.code} {error.reason}".strip()
        raise ImageError(f"{url}: the server answers {said}; check the address, or download the file") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ImageError(f"{url}: cannot be reached ({_words(reason)}); check the address and the network") from error
    return _answer(url, status, headers, start)


class _WebOnly(HTTPRedirectHandler):
    """Follows redirections to web servers, and nowhere else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request to make next."""
        if urlsplit(newurl).scheme.lower() not in _SCHEMES:
            fp.close()
            raise URLError(f"it redirects to {newurl}, which is not on a web server")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _answer(url: Url, status: int, headers: Mapping[str, str], start: bytes) -> RemoteFile:
    length = re.fullmatch(r"bytes 0-\d+/(\d+)", headers.get("Content-Range", "").strip())
    if status != 206 or length is None:
        raise ImageError(f"{url}: its server sends no parts of files (range requests); download it")
    version = tuple(headers[name] for name in ("ETag", "Last-Modified") if headers.get(name))
    return RemoteFile(int(length[1]), version, start)


def _words(reason: object) -> str:
    """A network error in one line."""
    said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(said).split())
