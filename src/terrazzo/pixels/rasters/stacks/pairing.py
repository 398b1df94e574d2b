"""Folders of rasters paired by name into stacks.

Names are equal, or become equal without the words that say what a raster shows (rgb, dsm, the parts' own names) and
without leading zeros: `top_2_10_RGB` goes with `dsm_02_10`. A name that fits several is not paired.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from terrazzo.errors import InputError
from terrazzo.pixels.rasters.remote import Url
from terrazzo.pixels.rasters.stacks.spec import StackPath, StackSpec
from terrazzo.pixels.suffixes import RASTER_SUFFIXES
from terrazzo.system.patterns import matching

_PICTURES = ("rgb", "rgbi", "rgbir", "rgbn", "irrg", "nir", "image", "img", "sat", "photo", "top", "ortho", "dop")
_HEIGHTS = ("dsm", "ndsm", "dtm", "dem", "chm", "height", "heights", "elevation")
_WORDS = frozenset((*_PICTURES, *_HEIGHTS))
_Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Stacks:
    """The stacks of a word, each by the first file's name below its folder, and the files without a partner."""

    found: tuple[tuple[PurePosixPath, StackPath], ...]
    missing: tuple[Path, ...]
    """Files of the first folder that another folder has no partner for."""
    surplus: tuple[Path, ...]
    """Files of other folders without a partner in the first."""


def stacks_of(spec: StackSpec, out: Path | None = None) -> Stacks:
    """The stacks that a word names, sorted by name; files in `out` do not count.

    A single file beside folders is a part of every stack, as a height model of the whole town is. Raises InputError if
    the first part is a single file beside folders, or a folder holds no rasters.
    """
    if spec.is_one:
        return Stacks(((PurePosixPath(spec.one.name), spec.one),), (), ())
    listed = [(name, _rasters(path, out)) for name, path in spec.parts]
    first_name, first = listed[0]
    if not isinstance(first, dict):
        raise InputError(
            f"{spec}: names one file first and folders after it; begin with a folder, whose rasters the others follow"
        )
    words = _WORDS | {name.casefold() for name, _ in spec.parts}
    partners: dict[PurePosixPath, list[tuple[str, Path | Url]]] = {name: [(first_name, first[name])] for name in first}
    surplus: list[Path] = []
    for part, files in listed[1:]:
        found = _partners(first, files, words) if isinstance(files, dict) else dict.fromkeys(first, files)
        for name, path in found.items():
            partners[name].append((part, path))
        if isinstance(files, dict):
            used = set(found.values())
            surplus += [path for path in files.values() if path not in used]
    whole = {name: parts for name, parts in partners.items() if len(parts) == len(spec.parts)}
    missing = tuple(first[name] for name in first if name not in whole)
    return Stacks(tuple((name, StackPath(tuple(parts))) for name, parts in whole.items()), missing, tuple(surplus))


def _rasters(path: Path | Url, out: Path | None) -> dict[PurePosixPath, Path] | Path | Url:
    """The rasters below a folder or of a pattern, by their names; the file itself if it is one."""
    if isinstance(path, Url) or path.is_file():
        return path
    folder, files = (path, list(path.rglob("*"))) if path.is_dir() else matching(path)
    outside = [file for file in files if out is None or out.resolve() not in file.resolve().parents]
    named = {
        PurePosixPath(file.relative_to(folder).as_posix()): file
        for file in sorted(outside)
        if file.suffix.lower() in RASTER_SUFFIXES and file.is_file() and not file.name.startswith(".")
    }
    if not named:
        raise InputError(f"{path}: holds no rasters; expected {', '.join(RASTER_SUFFIXES)} files")
    return named


def _partners(
    first: Mapping[PurePosixPath, Path], others: Mapping[PurePosixPath, Path], words: frozenset[str]
) -> dict[PurePosixPath, Path]:
    """The partner of each name in `first`: of the equal name, else of the one name that is equal without words."""
    by_stem = {name.with_suffix(""): path for name, path in others.items()}
    found = {name: by_stem[name.with_suffix("")] for name in first if name.with_suffix("") in by_stem}
    used = set(found.values())
    left = _by_key([name for name in first if name not in found], words)
    there = _by_key([name for name, path in others.items() if path not in used], words)
    return found | {name: others[there[key]] for key, name in left.items() if key in there}


def _by_key(names: Sequence[PurePosixPath], words: frozenset[str]) -> dict[_Key, PurePosixPath]:
    """The names by what is left of them without words; those that share it are left out."""
    keys = {name: _key(name, words) for name in names}
    counts = Counter(keys.values())
    return {key: name for name, key in keys.items() if counts[key] == 1 and key[1]}


def _key(name: PurePosixPath, words: frozenset[str]) -> _Key:
    """The folder, and the parts of the file's name that say which place it shows."""
    tokens = [token for token in re.split(r"[_\-. ]+", name.stem.casefold()) if token and token not in words]
    return name.parent.as_posix(), tuple(token.lstrip("0") or "0" if token.isdigit() else token for token in tokens)
