"""Cityscapes: the 34 ids become the 19 training ids, the splits are kept, a city is a group.

    leftImg8bit/{train,val,test}/CITY/CITY_SEQ_FRAME_leftImg8bit.png
    gtFine/{train,val,test}/CITY/CITY_SEQ_FRAME_gtFine_labelIds.png     (and _color, _instanceIds, _labelTrainIds)

The published labels of the test cities hold no class. https://www.cityscapes-dataset.com (no redistribution)
"""

import posixpath
import re
from collections.abc import Sequence

from terrazzo.classes.palettes import CITYSCAPES
from terrazzo.classes.schema import IGNORE
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.folders import left_alone
from terrazzo.scenes.pairing.keyed import Keyed
from terrazzo.scenes.scene import Asset, Found, Layout, LayoutClasses, Scene
from terrazzo.scenes.trees import Tree

NAME = "cityscapes"

EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The ids of the 19 trained and scored classes, in the order of their training ids."""
N_IDS = 34
TRAINING_IDS = tuple(EVALUATED.index(i) if i in EVALUATED else IGNORE for i in range(N_IDS))
"""The training id of each id, 255 for the fifteen ignored ones."""

_IMAGE = re.compile(r"(?:^|.*/)leftImg8bit/(train|val|test)/([^/]+)/([^/]+)_leftImg8bit\.[^./]+", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:^|.*/)gtFine/(train|val|test)/([^/]+)/([^/]+)_gtFine_(labelIds|labelTrainIds|color|instanceIds)\.[^./]+",
    re.IGNORECASE,
)
_Key = tuple[str, str, str]
"""Split, city and the stem that image and labels share."""


def find(tree: Tree) -> Found | None:
    """The scenes of leftImg8bit/ and gtFine/, at any depth; None where there are none."""
    ids: Keyed[_Key] = Keyed()
    train_ids: Keyed[_Key] = Keyed()
    strangers = []
    for name in tree.files():
        if match := _IMAGE.fullmatch(name):
            ids.add_image(_key(match), name)
            train_ids.add_image(_key(match), name)
        elif match := _LABEL.fullmatch(name):
            wanted = {"labelids": ids, "labeltrainids": train_ids}.get(match[4].lower())
            if wanted is not None:
                wanted.add_label(_key(match), name)
        elif name.lower().endswith(IMAGE_SUFFIXES):
            strangers.append(name)
    if not ids.images or not (ids.labels or train_ids.labels):
        return None
    keyed, values = (ids, TRAINING_IDS) if ids.labels else (train_ids, tuple(range(CITYSCAPES.n_classes)))
    outside = left_alone(strangers, "image file", "outside leftImg8bit/ and gtFine/")
    notes = [*_unlabelled_splits(keyed), *outside]
    scenes = [
        Scene("/".join(key), Asset(tree, image), Asset(tree, label), key[1], key[0], values)
        for key, (image, label) in keyed.pairs().items()
    ]
    kind = "labelIds" if ids.labels else "labelTrainIds"
    unpaired = keyed.unpaired(
        tree, lambda key: _name("gtFine", key, f"gtFine_{kind}"), lambda key: _name("leftImg8bit", key, "leftImg8bit")
    )
    return Found(NAME, tuple(scenes), tuple(unpaired), notes=tuple(notes), classes=_classes(kind))


def _classes(kind: str) -> LayoutClasses:
    mapped = f"of its {N_IDS} ids the others are ignored" if kind == "labelIds" else "read from labelTrainIds"
    return LayoutClasses(CITYSCAPES, f"classes: the {CITYSCAPES.n_classes} training classes of Cityscapes; {mapped}")


def _unlabelled_splits(keyed: Keyed[_Key]) -> Sequence[str]:
    """Take out the images of splits without any label, as the test labels are withheld, and note it."""
    labelled = {key[0] for key in keyed.labels}
    notes = []
    for split in dict.fromkeys(key[0] for key in keyed.images if key[0] not in labelled):
        without = [key for key in keyed.images if key[0] == split]
        names = [keyed.images[key][0] for key in without]
        notes += left_alone(names, "image", f"of {split}, which has no labels,")
        for key in without:
            del keyed.images[key]
    return notes


def _key(match: re.Match[str]) -> _Key:
    return match[1].lower(), match[2], match[3]


def _name(folder: str, key: _Key, kind: str) -> str:
    return posixpath.join(folder, *key[:2], f"{key[2]}_{kind}.png")


LAYOUT = Layout(NAME, find, "leftImg8bit/ with gtFine/, in them train/CITY/", rank=30)
