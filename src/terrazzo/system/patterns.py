"""Patterns like `scenes/*.tif` that the shell did not expand, because they were quoted or on Windows."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from terrazzo.errors import InputError

_MAGIC = frozenset("*?[")


def is_pattern(path: Path) -> bool:
    """Whether any part of the path is a pattern. A file of that very name is for the caller to check first."""
    return any(map(_is_magic, path.parts))


def matching(pattern: Path) -> tuple[Path, list[Path]]:
    """The folder above the pattern's first wildcard, and the files that match, sorted; `**` is any depth of folders.

    A folder that matches stands for all files in it. Raises InputError if the pattern is invalid.
    """
    fixed = tuple(takewhile(lambda part: not _is_magic(part), pattern.parts))
    folder = Path(*fixed)
    rest = str(Path(*pattern.parts[len(fixed) :]))
    try:
        found = {file for match in folder.glob(rest) for file in _files(match)}
    except (ValueError, OSError) as error:
        raise InputError(f"{pattern}: cannot be used as a pattern ({error}); name a folder or files") from error
    return folder, sorted(found)


def _files(match: Path) -> Iterator[Path]:
    if match.is_dir():
        yield from (file for file in match.rglob("*") if file.is_file())
    else:
        yield match


def _is_magic(part: str) -> bool:
    return not _MAGIC.isdisjoint(part)
