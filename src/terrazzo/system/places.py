"""Where outputs go: a folder on this machine, or a place in an object store, named by a URL that fsspec understands.

A `Store` answers the few questions that a `Path` is asked here, by the same names. Law: what is put into a store is one
put under its final name, so that a reader sees it whole or not at all.
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
"""The bases of what the stores' own libraries raise where fsspec does not make an OSError of it."""


@dataclass(frozen=True)
class Store:
    """A place in an object store: `s3://bucket/maps`, `gs://`, `memory://`."""

    text: str

    def __str__(self) -> str:
        """The URL."""
        return self.text

    def __truediv__(self, below: str | PurePath) -> "Store":
        """The place of that name below this one."""
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
        """Whether an object of this name is there."""
        with self._reached() as (store, path):
            return bool(store.isfile(path))

    def names(self) -> frozenset[str]:
        """The names right below this one; empty where there are none."""
        with self._reached() as (store, path):
            try:
                return frozenset(posixpath.basename(found.rstrip("/")) for found in store.ls(path, detail=False))
            except FileNotFoundError:
                return frozenset()

    def read_text(self, encoding: str = "utf-8") -> str:
        """The object's text. Raises FileNotFoundError where it is not there."""
        with self._reached() as (store, path):
            raw: bytes = store.cat_file(path)
            return raw.decode(encoding)

    def put(self, raw: bytes) -> None:
        """Make this the object's content, in one put."""
        with self._reached() as (store, path):
            store.pipe_file(path, raw)

    def upload(self, file: Path) -> None:
        """Make a file's content the object's."""
        with self._reached() as (store, path):
            store.put_file(str(file), path)

    def download(self, file: Path) -> None:
        """Make the object's content a file's. Raises FileNotFoundError where it is not there."""
        with self._reached() as (store, path):
            store.get_file(path, str(file))

    def remove(self) -> None:
        """Remove the object, and all below this name."""
        with self._reached() as (store, path):
            if store.exists(path):
                store.rm(path, recursive=True)

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """The store and the name in it. Raises InputError for what goes wrong but FileNotFoundError."""
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
    """A folder, or where `out` is a URL a place in a store. Raises InputError where that cannot be reached."""
    scheme, mark, _ = str(out).partition("://")
    if not mark or isinstance(out, Path):
        return Path(out)
    if scheme == "file":
        return Path(unquote(urlsplit(str(out)).path))
    need("dask", "fsspec", for_what=f"--out {out}")
    store = Store(str(out).rstrip("/"))
    store.names()  # asked now, before anything is computed
    return store


def names_in(place: Place) -> frozenset[str]:
    """The names of the files and folders right in a place; empty where it is not there, or is a file."""
    if isinstance(place, Store):
        return place.names()
    return frozenset(path.name for path in place.iterdir()) if place.is_dir() else frozenset()


@contextmanager
def working_folder(place: Place) -> Iterator[Path]:
    """A folder on this machine in which the outputs for a place are made: itself, or for a URL a temporary one."""
    if isinstance(place, Store):
        with tempfile.TemporaryDirectory(prefix="terrazzo-") as folder:
            yield Path(folder)
    else:
        yield place


def _trouble() -> tuple[type[Exception], ...]:
    """What goes wrong with a store: of its own library's errors those that are loaded, so could have been raised."""
    found = [getattr(sys.modules[module], name) for module, name in _LIBRARIES if module in sys.modules]
    return (OSError, ValueError, *found)
