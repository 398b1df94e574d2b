"""CamVid in its prepared layout: four folders of frames of driving videos, masks of ids 0..11.

    images_prepped_train/0001TP_006690.png    annotations_prepped_train/0001TP_006690.png
    images_prepped_test/0016E5_07959.png      annotations_prepped_test/0016E5_07959.png

A file name begins with its video, which is the group. http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid
"""

import re
from collections.abc import Sequence

from terrazzo.classes.palettes import CAMVID
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.folders import left_alone
from terrazzo.scenes.pairing.keyed import Keyed
from terrazzo.scenes.scene import Asset, Found, Layout, LayoutClasses, Scene
from terrazzo.scenes.trees import Tree

NAME = "camvid"

_FILE = re.compile(r"(?:^|.*/)(images|annotations)_prepped_(train|val|test)/([^/]+)\.[^./]+", re.IGNORECASE)
_COPY = re.compile(r"(.+?) ?\(\d+\)")
_Key = tuple[str, str]
"""Split and stem."""


def find(tree: Tree) -> Found | None:
    """The scenes of the prepared folders, at any depth; None where there are none."""
    places = {name: match for name in tree.files() if (match := _place(name))}
    originals = {(match[1].lower(), *_key(match)) for match in places.values()}
    keyed: Keyed[_Key] = Keyed()
    copies = []
    for name, match in places.items():
        if (copy := _COPY.fullmatch(match[3])) and (match[1].lower(), match[2].lower(), copy[1]) in originals:
            copies.append(name)
        elif match[1].lower() == "images":
            keyed.add_image(_key(match), name)
        else:
            keyed.add_label(_key(match), name)
    if not keyed.images or not keyed.labels:
        return None
    ids = tuple(range(CAMVID.n_classes))
    scenes = [
        Scene("/".join(key), Asset(tree, image), Asset(tree, label), key[1].split("_")[0], key[0], ids)
        for key, (image, label) in keyed.pairs().items()
    ]
    unpaired = keyed.unpaired(
        tree, lambda key: f"annotations_prepped_{'/'.join(key)}.*", lambda key: f"images_prepped_{'/'.join(key)}.*"
    )
    strangers = [name for name in tree.files() if name not in places and name.lower().endswith(IMAGE_SUFFIXES)]
    notes = [
        *left_alone(copies, "stray file", "named `name(1)`"),
        *left_alone(strangers, "other image file"),
        *_shared_sequences(scenes),
    ]
    classes = LayoutClasses(CAMVID, f"classes: the {CAMVID.n_classes} of CamVid, by id")
    return Found(NAME, tuple(scenes), tuple(unpaired), notes=tuple(notes), classes=classes)


def _place(name: str) -> re.Match[str] | None:
    return _FILE.fullmatch(name) if name.lower().endswith(IMAGE_SUFFIXES) else None


def _key(match: re.Match[str]) -> _Key:
    return match[2].lower(), match[3]


def _shared_sequences(scenes: Sequence[Scene]) -> list[str]:
    """A warning of videos in both train and test, as in the published split."""
    train, test = ({scene.group for scene in scenes if scene.split == side} for side in ("train", "test"))
    shared = sorted(train & test)
    return [f"frames of {', '.join(shared)} are in train and in test: scores on test are optimistic"] if shared else []


LAYOUT = Layout(NAME, find, "images_prepped_train/ with annotations_prepped_train/", rank=50)
