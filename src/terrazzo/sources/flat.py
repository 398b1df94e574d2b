"""The plain layout: any folder that holds `images/` and `masks/` side by side, at any depth.

images/a.jpg          masks/a.png               one pair of folders: every image is its own group
north/images/a.jpg    north/masks/a.png         several: the folder (`north`) is the group
train/images/a.jpg    train/masks/a.png         train, val (valid, validation) and test above or below give the split
"""

import posixpath

from terrazzo.sources.pairs import common_folder, find_class_table, given_split, pair_by_stem, without_split
from terrazzo.sources.scene import Found, Scene, Tree

NAME = "flat"
EXPECTED = "images/ and masks/ side by side, their files of equal names"


def find(tree: Tree) -> Found | None:
    """The scenes of sibling folders `images/` and `masks/`; None where there are none."""
    pairing = pair_by_stem(tree)
    if pairing is None:
        return None
    base = common_folder(pairing.folders)
    scenes = []
    for pair in pairing.pairs:
        folder = "" if pair.folder == base else posixpath.relpath(pair.folder, base or ".")
        name = posixpath.join(folder, pair.stem)
        group = without_split(posixpath.join(folder, posixpath.dirname(pair.stem)))
        split = given_split(posixpath.join(pair.folder, posixpath.dirname(pair.stem)))
        scenes.append(Scene(name, pair.image, pair.mask, group or name, split))
    return Found(NAME, tuple(scenes), pairing.unpaired, find_class_table(tree), notes=pairing.notes)
