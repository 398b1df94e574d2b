"""A folder or zip as a tree: sorted names, and the bytes of each file.

Hidden files (`.DS_Store`, `._a.jpg`) and macOS's `__MACOSX` folder are left out. Names are composed (Unicode form C),
as macOS writes `é` into zips as two characters, which would not match an `é` of one.
"""

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from terrazzo.errors import ImageError, InputError

JSON = ".json"
MAX_MEMBER_BYTES = 2 << 30
"""Largest declared size of a zip's member; beyond it lie decompression bombs. 400 megapixels of raw RGB fit."""


def natural_key(name: str) -> tuple[list[int | str], str]:
    """A sort key that puts `Tile 10` after `Tile 2`; names that differ only in case have a fixed order."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def open_tree(path: Path, without: Path | None = None) -> "Tree":
    """The tree at `path`, a folder, a zip or a single JSON file, without the files of a folder inside it.

    Raises InputError if it is neither.
    """
    path = Path(path)
    if path.is_dir():
        return FolderTree(path, without)
    if path.is_file():
        return FileTree(path) if path.suffix.lower() == JSON else ZipTree(path)
    raise InputError(f"{path}: no such file or folder; expected a folder or a .zip with images and masks")


def composed(names: Iterable[str]) -> dict[str, str]:
    """Each name in Unicode form C with the name as stored; names that would become equal stay as they are."""
    stored = list(names)
    forms = Counter(unicodedata.normalize("NFC", name) for name in stored)
    normal = ((unicodedata.normalize("NFC", name), name) for name in stored)
    return {form if forms[form] == 1 else name: name for form, name in normal}


class Tree(ABC):
    """Named files that several threads may read at once; nothing is extracted to disk."""

    def __init__(self, path: Path, name: str, stored: Iterable[str]) -> None:
        self._path = path
        self.name = name
        """The folder's own name, or the zip's without its suffix."""
        self._stored = composed(stored)
        self._files = tuple(sorted(self._stored, key=natural_key))

    def files(self) -> tuple[str, ...]:
        """The names of all files that are not hidden, relative to the root, forward slashes, in natural order."""
        return self._files

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises ImageError where it cannot be read."""

    @abstractmethod
    def where(self, name: str) -> str:
        """The file's name as messages show it: `folder/a.png`, `data.zip!a.png`."""


class FolderTree(Tree):
    """The files below a folder; links to folders are followed, each folder once."""

    def __init__(self, root: Path, without: Path | None = None) -> None:
        names = _walk(root)
        if without is not None and without.resolve().is_relative_to(root.resolve()) and without.is_dir():
            below = f"{without.resolve().relative_to(root.resolve()).as_posix()}/"
            names = (name for name in names if not name.startswith(below))
        super().__init__(root, root.resolve().name, names)

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises ImageError where it cannot be read."""
        path = self._path / self._stored[name]
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise ImageError(f"{self.where(name)}: is no regular file")  # reading a pipe would block
            return path.read_bytes()
        except OSError as error:
            raise ImageError(f"{self.where(name)}: cannot be read ({error.strerror or error})") from error

    def where(self, name: str) -> str:
        """The file's path as the user would type it."""
        return str(self._path / self._stored.get(name, name))


class ZipTree(Tree):
    """The files in a zip, held open."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise InputError(
                f"{path}: is neither a folder nor a readable zip ({error}); give a folder or a whole .zip"
            ) from error
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in self._zip.infolist():
            # Some Windows tools write backslashes against the zip specification.
            name = member.filename.replace("\\", "/").removeprefix("/")
            if name.endswith("/") or any(_is_hidden(part) for part in PurePosixPath(name).parts):
                continue
            if name in self._members:
                raise InputError(f"{path}: holds {name} twice, so it is not clear which is meant; pack the zip again")
            self._members[name] = member
        super().__init__(path, path.stem, self._members)

    def read(self, name: str) -> bytes:
        """The bytes of one member. Raises ImageError where it is encrypted, damaged or absurdly large."""
        member = self._members[self._stored[name]]
        if member.flag_bits & 1:
            raise ImageError(f"{self.where(name)}: is encrypted; unpack the zip and give the folder")
        if member.file_size > MAX_MEMBER_BYTES:
            raise ImageError(
                f"{self.where(name)}: would unpack to {member.file_size >> 20} MiB; "
                f"at most {MAX_MEMBER_BYTES >> 20} MiB a file can be read from a zip"
            )
        try:
            return self._zip.read(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise ImageError(
                f"{self.where(name)}: is damaged in the zip ({error}); pack or download it again"
            ) from error

    def where(self, name: str) -> str:
        """`data.zip!a/b.png`."""
        return f"{self._path}!{name}"


class FileTree(Tree):
    """One file on its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, path.stem, (path.name,))

    def read(self, name: str) -> bytes:
        """The file's bytes. Raises ImageError if it cannot be read."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise ImageError(f"{self._path}: cannot be read ({error.strerror or error})") from error

    def where(self, name: str) -> str:
        """The file's path as the user typed it."""
        return str(self._path)


class JoinedTree(Tree):
    """Two trees as one: the files of each below a name of its own."""

    def __init__(self, path: Path, parts: Mapping[str, Tree]) -> None:
        self._parts = parts
        self._places = {f"{top}/{name}": (tree, name) for top, tree in parts.items() for name in tree.files()}
        super().__init__(path, path.resolve().name, self._places)

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises ImageError where it cannot be read."""
        tree, inside = self._places[self._stored[name]]
        return tree.read(inside)

    def where(self, name: str) -> str:
        """The file's name in its own tree."""
        top, _, inside = name.partition("/")
        return self._parts[top].where(inside) if top in self._parts else str(self._path / name)


def _walk(root: Path) -> Iterator[str]:
    """The names of the files below a folder that are not hidden."""
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, onerror=_refuse_folder, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not _is_hidden(name))
        relative = Path(folder).relative_to(root)
        yield from ((relative / name).as_posix() for name in files if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _refuse_folder(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be listed ({error.strerror}); check its permissions") from error
