"""Crops of photos that `suggest` wrote: which of their masks nobody has looked at.

Beside `images/` and `masks/` lies a table with a row for each crop. A crop was looked at if its field `checked` says
so, or if its mask has other pixels than the model predicted.
"""

import csv
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from terrazzo.system.reporting import how_many

CHECKED = "checked"
"""The field of crops, and of boxes in a layer, that says whether somebody looked at them."""
YES = ("true", "t", "yes", "y", "1")
"""The words that programs write for yes."""
MASKS, TABLE = "masks", "boxes.csv"
FILE, PREDICTED = "file", "predicted"
"""The fields of the table with the name of a crop's mask, and the digest of what the model predicted there."""


def mask_digest(ids: NDArray[np.uint8]) -> str:
    """A short hash of a mask's size and pixels (H, W)."""
    return blake2b(repr(ids.shape).encode() + ids.tobytes(), digest_size=8).hexdigest()


def unchecked_note(folder: Path) -> str | None:
    """A warning that counts the masks of a folder that are still the model's own and unchecked; None where none is."""
    try:
        with (folder / TABLE).open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get(PREDICTED) and row.get(FILE)]
        n_left = sum(
            (row.get(CHECKED) or "").strip().casefold() not in YES and _is_untouched(folder, row) for row in rows
        )
    except (OSError, ValueError, csv.Error):
        return None  # a folder of another origin, or a table that somebody changed
    if not n_left:
        return None
    return (
        f"warning: {folder}: {n_left} of {how_many(len(rows), 'mask')} are still as the model predicted them, and "
        f"teach it nothing new; correct them, delete them, or set {CHECKED} to true in {TABLE} where they are right"
    )


def _is_untouched(folder: Path, row: dict[str, str]) -> bool:
    """Whether the mask of a row is there, with the pixels that the model predicted."""
    path = folder / MASKS / row[FILE]
    if not path.is_file():
        return False
    try:
        with Image.open(path) as mask:
            return mask_digest(np.asarray(mask)) == row[PREDICTED]
    except UnidentifiedImageError:
        return False  # preparing says what is wrong with it
