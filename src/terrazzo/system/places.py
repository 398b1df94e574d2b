"""Where outputs go: a folder on this machine, or a place in an object store, named by a URL that fsspec understands.

A `Store` has the few methods of `Path` that are used here, under the same names. Law: an object is put once, under its
final name, so that a reader sees it whole or not at all.
"""

import posixpath
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

from terrazzo.errors import InputError
from terrazzo.system.extras import need
from terrazzo.system.reporting import first_line

PathLike = str | Path


_LIBRARIES = (
    ("botocore.exceptions", "BotoCoreError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("gcsfs.retry", "HttpError"),
    ("azure.core.exceptions", "AzureError"),
    ("aiohttp", "ClientError"),
)
"""Base classes of the errors of the stores' own libraries that fsspec does not turn into OSError."""


@dataclass(frozen=True)
class Store:
    """A place in an object store: `s3://bucket/maps`, `gs://`, `memory://`."""

    text: str

    def __str__(self) -> str:
        """The URL."""
        return self.text

    def __truediv__(self, below: str | PurePath) -> "Store":
        """The place of this name below this one."""
        name = below.as_posix() if isinstance(below, PurePath) else below
        return self if name == "." else Store(f"{self.text}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return posixpath.basename(self.text)

    def absolute(self) -> "Store":
        """Itself: a URL means the same everywhere."""
        return self

    def is_file(self) -> bool:
        """Whether there is an object of this name."""
        with self._reached() as (store, path):
            return bool(store.isfile(path))

    def names(self) -> frozenset[str]:
        """The names directly below this one; empty if there are none."""
        with self._reached() as (store, path):
            try:
                return frozenset(posixpath.basename(found.rstrip("/")) for found in store.ls(path, detail=False))
            except FileNotFoundError:
                return frozenset()

    def read_text(self, encoding: str = "utf-8") -> str:
        """The object's text. Raises FileNotFoundError if there is none."""
        with self._reached() as (store, path):
            raw: bytes = store.cat_file(path)
            return raw.decode(encoding)

    def put(self, raw: bytes) -> None:
        """Write the object's content, in one put."""
        with self._reached() as (store, path):
            store.pipe_file(path, raw)

    def upload(self, file: Path) -> None:
        """Upload a file as the object."""
        with self._reached() as (store, path):
            store.put_file(str(file), path)

    def download(self, file: Path) -> None:
        """Download the object to a file. Raises FileNotFoundError if there is none."""
        with self._reached() as (store, path):
            store.get_file(path, str(file))

    def remove(self) -> None:
        """Remove the object, and everything below this name."""
        with self._reached() as (store, path):
            if store.exists(path):
                store.rm(path, recursive=True)

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """The store and the name in it. Raises InputError for every failure except FileNotFoundError."""
        import fsspec

        try:
            store, path = fsspec.core.url_to_fs(self.text)
            store.invalidate_cache()  # other processes put pieces there
            yield store, path
        except FileNotFoundError:
            raise
        except ImportError as error:
            raise InputError(f"--out {self}: its store needs a package that is not installed here ({error})") from error
        except _trouble() as error:
            raise InputError(
                f"--out {self}: cannot be used ({first_line(error)}); check the address and the credentials"
            ) from error


Place = Path | Store


def place_of(out: str | Path) -> Place:
    """A folder, or a place in a store if `out` is a URL. Raises InputError if the store cannot be reached."""
    scheme, mark, _ = str(out).partition("://")
    if not mark or isinstance(out, Path) or scheme == "file":
        return local_path(out)
    need("dask", "fsspec", for_what=f"--out {out}")
    store = Store(str(out).rstrip("/"))
    store.names()  # checked now, before anything is computed
    return store


def local_path(word: str | Path) -> Path:
    """The path on this machine that a word names, also as `file://`."""
    if isinstance(word, str) and word.startswith("file://"):
        return Path(unquote(urlsplit(word).path))
    return Path(word)


def names_in(place: Place) -> frozenset[str]:
    """The names of the files and folders directly in a place; empty if it does not exist or is a file."""
    if isinstance(place, Store):
        return place.names()
    return frozenset(path.name for path in place.iterdir()) if place.is_dir() else frozenset()


@contextmanager
def working_folder(place: Place) -> Iterator[Path]:
    """The local folder in which outputs for a place are made: the place itself, or a temporary one for a store."""
    if isinstance(place, Store):
        with tempfile.TemporaryDirectory(prefix="terrazzo-") as folder:
            yield Path(folder)
    else:
        yield place


def _trouble() -> tuple[type[Exception], ...]:
    """The errors that a store may raise: those of Python, and of the stores' libraries that are loaded."""
    found = [getattr(sys.modules[module], name) for module, name in _LIBRARIES if module in sys.modules]
    return (OSError, ValueError, *found)
