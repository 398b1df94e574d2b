"""Which image of a tree an annotation file means by a name."""

import posixpath
import re
from collections.abc import Sequence

from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.trees import Tree

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file
_WORDS = re.compile(r"[a-z]+")


class Images:
    """The images of a tree, found by the names that annotation files give them."""

    def __init__(self, tree: Tree) -> None:
        self.names = tuple(name for name in tree.files() if name.lower().endswith(IMAGE_SUFFIXES))
        self._there = set(self.names)
        self._by_base: dict[str, list[str]] = {}
        for name in self.names:
            self._by_base.setdefault(posixpath.basename(name), []).append(name)

    def find(self, image: str, file: str) -> tuple[str, ...]:
        """The images that `image` in the annotation file `file` can mean: one if that is clear.

        A path from the file's folder or from the root is clear. Otherwise the file's name decides. Of several images
        of one name, those count whose folders share most words with the file's own path, as `instances_val.json` and
        `val/`.
        """
        wanted = image.replace("\\", "/")
        if wanted.startswith("/") and wanted[1:] in self._there:
            return (wanted[1:],)
        for base in (posixpath.dirname(file), ""):
            path = posixpath.normpath(posixpath.join(base, wanted.lstrip("/")))
            if path in self._there:
                return (path,)
        name = posixpath.basename(wanted)
        same = self._by_base.get(name) or self._by_base.get(_UPLOADED.sub("", name)) or []
        below = [one for one in same if one.endswith("/" + wanted.lstrip("/"))]
        return _nearest(below or same, file)

    def of_file(self, file: str) -> tuple[str, ...]:
        """The images with the name of the annotation file itself, in its folder."""
        stem = posixpath.splitext(file)[0]
        return tuple(name for name in self.names if posixpath.splitext(name)[0] == stem)


def _nearest(names: Sequence[str], file: str) -> tuple[str, ...]:
    if len(names) < 2:
        return tuple(names)
    words = set(_WORDS.findall(file.lower()))
    shared = [len(words & set(_WORDS.findall(posixpath.dirname(name).lower()))) for name in names]
    return tuple(name for name, count in zip(names, shared, strict=True) if count == max(shared))
