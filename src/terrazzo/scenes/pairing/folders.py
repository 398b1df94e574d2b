"""What pairing gives: pairs, files without a partner, notes; and the tables and lists that lie among the files."""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from terrazzo.classes.tables import TABLE_NAMES as CLASS_TABLES
from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many

SPLIT_FOLDERS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
SPLIT_LISTS: Mapping[str, str] = {**SPLIT_FOLDERS, "trn": "train"}
"""The names of text lists, without `.txt`, with their split."""
IMAGE_SETS = "imagesets"
"""The folder of lists in PASCAL VOC's layout, in lower case."""
SPLIT_TABLES = ("split.csv", "splits.csv", "metadata.csv")


@dataclass(frozen=True)
class Pair:
    """An image and the mask of its name."""

    folder: str
    """The folder above `images/` and `masks/`, or of the two files, relative to the root; "" is the root."""
    stem: str
    """The image's name without suffix, with the folders below `images/`: `a` or `day 1/a`."""
    image: Asset
    mask: Asset


@dataclass(frozen=True)
class Pairing:
    """All pairs below a root in natural order, files without a partner, and notes on files left out."""

    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    notes: tuple[str, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that hold pairs, each once."""
        return tuple(dict.fromkeys(pair.folder for pair in self.pairs))


def common_folder(folders: Sequence[str]) -> str:
    """The deepest folder above all of `folders`, or the folder itself if there is only one."""
    return posixpath.commonpath(folders) if folders else ""


def given_split(path: str, folders: Mapping[str, str] = SPLIT_FOLDERS) -> str | None:
    """`train`, `val` or `test` by the deepest folder of such a name in the path; None if there is none.

    `folders` are the names in lower case with their split, as `split_folders` finds them in a tree.
    """
    named = [folders[part.lower()] for part in PurePosixPath(path).parts if part.lower() in folders]
    return named[-1] if named else None


def without_split(path: str, folders: Mapping[str, str] = SPLIT_FOLDERS) -> str:
    """The path without the folders that name a split."""
    return "/".join(part for part in PurePosixPath(path).parts if part.lower() not in folders)


def find_class_table(tree: Tree) -> Asset | None:
    """The class table (`CLASS_TABLES`) nearest to the root, if any."""
    return next(iter(class_tables(tree)), None)


def class_tables(tree: Tree) -> list[Asset]:
    """The files that are class tables by their name, those nearest to the root first; of equal places one."""
    order = {name: number for number, name in enumerate(CLASS_TABLES)}
    tables: dict[tuple[int, int], str] = {}
    for name in tree.files():
        base = posixpath.basename(name).lower()
        if base in order:
            tables.setdefault((name.count("/"), order[base]), name)
    return [Asset(tree, tables[place]) for place in sorted(tables)]


def is_known_table(name: str) -> bool:
    """Whether a file is a class table or split list by its name; their readers report on these."""
    return posixpath.basename(name).lower() in CLASS_TABLES or is_split_list(name)


def is_split_list(name: str) -> bool:
    """Whether a file is a split list by its name: train.txt, val.txt, test.txt, split.csv.

    PASCAL VOC keeps lists for other tasks in `ImageSets/Main` and its like; they are none.
    """
    parts = name.lower().split("/")
    stem, suffix = posixpath.splitext(parts[-1])
    for_other_task = len(parts) > 2 and parts[-3] == IMAGE_SETS and parts[-2] != "segmentation"
    return not for_other_task and (parts[-1] in SPLIT_TABLES or (suffix == ".txt" and stem in SPLIT_LISTS))


def left_alone(names: Sequence[str], what: str, which: str = "") -> list[str]:
    """A count of files that are no part of the data set, with an example; none if there are no such files.

    `what` is one such file (`image file`), `which` says more (`in folders without pairs`).
    """
    told = f"{how_many(len(names), what)} {which}".rstrip()
    return [f"{told} left alone, e.g. {names[0]}"] if names else []


def rule_notes(rules: Counter[str]) -> list[str]:
    """A count for each rule that paired files of unequal names."""
    return [f"paired by name: {how_many(count, 'image')} {rule}" for rule, count in sorted(rules.items())]


def unclear_name(name: str, fits: Sequence[str]) -> str:
    """The problem of a file that fits several others, or one that fits several."""
    listed = " and ".join(posixpath.basename(other) for other in fits)
    also = ", which fits others too" if len(fits) == 1 else ""
    return f"{posixpath.basename(name)} fits {listed} by name{also}, so the pair is not clear; keep one"
