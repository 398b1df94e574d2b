"""Exports that hold one mask for each class or object instead of one for each image, recognised by their names.

- `task-7-annotation-3-by-1-tag-Building-0.png`: Label Studio's brush labels
- `labels/water/a.png` with `labels/road/a.png`: a folder a class, as in Agriculture-Vision
- `a_building.png` with `a_road.png`: an ending a class
- `ID/images/ID.png` with `ID/masks/*.png`, or `masks/ID/*.png`: a mask an object, as in the Data Science Bowl
"""

import posixpath
import re
from collections import Counter
from collections.abc import Sequence

from terrazzo.scenes.pairing.folder_words import MASK_FOLDER, folder_name
from terrazzo.scenes.pairing.siblings import is_picture
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many, listed

LABEL_STUDIO = re.compile(r"task-\d+-annotation-\d+-by-.*?-tag-(.+)-\d+\.png", re.IGNORECASE)
_SHOWN = 4


def one_mask_a_class(tree: Tree, masks: str | None = None) -> str | None:
    """One line on such an export: what it is, and which export to choose; None for other data.

    `masks` is the top folder that the user named for the masks.
    """
    pictures = [name for name in tree.files() if is_picture(name)]
    tags = Counter(match[1] for name in pictures if (match := LABEL_STUDIO.fullmatch(posixpath.basename(name))))
    if tags:
        return _line(
            f"{how_many(tags.total(), 'mask')} of Label Studio's brush labels, one PNG per class",
            sorted(tags),
            "export COCO or JSON from polygon labels, or join the PNGs of each task into one mask of ids",
        )
    one_each = "choose an export of one mask an image, with an id or a colour for each class, or join the masks"
    if classes := _folders(pictures, masks) or _endings(pictures):
        return _line("the masks are one file per class", classes, one_each)
    if example := _objects(pictures):
        return _line("the masks are one file per object", [example], one_each)
    return None


def _line(what: str, examples: Sequence[str], remedy: str) -> str:
    return f"{what} ({listed(list(examples), _SHOWN)}); {remedy}"


def _folders(pictures: Sequence[str], masks: str | None) -> list[str]:
    """The names of folders beside each other, in a folder of masks, that hold files of the same names."""
    inside: dict[str, dict[str, set[str]]] = {}
    for name in pictures:
        parts = name.split("/")
        for at, part in enumerate(parts[:-2]):
            if folder_name(part).kind == MASK_FOLDER or (at == 0 and part == masks):
                within = inside.setdefault("/".join(parts[: at + 1]), {})
                within.setdefault(parts[at + 1], set()).add("/".join(parts[at + 2 :]))
                break
    images = {posixpath.splitext(posixpath.basename(name))[0] for name in pictures}
    for folders in inside.values():
        if folders.keys() <= images:
            continue  # a folder an image
        stems = [{posixpath.splitext(name)[0] for name in names} for names in folders.values()]
        if len(stems) > 1 and stems[0] & stems[1] and stems[0] & images:
            return [f"{folder}/" for folder in folders]
    return []


def _endings(pictures: Sequence[str]) -> list[str]:
    """The endings that masks add to the names of images, if two images or more have the same two endings or more."""
    stems = {posixpath.splitext(posixpath.basename(name))[0] for name in pictures}
    endings: dict[str, set[str]] = {}
    for stem in stems:
        for match in re.finditer(r"[_\-. ]", stem):
            if stem[: match.start()] in stems:
                endings.setdefault(stem[: match.start()], set()).add(stem[match.start() :])
                break
    counts = Counter(ending for of_image in endings.values() if len(of_image) > 1 for ending in of_image)
    several = [ending for ending, count in counts.items() if count > 1 and re.search(r"[^\W\d_]", ending)]
    return [f"*{ending}" for ending in sorted(several)] if len(several) > 1 else []


def _objects(pictures: Sequence[str]) -> str | None:
    """A folder of several masks of one image, by its name or by a folder of one image beside it; at least two such."""
    counts: dict[str, Counter[str]] = {}
    stems = {posixpath.splitext(posixpath.basename(name))[0] for name in pictures}
    of_image: Counter[str] = Counter()
    for name in pictures:
        above, folder = posixpath.split(posixpath.dirname(name))
        if folder in stems and folder_name(posixpath.basename(above)).kind == MASK_FOLDER:
            of_image[posixpath.join(above, folder)] += 1
        if kind := folder_name(folder).kind:
            counts.setdefault(above, Counter())[kind] += 1
    several = [folder for folder, count in of_image.items() if count > 1]
    several += [above for above, of in counts.items() if of["images"] == 1 and of["masks"] > 1]
    return f"{several[0]}/" if len(several) > 1 else None
