"""The Dubai set, "Semantic segmentation of aerial imagery" by Humans in the Loop.

    Tile 1/images/image_part_001.jpg    Tile 1/masks/image_part_001.png    classes.json

The nine parts of a tile are one picture cut 3 x 3, so the tile is the group. Black is ground without annotation.
https://www.kaggle.com/datasets/humansintheloop/semantic-segmentation-of-aerial-imagery (CC0)
"""

import posixpath
import re

from terrazzo.classes.palettes import DUBAI
from terrazzo.scenes.pairing.folders import common_folder, find_class_table, given_split, without_split
from terrazzo.scenes.pairing.siblings import pair_by_stem
from terrazzo.scenes.pairing.split_lists import with_split_lists
from terrazzo.scenes.scene import Found, Layout, Scene
from terrazzo.scenes.trees import Tree

NAME = "humans-in-the-loop"


def find(tree: Tree) -> Found | None:
    """The scenes of the tiles; None if a folder with pairs is not called `Tile N`."""
    named = (part for name in (f"{tree.name}/", *tree.files()) for part in name.split("/")[:-1])
    if not any(_is_tile(part) for part in named):
        return None
    pairing = pair_by_stem(tree)
    if pairing is None:
        return None
    # A tile that is the root itself has no folder name inside the tree.
    tiles = {folder: folder or tree.name for folder in pairing.folders}
    if not tiles or not all(_is_tile(posixpath.basename(tile)) for tile in tiles.values()):
        return None
    base = common_folder([posixpath.dirname(tile) for tile in tiles.values()])
    scenes = []
    for pair in pairing.pairs:
        tile = posixpath.relpath(tiles[pair.folder], base or ".")
        scenes.append(
            Scene(f"{tile}/{pair.stem}", pair.image, pair.mask, without_split(tile), given_split(pair.folder))
        )
    table = find_class_table(tree)
    found = Found(NAME, tuple(scenes), pairing.unpaired, table, DUBAI.void_colors, pairing.notes)
    return with_split_lists(found, tree)


def _is_tile(folder: str) -> bool:
    return re.fullmatch(r"tile[ _-]?\d+", folder, re.IGNORECASE) is not None


LAYOUT = Layout(NAME, find, "folders Tile N, each with images/ and masks/", rank=10)
