"""The taxonomy: a YAML file with the classes of several data sets on one schema, and where the data sets are.

    sources:                      # left out where the command names the data sets
      - {name: dubai, images: data/dubai, gsd_m: 0.5}
      - {name: town, images: ortho.tif, labels: parcels.gpkg}
    classes:
      - {name: Building, color: "#C83232", from: [dubai/Building, roof]}
      - {name: Water, from: [Water]}

Paths are relative to the file. `from` names a class of every source, or SOURCE/NAME.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from terrazzo.classes.schema import Color, format_color, parse_color
from terrazzo.errors import ClassTableError

_TOP, _SOURCE, _CLASS = ("sources", "classes"), ("name", "images", "labels", "gsd_m"), ("name", "color", "from")
_NO_YAML = (yaml.YAMLError, ValueError, RecursionError)
"""What PyYAML raises: its own errors, and those of the values that it makes, such as the date 2020-13-45."""


@dataclass(frozen=True)
class SourceEntry:
    """What the file says of a source."""

    name: str | None
    images: str | None
    """A path from the working folder, or several rasters as one."""
    labels: str | None
    gsd_m: float | None
    """Metres per pixel of its images."""


@dataclass(frozen=True)
class ClassEntry:
    """A class of the schema: its colour, if it is given, and the classes of the sources that it takes."""

    name: str
    color: Color | None
    takes: tuple[str, ...]


@dataclass(frozen=True)
class Taxonomy:
    """What the file says."""

    path: Path
    sources: tuple[SourceEntry, ...]
    classes: tuple[ClassEntry, ...]

    def error(self, text: str) -> ClassTableError:
        """An error that names the file."""
        return ClassTableError(f"--taxonomy {self.path}: {text}")


_BARE_COLOR = re.compile(r"^[^#\n]*\bcolor:\s+(#[0-9A-Fa-f]{3,8})\b", re.MULTILINE)


def read_taxonomy(path: Path) -> Taxonomy:
    """The taxonomy in a YAML file. Raises ClassTableError, in one line that names the file and the entry."""
    empty = Taxonomy(path, (), ())
    try:
        text = path.read_text(encoding="utf-8")
        if (bare := _BARE_COLOR.search(text)) is not None:
            color = bare.group(1)
            raise empty.error(f"color: {color} begins a comment in YAML; put it in quotes, as color: '{color}'")
        value = yaml.safe_load(text)
    except OSError as error:
        raise empty.error(f"cannot be read ({error.strerror})") from error
    except _NO_YAML as error:
        raise empty.error(f"not valid YAML ({' '.join(str(error).split())})") from error
    try:
        top = _entry("the file", value, _TOP)
        if not top.get("classes"):
            raise ClassTableError("has no classes; expected classes: [{name: Building, from: [roof, house]}]")
        found = Taxonomy(
            path,
            tuple(_source(number, each, path.parent) for number, each in _numbered("sources", top.get("sources"))),
            tuple(_class(number, each) for number, each in _numbered("classes", top["classes"])),
        )
        _refuse_twice("sources", [each.name for each in found.sources if each.name is not None])
        _refuse_twice("classes", [each.name for each in found.classes])
        _refuse_twice("colours of classes", [format_color(each.color) for each in found.classes if each.color])
    except ClassTableError as error:
        raise empty.error(str(error)) from error
    return found


def _numbered(what: str, value: Any) -> Sequence[tuple[int, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ClassTableError(f"{what}: expected a list, found {value!r:.60}")
    return list(enumerate(value, start=1))


def _entry(where: str, value: Any, known: Sequence[str]) -> Mapping[str, Any]:
    """The value, which is a mapping with none but these keys."""
    if not isinstance(value, dict):
        raise ClassTableError(f"{where}: expected {' and '.join(known)}, found {value!r:.60}")
    for key in value:
        if key not in known:
            raise ClassTableError(f"{where}: unknown key {key!r}; expected {', '.join(known)}")
    return value


def _source(number: int, value: Any, folder: Path) -> SourceEntry:
    entry = _entry(f"source {number}", value, _SOURCE)
    name = _text(f"source {number}", entry, "name")
    where = f"source {name or number}"
    if name is not None and "/" in name:
        raise ClassTableError(f"{where}: its name has a slash, which parts SOURCE/NAME; choose another name")
    images, labels = (_text(where, entry, key) for key in ("images", "labels"))
    if name is None and images is None:
        raise ClassTableError(f"{where}: has neither a name nor images; give the path of its images")
    return SourceEntry(name, _placed(images, folder), _placed(labels, folder), _gsd(where, entry))


def _class(number: int, value: Any) -> ClassEntry:
    entry = _entry(f"class {number}", value, _CLASS)
    name = _text(f"class {number}", entry, "name")
    if name is None:
        raise ClassTableError(f"class {number}: has no name")
    takes = entry.get("from")
    takes = [takes] if _is_word(takes) else takes
    if not isinstance(takes, list) or not takes or not all(map(_is_word, takes)):
        raise ClassTableError(f"class {name}: expected from: [NAME or SOURCE/NAME, ...], found {takes!r:.60}")
    text = _text(f"class {name}", entry, "color")
    try:
        color = None if text is None else parse_color(text)
    except ClassTableError as error:
        raise ClassTableError(f"class {name}: {error}") from error
    return ClassEntry(name, color, tuple(str(each).strip() for each in takes))


def _is_word(value: Any) -> bool:
    """Whether a value is a name; YAML reads some as numbers."""
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(str(value).strip())


def _text(where: str, entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if key == "color" and isinstance(value, list):
        value = " ".join(map(str, value))
    if not _is_word(value):
        raise ClassTableError(f"{where}: expected a text as {key}, found {value!r:.60}; put it in quotes")
    return str(value).strip()


def _gsd(where: str, entry: Mapping[str, Any]) -> float | None:
    value = entry.get("gsd_m")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ClassTableError(f"{where}: expected metres per pixel as gsd_m, above 0, found {value!r:.60}")
    return float(value)


def _placed(text: str | None, folder: Path) -> str | None:
    """A path, or the paths of several rasters as one (`rgb=ortho.tif,dsm=height.tif`), from the working folder."""
    if text is None:
        return None
    if "=" not in text or (folder / text).exists():
        return str(folder / text)
    parts = (part.partition("=") for part in text.split(","))
    return ",".join(f"{name}={folder / path}" if equals else name for name, equals, path in parts)


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise ClassTableError(f"{what}: {twice} is given twice; each is given once")
