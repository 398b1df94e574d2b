"""Small replicas of public data sets and of tools' exports: true names, depths and colours, generated pictures."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.worlds.handmade import encoded, photo, write

SIDE = 64
KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Replica:
    """A data set or export: its files, the command that reads it, and what must come of it."""

    title: str
    layout: str
    """The files in one line, for the table in the docs."""
    pairs: tuple[tuple[str, str], ...]
    """Image and mask of each scene, below the data set."""
    classes: Mapping[str, int] | Mapping[str, Color]
    """The classes with their ids or colours in the masks."""
    command: str = "DATA"
    """The arguments of prepare; DATA is the data set."""
    splits: Mapping[str, int] = field(default_factory=dict)
    """Scenes of each given side; none: no split is given."""
    also: Mapping[str, str | bytes | None] = field(default_factory=dict)
    """Further files by name: a text, bytes, or None for a picture."""
    mode: str = ""
    """P: palette masks; RGBA: with alpha; else by what the classes are."""
    table: bool = True
    """Whether the command gives the classes as a table; else the data set's own or the values are enough."""
    n_groups: int | None = None
    """Groups of the scenes; None: each image is its own."""
    note: str = ""
    """Words of the report that must be there."""
    by: str = ""
    """What the docs say of the command."""


def build(replica: Replica, root: Path) -> Path:
    """The replica's files below `root`, and its class table as `classes.csv` beside it."""
    for seed, (image, mask) in enumerate(replica.pairs):
        write(root / image, _photo(image, seed))
        write(root / mask, _mask(replica, mask, seed))
    for seed, (name, content) in enumerate(replica.also.items(), start=100):
        picture = _photo(name, seed) if content is None else content
        write(root / name, picture.encode() if isinstance(picture, str) else picture)
    (root.parent / "classes.csv").write_text(class_table(replica.classes), encoding="utf-8")
    return root


def class_table(classes: Mapping[str, int] | Mapping[str, Color]) -> str:
    """The classes as a table: with ids, or with colours."""
    if all(isinstance(value, int) for value in classes.values()):
        return "id,name\n" + "".join(f"{value},{name}\n" for name, value in classes.items())
    return "name,r,g,b\n" + "".join(f"{name},{','.join(map(str, color))}\n" for name, color in classes.items())


def blocks(n: int, seed: int) -> NDArray[np.int64]:
    """Places in a list of n values, (SIDE, SIDE): squares of 8 px that hold all of them in turn, by seed."""
    side = SIDE // 8
    cells = (np.arange(side * side) * 7 + seed).reshape(side, side) % n
    return np.kron(cells, np.ones((8, 8), np.int64))


def _photo(name: str, seed: int) -> bytes:
    return encoded(photo(SIDE, SIDE, seed), KINDS[Path(name).suffix.lower()])


def _mask(replica: Replica, name: str, seed: int) -> bytes:
    values = list(replica.classes.values())
    places, kind = blocks(len(values), seed), KINDS[Path(name).suffix.lower()]
    array = np.array(values, np.uint8)[places]
    if replica.mode == "P":
        picture = Image.fromarray(places.astype(np.uint8), "L").convert("L")
        picture.putpalette([channel for color in values for channel in color])
        stream = io.BytesIO()
        picture.save(stream, kind)
        return stream.getvalue()
    if replica.mode == "RGBA":
        array = np.dstack([array, np.full((SIDE, SIDE), 255, np.uint8)])
    return encoded(array, kind)
