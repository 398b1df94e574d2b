"""YOLO's segmentation labels: one text file a picture (https://docs.ultralytics.com/datasets/segment).

A line is a class number, then x and y of each corner as shares of width and height. A line of four numbers is a box.
"""

import posixpath
import re
from collections import Counter
from typing import Any

import yaml

from terrazzo.errors import InputError
from terrazzo.scenes.annotations.coco import BOX, SMALL
from terrazzo.scenes.annotations.pictures import Annotated, Document, polygon
from terrazzo.scenes.trees import Tree

_LINE = re.compile(r"\s*\d+(\s+[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?){4,}\s*", re.IGNORECASE)
_NAMES = ("data.yaml", "dataset.yaml", "data.yml", "classes.txt", "obj.names")


def is_yolo(text: str) -> bool:
    """Whether the first line that is not empty is one of YOLO's."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and _LINE.fullmatch(lines[0]) is not None


def read_yolo(text: str, image: str, names: tuple[str, ...], where: str) -> Document:
    """The polygons of one picture. Raises InputError, naming the line, at anything else."""
    left: Counter[str] = Counter()
    shapes = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if not _LINE.fullmatch(line):
            raise InputError(f"{where}: line {number} is not a class number with coordinates; export it again")
        words = line.split()
        values = [float(word) for word in words[1:]]
        if len(values) == 4:
            left[BOX] += 1
            continue
        if len(values) % 2:
            raise InputError(f"{where}: line {number} has {len(values)} numbers, not pairs of x and y; export it again")
        made = polygon(values)  # type: ignore[arg-type]
        if made is None:
            left[SMALL] += 1
        else:
            shapes.append((name_of(int(words[0]), names), made))
    return Document((Annotated(image, None, tuple(shapes), in_shares=True),), names, left)


def name_of(number: int, names: tuple[str, ...]) -> str:
    """The name of a class number; `class 3` where the names do not go so far."""
    return names[number] if number < len(names) else f"class {number}"


def yolo_names(tree: Tree) -> tuple[str, ...]:
    """The class names in the data.yaml or classes.txt nearest to the root; none without such a file."""
    found = [name for name in tree.files() if posixpath.basename(name).lower() in _NAMES]
    if not found:
        return ()
    name = min(found, key=lambda name: (name.count("/"), _NAMES.index(posixpath.basename(name).lower())))
    try:
        text = tree.read(name).decode("utf-8-sig")
        listed: Any = yaml.safe_load(text).get("names") if name.lower().endswith(("yaml", "yml")) else text.splitlines()
        if isinstance(listed, dict):
            listed = [listed.get(number, f"class {number}") for number in range(max(map(int, listed)) + 1)]
    except (UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        reason = type(error).__name__
        raise InputError(f"{tree.where(name)}: holds no list of class names ({reason}); export it again") from error
    return tuple(str(one).strip() for one in listed or () if str(one).strip())
