"""Masks that lie beside the images of a data set: they are no images to map.

Law: nothing is left out that has no image of its name beside it.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

FOLDERS = ("masks", "labels")
"""Names of folders, in any case, whose files are labels where a folder beside them holds an image of each name."""

_Key = tuple[str, ...]


def labels_among(names: Sequence[PurePosixPath]) -> frozenset[PurePosixPath]:
    """Which of the files below a folder are labels of others there: `masks/a.png` beside `images/a.jpg`."""
    keys = {name: _keys(name) for name in names}
    images = {key for name in names for folder, key in keys[name] if folder.casefold() not in FOLDERS}
    return frozenset(
        name for name in names if any(folder.casefold() in FOLDERS and key in images for folder, key in keys[name])
    )


def _keys(name: PurePosixPath) -> list[tuple[str, _Key]]:
    """Each folder in the name, and the name without it and the suffix, its place marked."""
    *folders, file = name.with_suffix("").parts
    return [(folder, (*folders[:i], "/", *folders[i + 1 :], file)) for i, folder in enumerate(folders)]
