"""Files on web servers, read by range requests: what an address names, and whether its server can hand out parts.

Only an address that the user named is followed, and only to http and https. GDAL reads the pixels through libcurl; the
one request that is made here beforehand tells what is there, so that what cannot be read is refused in a second.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from terrazzo.errors import ImageError, InputError

CONNECT_S, SILENT_S = 20, 30
"""So long is a server waited for that does not answer, or that stops answering."""
RETRIES = 3
"""How often a request is made again that a server was too busy for."""

_SCHEMES = ("http", "https")
_START_BYTES = 1024


@dataclass(frozen=True, repr=False)
class Url:
    """The address of a file on a web server; `url_of` makes one. It has the parts of a path that messages need.

    As text it lacks the query: that of a signed address opens the file to whoever reads the text.
    """

    text: str

    @property
    def name(self) -> str:
        """The last part of its path, as a file is named."""
        return PurePosixPath(unquote(self._parts.path).replace("\\", "/")).name

    @property
    def suffix(self) -> str:
        """`.tif`"""
        return PurePosixPath(self.name).suffix

    def absolute(self) -> "Url":
        """Itself: an address holds wherever it is read from."""
        return self

    @property
    def gdal_path(self) -> str:
        """What GDAL opens it by: no other file is looked for, no list of its folder is asked for."""
        options = {
            "use_head": "no",  # a signed address is often signed for GET alone
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
    """What a server says of a file: that it can be read in parts, how long it is, and which version it is."""

    n_bytes: int
    version: tuple[str, ...]
    """ETag and Last-Modified, those that there are."""
    start: bytes
    """Its first bytes."""

    def identity(self, url: Url) -> tuple[object, ...]:
        """What tells this file from another or changed one.

        Without the query where the server names a version: a signed address is another one each time it is signed.
        """
        return (str(url) if self.version else url.text, self.version, self.n_bytes)


def url_of(word: object) -> Url | None:
    """The address that an input is; None where it is none. Raises InputError on one that cannot be used."""
    if isinstance(word, Path) and re.match(r"https?:[/\\]", str(word), re.IGNORECASE):
        raise InputError(f"{word}: a web address is given as text; as a path it lacks a slash")
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
            f"{parts.hostname}{parts.path}: its address holds a user name; use a signed one, or download it"
        )
    return Url(parts._replace(fragment="").geturl())


def ask(url: Url) -> RemoteFile:
    """What the server says of a file. Raises ImageError, with the remedy, where it cannot be read in parts."""
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
    return _told(url, status, headers, start)


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


def _told(url: Url, status: int, headers: Mapping[str, str], start: bytes) -> RemoteFile:
    length = re.fullmatch(r"bytes 0-\d+/(\d+)", headers.get("Content-Range", "").strip())
    if status != 206 or length is None:
        raise ImageError(f"{url}: its server hands out no parts of files (range requests); download it")
    version = tuple(headers[name] for name in ("ETag", "Last-Modified") if headers.get(name))
    return RemoteFile(int(length[1]), version, start)


def _words(reason: object) -> str:
    """An error of the network in one line."""
    said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(said).split())
