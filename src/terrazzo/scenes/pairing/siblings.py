"""Images and masks in folders of their own, side by side, paired by name."""

import posixpath
from collections.abc import Sequence
from dataclasses import replace

from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDER, MASK_FOLDER
from terrazzo.scenes.pairing.folders import Pairing, given_split, is_known_table, left_alone
from terrazzo.scenes.pairing.matching import lonely, match_places
from terrazzo.scenes.pairing.places import PlacedFile, place_folders, plain_place
from terrazzo.scenes.scene import Unpaired
from terrazzo.scenes.trees import Tree


def is_picture(name: str) -> bool:
    """Whether a file is an image or mask by its suffix."""
    return posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES


def pair_by_stem(tree: Tree) -> Pairing | None:
    """The images and masks of all folders that belong together by their names; None if there are none.

    `folder_words` says which names are for images and which for masks. Equal stems pair first, then stems that differ
    by a word (`stems`). Raises InputError where two folders may hold the masks, or the images.
    """
    pictures = [name for name in tree.files() if is_picture(name)]
    folders = list(dict.fromkeys(posixpath.dirname(name) for name in pictures))
    places = place_folders(tree, folders)
    if not places:
        return None
    placed: list[PlacedFile] = []
    strangers: list[str] = []
    halves: list[Unpaired] = []
    for name in pictures:
        folder = posixpath.dirname(name)
        if place := places.get(folder):
            placed.append(PlacedFile(place, name))
        elif plain := plain_place(folder):
            # A lone images/ or masks/ folder is half of a data set: its files lack partners.
            halves.append(lonely(tree, PlacedFile(plain, name), {}))
        else:
            strangers.append(name)
    pairing = match_places(tree, _lifted(placed))
    others = [name for name in tree.files() if not is_picture(name) and not is_known_table(name)]
    outside = left_alone(strangers, "image file", f"outside {IMAGE_FOLDER}/ and {MASK_FOLDER}/")
    notes = (*pairing.notes, *outside, *left_alone(others, "other file"))
    return Pairing(pairing.pairs, (*pairing.unpaired, *halves), notes)


def _lifted(files: Sequence[PlacedFile]) -> list[PlacedFile]:
    """The files, without a folder that only one side has below its own: `masks/semantic/a` beside `images/a`.

    Several such folders may be of classes or renderings, and one that says a split is no detour: these stay.
    """
    inner: dict[tuple[tuple[str, str], str], set[str]] = {}
    for file in files:
        inner.setdefault((file.place.key, file.place.kind), set()).add(file.place.inner)
    lifted = set()
    for key, kind in inner:
        below, other = inner[key, kind], inner.get((key, MASK_FOLDER if kind == IMAGE_FOLDER else IMAGE_FOLDER))
        if other == {""} and len(below) == 1 and given_split(next(iter(below))) is None:
            lifted.add((key, kind))
    return [
        replace(file, place=replace(file.place, inner="")) if (file.place.key, file.place.kind) in lifted else file
        for file in files
    ]
