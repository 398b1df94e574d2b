"""The folders of a tree whose names say a split.

- `train`, `val`, `test` and their other spellings, also with a year: `train2017`
- names for images or masks that end with one: `train_labels`, `imagesTs`, `x_val`, `flair_aerial_train`
- other names that begin or end with one, where a sibling says another split: `uavid_train` beside `uavid_val`
"""

import posixpath
import re
from collections.abc import Mapping

from terrazzo.scenes.pairing.folder_words import SPLIT_WORDS, folder_name, words_of
from terrazzo.scenes.pairing.folders import SPLIT_FOLDERS
from terrazzo.scenes.trees import Tree

_YEAR = re.compile(r"([a-z]+?)[_-]?\d{4}")


def split_folders(tree: Tree) -> Mapping[str, str]:
    """Each such name in lower case with its split, and the rest that a name for images or masks leaves."""
    splits = dict(SPLIT_FOLDERS)
    families: dict[tuple[str, str], dict[str, str]] = {}
    for folder in sorted({above for name in tree.files() for above in _above(name)}):
        parent, part = posixpath.split(folder)
        name, lower = folder_name(part), part.lower()
        if (match := _YEAR.fullmatch(lower)) and match[1] in SPLIT_FOLDERS:
            splits[lower] = SPLIT_FOLDERS[match[1]]
        elif name.split:
            splits |= {lower: name.split, name.rest: name.split}
        elif name.kind is None and (family := _family(part)):
            families.setdefault((parent, family[0]), {})[lower] = family[1]
    for members in families.values():
        if len(set(members.values())) > 1:
            splits |= members
    return splits


def _family(part: str) -> tuple[str, str] | None:
    """The other words of a name that begins or ends with a split, and the split."""
    words = words_of(part)
    for word, others in ((words[-1], words[:-1]), (words[0], words[1:])) if len(words) > 1 else ():
        if len(word) > 2 and word in SPLIT_WORDS:
            return "_".join(others), SPLIT_WORDS[word]
    return None


def _above(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
