"""Images and masks in two places beside each other whose names say too little: told apart by what lies in them.

Two places hold pictures of equal names. Masks are those whose folder says so, or else those that all have few colours
and are no JPEGs where the others have many. What stays unclear is refused, with the folders.
"""

import posixpath
from collections.abc import Mapping, Sequence

import numpy as np

from terrazzo.classes.schema import pack_colors
from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.photos import read_photo
from terrazzo.pixels.suffixes import JPEG_SUFFIXES
from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDER, MASK_FOLDER, PLAIN, folder_name
from terrazzo.scenes.pairing.folders import Pairing, given_split, is_known_table, left_alone
from terrazzo.scenes.pairing.matching import match_places
from terrazzo.scenes.pairing.places import Place, PlacedFile
from terrazzo.scenes.pairing.siblings import is_picture
from terrazzo.scenes.pairing.split_folders import split_folders
from terrazzo.scenes.pairing.stems import match_stems
from terrazzo.scenes.trees import Tree

_LOOKED_AT = 4
_ALIKE = 0.5
"""Share of the smaller folder's pictures that must have a partner."""
_MOST_COLORS, _LEAST_PIXELS = 64, 8
"""A mask has at most so many colours, and on average at least so many pixels a colour."""


def pair_by_look(tree: Tree) -> Pairing | None:
    """The pairs of folders beside each other that hold pictures of equal names; None if there are none.

    Raises InputError where it is not clear which of two folders holds the masks, or which the images of the masks.
    """
    pictures = [name for name in tree.files() if is_picture(name)]
    placed: list[PlacedFile] = []
    taken: list[str] = []
    for node, sides, two in _found(tree, "", pictures):
        for kind, side in zip((IMAGE_FOLDER, MASK_FOLDER), two, strict=True):
            root = posixpath.join(node, side)
            placed += [
                PlacedFile(Place((node, ""), node, kind, PLAIN, root, _inner(name, root)), name) for name in sides[side]
            ]
        shown = [f"{posixpath.join(node, side).rstrip('/') or '.'}/" for side in two]
        taken.append(f"taken for images: {shown[0]}, for masks: {shown[1]}, as their files are named alike")
    pairing = match_places(tree, placed)
    if not pairing.pairs:
        return None
    more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
    used = {file.name for file in placed}
    others = [name for name in tree.files() if not is_picture(name) and not is_known_table(name)]
    strangers = left_alone([name for name in pictures if name not in used], "image file", "in other folders")
    return Pairing(
        pairing.pairs,
        pairing.unpaired,
        (taken[0] + more, *pairing.notes, *strangers, *left_alone(others, "other file")),
    )


def _found(tree: Tree, node: str, names: Sequence[str]) -> list[tuple[str, Mapping[str, list[str]], tuple[str, str]]]:
    """Each folder that holds images and masks side by side: its pictures by the folder in there, and the two folders.

    The deepest come first, so that `train/` and `val/` are looked into rather than compared. `""` stands for the
    pictures in a folder itself.
    """
    start = len(node) + 1 if node else 0
    sides: dict[str, list[str]] = {}
    for name in names:
        child, slash, _ = name[start:].partition("/")
        sides.setdefault(child if slash else "", []).append(name)
    below = [
        found for side, inside in sides.items() if side for found in _found(tree, posixpath.join(node, side), inside)
    ]
    if below:
        return below
    able = {side: inside for side, inside in sides.items() if folder_name(side).kind != "other"}
    are_splits = all(given_split(side) for side in able)
    two = None if are_splits else _images_and_masks(tree, node, able)
    return [(node, able, two)] if two else []


def _images_and_masks(tree: Tree, node: str, sides: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """The folders of the images and of their masks among those beside each other; None if there are none."""
    kinds = {side: folder_name(side).kind for side in sides}
    masks = [side for side in sides if kinds[side] == MASK_FOLDER]
    if len(masks) == 1:
        fitting = [side for side in sides if side not in masks and _alike(node, sides, side, masks[0])]
        if len(fitting) > 1:
            raise InputError(_unclear(tree, node, fitting, f"may hold the images of {masks[0]}/", masks[0]))
        return (fitting[0], masks[0]) if fitting else None
    splits = split_folders(tree)
    if masks or len(sides) != 2 or all(side.lower() in splits for side in sides):
        return None
    one, two = sides
    if not _alike(node, sides, one, two):
        return None
    looks = [like_masks(tree, sides[side]) for side in (one, two)]
    if looks[0] == looks[1]:
        raise InputError(_unclear(tree, node, (one, two), "hold pictures of equal names, and either may be the masks"))
    return (two, one) if looks[0] else (one, two)


def _unclear(tree: Tree, node: str, sides: Sequence[str], what: str, masks: str | None = None) -> str:
    ordered = sorted(sides, key=lambda side: folder_name(side).kind != IMAGE_FOLDER)
    paths = [tree.where(posixpath.join(node, side)).rstrip("/") for side in ordered]
    command = [paths[0], tree.where(posixpath.join(node, masks)) if masks else paths[1]]
    return f"{' and '.join(paths)} {what}; give the images, then the masks, as in terrazzo prepare {' '.join(command)}"


def _alike(node: str, sides: Mapping[str, list[str]], one: str, two: str) -> bool:
    """Whether most of the pictures of the smaller side have a partner in the other."""
    stems = [
        {
            name: posixpath.join(
                _inner(name, posixpath.join(node, side)), posixpath.splitext(posixpath.basename(name))[0]
            )
            for name in sides[side]
        }
        for side in (one, two)
    ]
    equal = set(stems[0].values()) & set(stems[1].values())
    left = [{name: stem for name, stem in of.items() if stem not in equal} for of in stems]
    n_pairs = len(equal) + len(match_stems(left[0], left[1]).matches)
    return n_pairs >= max(1, _ALIKE * min(len(sides[one]), len(sides[two])))


def _inner(name: str, root: str) -> str:
    return posixpath.dirname(name[len(root) + 1 :] if root else name)


def like_masks(tree: Tree, names: Sequence[str]) -> bool:
    """Whether the pictures looked at all have as few colours as masks, without losses."""
    return all(_is_like_mask(tree, name) for name in names[:: max(len(names) // _LOOKED_AT, 1)][:_LOOKED_AT])


def _is_like_mask(tree: Tree, name: str) -> bool:
    if name.lower().endswith(JPEG_SUFFIXES):
        return False
    try:
        pixels = read_photo(tree.read(name), name)
    except ImageError:
        return False
    n_colors = len(np.unique(pack_colors(pixels)))
    return n_colors <= _MOST_COLORS and _LEAST_PIXELS * n_colors <= pixels.shape[0] * pixels.shape[1]
