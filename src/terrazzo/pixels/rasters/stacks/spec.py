"""Several rasters named as one in a word: `rgb=ortho.tif,dsm=height.tif`. Files, folders, patterns and web addresses.

A file or folder whose own name holds `=` or `,` stays what it is, as long as it exists.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.elsewhere import address_of
from terrazzo.pixels.rasters.remote import Url
from terrazzo.system.patterns import is_pattern, matching

_NAME = r"[A-Za-z][\w.-]*"
_BEGINS = re.compile(rf"\s*({_NAME})=(.*)", re.DOTALL)
_BETWEEN = re.compile(rf",(?=\s*{_NAME}=)")
_EXAMPLE = "rgb=ortho.tif,dsm=height.tif"


@dataclass(frozen=True, repr=False)
class StackPath:
    """The files of one stack with their names. It has the properties of a path that messages and maps need."""

    parts: tuple[tuple[str, Path | Url], ...]

    @property
    def name(self) -> str:
        """The first file's name, by which maps are called."""
        return self.parts[0][1].name

    @property
    def suffix(self) -> str:
        """The first file's suffix."""
        return self.parts[0][1].suffix

    def absolute(self) -> "StackPath":
        """The same files by absolute paths."""
        return StackPath(tuple((name, path.absolute()) for name, path in self.parts))

    def __str__(self) -> str:
        return ",".join(f"{name}={path}" for name, path in self.parts)

    __repr__ = __str__


RasterPath = Path | Url | StackPath
"""What an image raster is read from: a file, an address, or several as one."""


@dataclass(frozen=True)
class StackSpec:
    """What a word names: for each part its name, and a file, folder, pattern or address."""

    parts: tuple[tuple[str, Path | Url], ...]

    def __str__(self) -> str:
        return ",".join(f"{name}={path}" for name, path in self.parts)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, folders and patterns on this machine."""
        return tuple(path for _, path in self.parts if isinstance(path, Path))

    @property
    def is_one(self) -> bool:
        """Whether each part is one file, so that the word names one stack."""
        return not any(path.is_dir() or _is_open(path) for path in self.paths)

    @property
    def one(self) -> StackPath:
        """The stack of a word that names one."""
        return StackPath(self.parts)


def stack_spec(word: object) -> StackSpec | None:
    """The parts that a word names; None where it is an ordinary path, pattern or address.

    Raises InputError if a part has no file, none that exists, or the name of another part.
    """
    text = str(word)
    if not _BEGINS.fullmatch(text) or _exists(text) or _matches(text):
        return None
    pieces = _BETWEEN.split(text)
    parts: list[tuple[str, Path | Url]] = []
    while pieces:
        taken = _longest_existing(pieces)
        found = _BEGINS.fullmatch(",".join(pieces[:taken]))
        pieces = pieces[taken:]
        if found is None or not found[2].strip():
            raise InputError(
                f"{text}: {found[1] if found else ''}= names no file; expected NAME=FILE, as in {_EXAMPLE}"
            )
        parts.append((found[1], _part(found[2].strip(), text, len(parts) + len(pieces) == 0)))
    names = Counter(name.casefold() for name, _ in parts)
    twice = [name for name, _ in parts if names[name.casefold()] > 1]
    if twice:
        raise InputError(f"{text}: gives the name {twice[0]} twice; give each raster a name of its own")
    return StackSpec(tuple(parts))


def _longest_existing(pieces: Sequence[str]) -> int:
    """How many pieces between commas are one part: as many as make the name of an existing file, else one."""
    for taken in range(len(pieces), 1, -1):
        found = _BEGINS.fullmatch(",".join(pieces[:taken]))
        if found is not None and _exists(found[2].strip()):
            return taken
    return 1


def _part(words: str, text: str, alone: bool) -> Path | Url:
    """A part's path or address. Raises InputError if there is no such file."""
    url = address_of(words)
    if url is not None:
        return url
    if re.match(r"\w{2,}:/", words) and not _exists(words):
        raise InputError(f"{words}: is an address that is not read here; download it, and name the file")
    path = Path(words)
    if not _exists(words) and not is_pattern(path):
        # The word may be meant as a path: with a single name it is called as it was given.
        missing = text if alone else str(path)
        raise InputError(f"{missing}: no such file or folder; several rasters are named NAME=FILE, as in {_EXAMPLE}")
    return path


def _exists(words: str) -> bool:
    """Whether there is such a file or folder; a text that no file system takes as a name is none."""
    try:
        return Path(words).exists()
    except (OSError, ValueError):
        return False


def _is_open(path: Path) -> bool:
    """Whether a path is a pattern for several files."""
    return is_pattern(path) and not path.exists()


def _matches(text: str) -> bool:
    """Whether a pattern with an equals sign in it, as `year=2020/*.tif`, matches files as it stands."""
    return is_pattern(Path(text)) and bool(matching(Path(text))[1])
