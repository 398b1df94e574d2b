"""Folders of pictures and what they are to each other: which hold images, and which the masks of these.

A folder may be read in several ways. In `train/Semantic_masks/images/` the inner name says images, the outer one
masks. The innermost reading that has folders of the other kind beside it is taken. Two folders are beside each other if
their paths differ only in words for images and masks.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from terrazzo.errors import InputError
from terrazzo.scenes.pairing.folder_words import (
    BARE,
    IMAGE_FOLDER,
    MASK_FOLDER,
    PLAIN,
    SPLIT_WORDS,
    FolderName,
    folder_name,
    without_words,
)
from terrazzo.scenes.trees import Tree

_CHANNELS = re.compile(r"images(Tr|Ts|Va)")
"""nnU-Net's folders of images, whose names end with the number of the channel."""


@dataclass(frozen=True)
class Place:
    """One reading of a folder: its kind, and what it shares with the folders of the other kind."""

    key: tuple[str, str]
    """Equal for folders that belong together."""
    folder: str
    """What a pair's folder is called: the path without the words for images and masks."""
    kind: str
    """`images` or `masks`."""
    level: int
    """How surely the name says so, `folder_words.PLAIN` first."""
    root: str
    """The path down to the folder whose name says the kind."""
    inner: str
    """The path below it, likewise without such words."""


@dataclass(frozen=True)
class PlacedFile:
    """One picture inside a folder of images or masks."""

    place: Place
    name: str

    @cached_property
    def stem(self) -> str:
        """The name without suffix, with the folders below the place: `a` or `day 1/a`; of nnU-Net without channel."""
        base = posixpath.splitext(posixpath.basename(self.name))[0]
        if _CHANNELS.fullmatch(posixpath.basename(self.place.root)):
            base = base.removesuffix("_0000")
        return posixpath.join(self.place.inner, base)


def place_folders(tree: Tree, folders: Sequence[str]) -> Mapping[str, Place]:
    """The place of each folder that belongs to images with masks; the other folders are left out.

    Raises InputError where two folders of one kind are equally sure.
    """
    readings = {folder: tuple(_readings(folder)) for folder in folders}
    live = _with_both_kinds([place for places in readings.values() for place in places])
    while True:
        chosen = {
            folder: next((place for place in places if place.key in live), None) for folder, places in readings.items()
        }
        taken = {folder: place for folder, place in chosen.items() if place is not None}
        left = live & _with_both_kinds(list(taken.values()))
        if left == live:
            break
        live = left
    surest: dict[tuple[tuple[str, str], str], int] = {}
    for place in taken.values():
        of_kind = (place.key, place.kind)
        surest[of_kind] = min(place.level, surest.get(of_kind, BARE))
    taken = {folder: place for folder, place in taken.items() if place.level == surest[place.key, place.kind]}
    _refuse_two_of_a_kind(tree, taken)
    return taken


def plain_place(folder: str) -> Place | None:
    """The place of a folder in or below `images/` or `masks/` by these very names; None for others.

    None too inside a folder of instances, heights or previews.
    """
    plain = next((place for place in _readings(folder) if place.level == PLAIN), None)
    above = posixpath.basename(posixpath.dirname(plain.root)) if plain else ""
    return None if folder_name(above).kind == "other" else plain


def _readings(folder: str) -> Iterator[Place]:
    """The readings of a folder, the innermost name first, up to one that says instances or heights."""
    parts = folder.split("/") if folder else []
    names = [folder_name(part) for part in parts]
    for at in range(len(parts) - 1, -1, -1):
        if names[at].kind == "other":
            return
        yield from _single(parts, names[at], at)


def _single(parts: Sequence[str], name: FolderName, at: int) -> Iterator[Place]:
    """The readings of a folder by one of its names; names below it lose their words for images and masks too."""
    above, root = "/".join(parts[:at]), "/".join(parts[: at + 1])
    inner = without_words("/".join(parts[at + 1 :]))
    for rest in name.rests:
        said = SPLIT_WORDS.get(rest, rest) if name.kind else parts[at]
        shown = posixpath.join(above, said) if rest else above
        yield Place((above, rest), shown, name.kind or IMAGE_FOLDER, name.level, root, inner)


def _with_both_kinds(places: Sequence[Place]) -> set[tuple[str, str]]:
    images, masks = ({place.key for place in places if place.kind == kind} for kind in (IMAGE_FOLDER, MASK_FOLDER))
    return images & masks


def _refuse_two_of_a_kind(tree: Tree, places: Mapping[str, Place]) -> None:
    """Raise InputError where two folders of one name but for its words hold the images, or the masks."""
    roots: dict[tuple[tuple[str, str], str], dict[str, None]] = {}
    for place in places.values():
        roots.setdefault((place.key, place.kind), {})[place.root] = None
    for (key, kind), found in roots.items():
        if len(found) > 1:
            above = key[0]
            names = sorted(posixpath.basename(root) for root in found)
            other = next(iter(roots[key, MASK_FOLDER if kind == IMAGE_FOLDER else IMAGE_FOLDER]))
            one = posixpath.join(above, names[0])
            two = (other, one) if kind == MASK_FOLDER else (one, other)
            raise InputError(
                f"{tree.where(above) if above else tree.name}: holds {' and '.join(f'{name}/' for name in names)}, so "
                f"it is not clear which are the {kind}; keep one of them there, or name the two folders, as in "
                f"{' '.join(tree.where(folder) for folder in two)}"
            )
