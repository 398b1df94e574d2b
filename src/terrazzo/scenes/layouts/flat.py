"""The plain layout: images and masks in sibling folders at any depth, or in one folder.

- `images/a.jpg` with `masks/a.png`: one pair of folders, each image is its own group
- `north/images/a.jpg` with `north/masks/a.png`: several pairs, the folder `north` is the group
- `train/images/a.jpg` with `train/masks/a.png`: train, val (valid, validation) and test give the split
- `img/IMG_7.tif` with `msk/MSK_7.tif`: other usual names of folders, file names that differ by a known word
- `a_sat.jpg` with `a_mask.png`: both in one folder, if there are no such folders
- `a.jpg` with `a_roofs.png`: one ending of any kind, if only these can be masks (`endings`)
- `one/a.jpg` with `two/a.png`: folders whose names say nothing, if only one of them can hold masks (`looks`)

A list (train.txt, val.txt, test.txt, split.csv) among the files gives the split too.
"""

import posixpath

from terrazzo.errors import InputError
from terrazzo.scenes.pairing.endings import pair_by_ending
from terrazzo.scenes.pairing.folders import Pairing, common_folder, find_class_table, given_split, without_split
from terrazzo.scenes.pairing.looks import pair_by_look
from terrazzo.scenes.pairing.one_folder import pair_in_folder
from terrazzo.scenes.pairing.per_class import one_mask_a_class
from terrazzo.scenes.pairing.siblings import pair_by_stem
from terrazzo.scenes.pairing.split_folders import split_folders
from terrazzo.scenes.pairing.split_lists import with_split_lists
from terrazzo.scenes.scene import Found, Layout, Scene
from terrazzo.scenes.trees import Tree

NAME = "flat"
NO_PAIR = "no image and mask are named alike; say how the names differ with --image-suffix and --mask-suffix"


def find(tree: Tree) -> Found | None:
    """The scenes of sibling folders `images/` and `masks/`, else of pairs in one folder, else of two folders alike.

    None if there are none. Raises InputError at exports of one mask a class, and where folders or files fit alike.
    """
    try:
        pairing = pair_by_stem(tree) or pair_in_folder(tree)
    except InputError:
        refuse_masks_of_classes(tree)  # says more than that two folders hold masks
        raise
    if pairing is None or not pairing.pairs:
        refuse_masks_of_classes(tree)
        pairing = pair_by_look(tree) or pair_by_ending(tree) or pairing
    return None if pairing is None else found_of(tree, pairing)


def refuse_masks_of_classes(tree: Tree, masks: str | None = None) -> None:
    """Raise InputError at an export of one mask a class or object, in `masks` if the user named that folder."""
    if (problem := one_mask_a_class(tree, masks)) is not None:
        raise InputError(f"{tree.name}: {problem}")


def found_of(tree: Tree, pairing: Pairing) -> Found:
    """The scenes of a pairing, with their groups, the split that folders and lists give, and the class table."""
    base, splits = common_folder(pairing.folders), split_folders(tree)
    scenes = []
    for pair in pairing.pairs:
        folder = "" if pair.folder == base else posixpath.relpath(pair.folder, base or ".")
        name = posixpath.join(folder, pair.stem)
        group = without_split(posixpath.join(folder, posixpath.dirname(pair.stem)), splits)
        split = given_split(posixpath.join(pair.folder, posixpath.dirname(pair.stem)), splits)
        scenes.append(Scene(name, pair.image, pair.mask, group or name, split))
    notes = pairing.notes if scenes else (*pairing.notes, NO_PAIR)
    found = Found(NAME, tuple(scenes), pairing.unpaired, find_class_table(tree), notes=notes)
    return with_split_lists(found, tree)


LAYOUT = Layout(NAME, find, "images/ and masks/ side by side, or other names that differ in words for these", rank=90)
