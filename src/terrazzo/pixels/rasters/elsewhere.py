"""Rasters in object stores and in zips: their addresses, and the names by which GDAL opens them.

The rules are those of web addresses: only what the user named is read, nothing is listed, and no file beside it is
followed. GDAL finds the credentials of a store where its own programs do, as in AWS_ACCESS_KEY_ID.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.remote import RemoteFile, Url, url_of
from terrazzo.pixels.suffixes import REMOTE_SUFFIXES

_STORES = {"s3": "/vsis3/", "gs": "/vsigs/", "az": "/vsiaz/", "oss": "/vsioss/"}
"""GDAL's name of each kind of store, by the scheme of its addresses."""
_WEB = "/vsicurl/"
_READ = "https://, s3://, gs://, az:// and zip://"
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://(.*)", re.DOTALL)  # one letter is a drive
_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:.*://", re.DOTALL)  # GDAL's name of a server: WMS:https://host
_LOST_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:[/\\]")
_WINDOW = 64  # pixels a side of what is compared to notice a changed object


@dataclass(frozen=True, repr=False)
class Elsewhere(Url):
    """A raster in a store or a zip; `address_of` makes one. It is an address like that of a file on a web server."""

    opened_as: str
    member: str
    """Its path in the store or the zip."""
    version: tuple[str, ...] = ()
    """What distinguishes a zip from a changed one."""

    @property
    def name(self) -> str:
        """The last part of its path: the file's name."""
        return PurePosixPath(self.member).name

    @property
    def gdal_path(self) -> str:
        """The name under which GDAL opens it."""
        return self.opened_as

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def known(self) -> RemoteFile:
        """What is known of the file before it is opened; its length is not."""
        return RemoteFile(0, self.version, b"")


def address_of(word: object) -> Url | None:
    """The address that an input is, on the web, in a store or in a zip; None if it names a local file.

    Law: what exists here under that very name is local, unless it has `://`. Raises InputError if it cannot be used.
    """
    if isinstance(word, Path) and _LOST_SLASH.match(str(word)) and not word.exists():
        raise InputError(f"{word}: an address must be given as text; as a path it lacks a slash")
    if not isinstance(word, str):
        return None
    web = url_of(word)
    if web is not None:
        return web
    address = _ADDRESS.fullmatch(word)
    if address is not None:
        return _by_scheme(word, address[1].lower(), address[2])
    try:
        if Path(word).exists():
            return None
    except OSError:  # a text that no file system takes as a name
        pass
    if word.lower().startswith("zip:"):
        return _in_zip(word, word[4:])
    if _SERVICE.match(word):
        raise InputError(f"{word}: is an address that cannot be read; read are {_READ}; download the file")
    return _of_gdal(word) if word.startswith("/vsi") else None


def content_of(dataset: Any) -> str:
    """A hash of a few windows of an open raster, by which a changed object of a store is noticed."""
    height, width = dataset.height, dataset.width
    side = min(_WINDOW, height), min(_WINDOW, width)
    hasher = blake2b(digest_size=16)
    for down, right in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        row, col = int(down * max(0, height - _WINDOW)), int(right * max(0, width - _WINDOW))
        hasher.update(dataset.read(window=((row, row + side[0]), (col, col + side[1]))).tobytes())
    return hasher.hexdigest()


def rasters_in_zip(path: Path) -> Sequence[str]:
    """The rasters in a zip that are read from it, in its own order; none if it is damaged."""
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except (BadZipFile, OSError):
        return ()
    return [name for name in names if PurePosixPath(name).suffix.lower() in REMOTE_SUFFIXES]


def _by_scheme(word: str, scheme: str, rest: str) -> Url | None:
    if scheme == "file":
        return None
    if scheme == "zip":
        return _in_zip(word, rest)
    if scheme in _STORES:
        return _in_store(word, _STORES[scheme] + rest, rest)
    raise InputError(f"{word}: is an address that cannot be read; read are {_READ}; download the file")


def _of_gdal(word: str) -> Url:
    """The address that a name of GDAL's virtual file systems stands for."""
    if word.startswith(_WEB):
        web = url_of(word.removeprefix(_WEB))
        if web is not None:
            return web
    for prefix in _STORES.values():
        if word.startswith(prefix):
            return _in_store(word, word, word.removeprefix(prefix))
    if word.startswith("/vsizip/"):
        return _in_zip(word, word.removeprefix("/vsizip/"))
    raise InputError(f"{word}: is a name of GDAL's virtual file systems that is not read; read are {_READ}")


def _in_store(word: str, opened_as: str, rest: str) -> Elsewhere:
    bucket, _, key = rest.partition("/")
    if not bucket or not key or ".." in key.split("/"):
        raise InputError(f"{word}: names no file in a store; expected s3://bucket/scene.tif")
    return Elsewhere(word, opened_as, key)


def _in_zip(word: str, rest: str) -> Elsewhere:
    """`a.zip!scene.tif`, `a.zip/scene.tif`, or as fsspec writes it `scene.tif::a.zip`; braces as GDAL writes them."""
    if "::" in rest:
        member, _, archive = rest.partition("::")
    else:
        found = re.fullmatch(r"\{?(.*?\.zip)\}?(?:[!/]+(.*))?", rest, re.IGNORECASE | re.DOTALL)
        archive, member = (found[1], found[2] or "") if found else (rest, "")
    path = Path(archive.removeprefix("file://"))
    if not path.is_file():
        raise InputError(f"{word}: {archive} is no zip on this machine; expected zip://a.zip!scene.tif")
    rasters, member = rasters_in_zip(path), member.strip("/")
    if member not in rasters:
        example = f"name one of its rasters, as in 'zip://{path}!{rasters[0]}'" if rasters else "unpack it"
        raise InputError(f"{word}: names no raster in {path} ({', '.join(REMOTE_SUFFIXES)}); {example}")
    stat = path.stat()
    version = (str(stat.st_size), str(stat.st_mtime_ns))
    return Elsewhere(word, f"/vsizip/{{{path.absolute()}}}/{member}", member, version)
