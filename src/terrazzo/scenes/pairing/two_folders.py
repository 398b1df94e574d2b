"""The images of one folder and the masks of another, as a command names them."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import replace

from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDER, MASK_FOLDER, PLAIN, without_words
from terrazzo.scenes.pairing.folders import Pairing, is_known_table, left_alone
from terrazzo.scenes.pairing.matching import match_places
from terrazzo.scenes.pairing.places import Place, PlacedFile
from terrazzo.scenes.pairing.siblings import is_picture
from terrazzo.scenes.trees import Tree


def pair_two_folders(tree: Tree, images: str, masks: str) -> Pairing:
    """The pictures below `images` paired with those below `masks`: by their paths in there, which differ in words only.

    Where no two paths are alike, the names alone decide if each is unique.
    """
    placed = [
        PlacedFile(Place(("", ""), "", kind, PLAIN, root, posixpath.dirname(name[len(root) + 1 :])), name)
        for kind, root in ((IMAGE_FOLDER, images), (MASK_FOLDER, masks))
        for name in tree.files()
        if name.startswith(f"{root}/") and is_picture(name)
    ]
    first = pairing = match_places(tree, placed)
    for inner_of in (without_words, lambda inner: ""):
        if not pairing.pairs:
            pairing = match_places(tree, _moved(placed, inner_of))
    if not pairing.pairs:
        pairing = first
    others = [name for name in tree.files() if not is_picture(name) and not is_known_table(name)]
    return replace(pairing, notes=(*pairing.notes, *left_alone(others, "other file")))


def _moved(placed: Sequence[PlacedFile], inner_of: Callable[[str], str]) -> list[PlacedFile]:
    return [replace(file, place=replace(file.place, inner=inner_of(file.place.inner))) for file in placed]


def plain_path(name: str) -> str:
    """The path of a file whose folders lack their words for images and masks: `area/img/IMG_7` as `area/IMG_7`."""
    return posixpath.join(without_words(posixpath.dirname(name)), posixpath.basename(name))
