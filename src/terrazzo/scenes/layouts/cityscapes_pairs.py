"""The 'image pairs' copy of Cityscapes: one JPEG a scene, the photo on the left, its colour mask on the right.

    cityscapes_data/train/N.jpg    cityscapes_data/val/N.jpg

JPEG has smeared the masks into thousands of colours. Each pixel becomes the training id of the nearest colour of
Cityscapes; several ids share a colour, so ids cannot be had. Pixels too far from every colour are ignored.
"""

import posixpath
from pathlib import PurePosixPath

from terrazzo.classes.palettes import CITYSCAPES
from terrazzo.errors import ImageError
from terrazzo.pixels.image_view import ImageView
from terrazzo.pixels.masks import read_mask, snap
from terrazzo.pixels.suffixes import JPEG_SUFFIXES, TIFF_SUFFIXES
from terrazzo.scenes.pairing.folders import left_alone
from terrazzo.scenes.scene import Asset, Found, Layout, LayoutClasses, LossyColors, Scene
from terrazzo.scenes.trees import Tree

NAME = "cityscapes-pairs"
DISTANCE = 48.0
"""How far in RGB (0..441) a pixel may be from its colour.

Measured on maps of 29 colours saved as JPEG with halved chroma at quality 75 to 95. Of the pixels 32 to 48 away from
the nearest colour 56 % are of that class, of those 48 to 64 away 46 %. 5 % are farther than 48, all along edges.
"""
FOLDER = "cityscapes_data"
"""A folder of this name is the data set; in another the first mask must have these colours."""
FAR_SHARE = 0.1
_SPLITS = ("train", "val", "test")


def find(tree: Tree) -> Found | None:
    """The scenes of numbered side-by-side JPEGs in train/, val/ and test/; None if there are others, or none."""
    images = [name for name in tree.files() if _is_scene(name)]
    if not images:
        return None
    is_foreign = any(_is_mask_like(name) for name in tree.files())
    folders = (part.lower() for part in (tree.name, *PurePosixPath(images[0]).parts))
    if FOLDER not in folders and (is_foreign or not _looks_so(Asset(tree, images[0]))):
        return None
    # The archive may contain its own folder once more; the outer one counts.
    base = min((_base(name) for name in images), key=lambda folder: (folder.count("/"), len(folder)))
    mine = dict.fromkeys(name for name in images if _base(name) == base)
    others = [name for name in tree.files() if name not in mine]
    lossy = LossyColors(CITYSCAPES, DISTANCE)
    scenes = []
    for name in mine:
        split = PurePosixPath(name).parts[-2].lower()
        scene, asset = f"{split}/{PurePosixPath(name).stem}", Asset(tree, name)
        scenes.append(Scene(scene, asset, asset, scene, split, side_by_side=True, lossy=lossy))
    note = f"classes: the {CITYSCAPES.n_classes} training classes of Cityscapes, by the nearest colour"
    notes = left_alone(others, "other file")
    return Found(NAME, tuple(scenes), notes=tuple(notes), classes=LayoutClasses(CITYSCAPES, note))


def _is_scene(name: str) -> bool:
    path = PurePosixPath(name)
    in_split = len(path.parts) > 1 and path.parts[-2].lower() in _SPLITS
    return in_split and path.suffix.lower() in JPEG_SUFFIXES and path.stem.isdecimal()


def _is_mask_like(name: str) -> bool:
    """Whether a file says that this is another data set: an image without losses, as masks are."""
    return PurePosixPath(name).suffix.lower() in (".png", *TIFF_SUFFIXES, ".bmp")


def _looks_so(asset: Asset) -> bool:
    """Whether nearly all of the right half has the colours of Cityscapes."""
    try:
        mask = snap(read_mask(asset.read(), asset.where, ImageView("right")), CITYSCAPES, DISTANCE)
    except ImageError:
        return False
    return mask.n_far <= FAR_SHARE * mask.pixels.size


def _base(name: str) -> str:
    return posixpath.dirname(posixpath.dirname(name))


LAYOUT = Layout(NAME, find, "train/N.jpg and val/N.jpg, each a photo beside its colour mask", rank=40)
