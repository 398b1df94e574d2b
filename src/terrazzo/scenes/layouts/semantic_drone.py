"""The Semantic Drone Dataset (Graz University of Technology), as published and as circulated.

As published:    training_set/images/NNN.jpg, training_set/gt/semantic/label_images/NNN.png (colours),
                 training_set/gt/semantic/class_dict.csv
As circulated:   dataset/semantic_drone_dataset/original_images/NNN.jpg, .../label_images_semantic/NNN.png (ids: rows
                 of the table), RGB_color_image_masks/RGB_color_image_masks/NNN.png (colours), class_dict_seg.csv

Colour masks are read by the table if there are any, else masks of ids. The folders may lie at any depth.
https://www.tugraz.at/index.php?id=22387 (academic, non-commercial; no redistribution)
"""

import posixpath
from collections.abc import Sequence
from pathlib import PurePosixPath

from terrazzo.classes.schema import IGNORE, NO_CLASS
from terrazzo.classes.tables import ClassTable, parse_table
from terrazzo.errors import ClassTableError, ImageError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.folders import left_alone
from terrazzo.scenes.pairing.keyed import Keyed
from terrazzo.scenes.scene import Asset, Found, Layout, LayoutClasses, Scene
from terrazzo.scenes.trees import Tree

NAME = "semantic-drone"
CLASS_TABLES = ("class_dict_seg.csv", "class_dict.csv")
OVERLAP = (
    "the frames overlap and their flights are unknown, so each image is a group: scores may be a little optimistic"
)

_IMAGES = (("original_images",),)
_COLORS = (("rgb_color_image_masks",), ("gt", "semantic", "label_images"))
_IDS = (("label_images_semantic",),)


def find(tree: Tree) -> Found | None:
    """The scenes of either form; None if there are no folders of these names."""
    files = [name for name in tree.files() if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    colors, ids = _inside(files, _COLORS), _inside(files, _IDS)
    images = _inside(files, _IMAGES) or _official_images(files, colors)
    if not images or not (colors or ids):
        return None
    # An incomplete set of colour masks beside a complete one of ids must not cost scenes.
    stems, of_colors, of_ids = ({_stem(name) for name in names} for names in (images, colors, ids))
    is_color = len(stems & of_colors) >= len(stems & of_ids)
    masks, other = (colors, ids) if is_color else (ids, colors)
    keyed: Keyed[str] = Keyed()
    for name in images:
        keyed.add_image(_stem(name), name)
    for name in masks:
        keyed.add_label(_stem(name), name)
    table, classes = _classes(tree)
    values = None if is_color or table is None else _ids_of_values(table)
    scenes = [
        Scene(stem, Asset(tree, image), Asset(tree, mask), stem, label_ids=values)
        for stem, (image, mask) in keyed.pairs().items()
    ]
    unpaired = keyed.unpaired(tree, lambda stem: _beside(masks, stem), lambda stem: _beside(images, stem))
    mine = {*images, *colors, *ids}
    strangers = [name for name in files if name not in mine]
    notes = [
        f"masks: the {'colour masks' if is_color else 'masks of ids'} in {posixpath.dirname(masks[0])}",
        *left_alone(other, "mask", "of the other kind"),
        *left_alone(strangers, "other image file"),
        OVERLAP,
    ]
    return Found(NAME, tuple(scenes), tuple(unpaired), notes=tuple(notes), classes=classes)


def _inside(files: Sequence[str], folders: Sequence[Sequence[str]]) -> list[str]:
    """The files below nested folders of these names, whatever their case."""
    return [name for name in files if any(_holds(PurePosixPath(name).parts[:-1], wanted) for wanted in folders)]


def _holds(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    lowered, n = tuple(part.lower() for part in parts), len(wanted)
    return any(lowered[i : i + n] == tuple(wanted) for i in range(len(lowered) - n + 1))


def _official_images(files: Sequence[str], masks: Sequence[str]) -> list[str]:
    """The files of `images/` beside the `gt/` that holds the masks."""
    tops = {_above(name, "gt") for name in masks if _holds(PurePosixPath(name).parts[:-1], _COLORS[1])}
    return [name for name in files if _above(name, "images") in tops]


def _above(name: str, folder: str) -> str | None:
    """The path of the innermost folder of this name above the file, without the name; None if there is none."""
    parts = PurePosixPath(name).parts
    at = next((i for i in range(len(parts) - 2, -1, -1) if parts[i].lower() == folder), None)
    return None if at is None else "/".join(parts[:at])


def _classes(tree: Tree) -> tuple[ClassTable | None, LayoutClasses]:
    """The class table nearest to the root, and the classes with a note."""
    names = [name for name in tree.files() if posixpath.basename(name).lower() in CLASS_TABLES]
    if not names:
        problem = (
            f"found no table of classes ({' or '.join(CLASS_TABLES)}); "
            "put it beside the images' folder, or give one as --classes FILE"
        )
        return None, LayoutClasses(None, problem)
    asset = Asset(tree, min(names, key=lambda name: name.count("/")))
    try:
        table = parse_table(asset.read().decode("utf-8-sig"), asset.where)
    except (ImageError, ClassTableError, UnicodeDecodeError) as error:
        problem = str(error) if isinstance(error, ClassTableError | ImageError) else f"{asset.where}: is no UTF-8 text"
        return None, LayoutClasses(None, f"{problem}; mend the table, or give one as --classes FILE")
    note = f"classes: {table.schema.n_classes} from the data's own {asset.name}"
    return table, LayoutClasses(table.schema, note)


def _ids_of_values(table: ClassTable) -> tuple[int, ...]:
    """The class of each value in masks of ids: the table's id, or its row if ids begin below 0."""
    meant = dict(table.pairs())
    meant |= dict.fromkeys((value for _, value in table.ignored), IGNORE)
    first = min(0, *meant)
    return tuple(meant.get(value, NO_CLASS) for value in range(first, max(meant) + 1))


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _beside(names: Sequence[str], stem: str) -> str:
    return posixpath.join(posixpath.dirname(names[0]), f"{stem}.*")


LAYOUT = Layout(NAME, find, "original_images/ with label_images_semantic/", rank=20)
