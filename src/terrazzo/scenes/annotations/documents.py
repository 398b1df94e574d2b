"""The annotation files of a tree: which there are, of which kind, and what each says of its pictures."""

import json
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.annotations.coco import is_coco, read_coco
from terrazzo.scenes.annotations.label_studio import is_label_studio, read_label_studio
from terrazzo.scenes.annotations.labelme import is_labelme, read_labelme
from terrazzo.scenes.annotations.pictures import Document
from terrazzo.scenes.annotations.unread import unread_json, unread_lines, unread_xml
from terrazzo.scenes.annotations.via import is_via, read_via
from terrazzo.scenes.annotations.yolo import is_yolo, read_yolo, yolo_names
from terrazzo.scenes.trees import Tree

_DAMAGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, SyntaxError)


@dataclass(frozen=True)
class JsonFormat:
    """A format of annotations in JSON."""

    name: str
    fits: Callable[[Any], bool]
    """Whether a JSON value has this format."""
    read: Callable[[Any, str], Document]
    """The pictures in it, given the file's name for messages."""


JSON_FORMATS = (
    JsonFormat("COCO JSON", is_coco, read_coco),
    JsonFormat("LabelMe JSON", is_labelme, read_labelme),
    JsonFormat("Label Studio JSON", is_label_studio, read_label_studio),
    JsonFormat("VIA JSON", is_via, read_via),
)
YOLO = "YOLO polygons"
FORMATS = (*(one.name for one in JSON_FORMATS), YOLO)
"""The names of all formats, in the order in which they are tried."""


@dataclass(frozen=True, eq=False)
class AnnotationFile:
    """One annotation file, its format and content."""

    name: str
    """In the tree."""
    format: str
    document: Document


def annotation_files(tree: Tree) -> Iterator[AnnotationFile]:
    """The annotation files in a tree, one after another. Raises InputError, naming the file, at damaged ones."""
    names = tree.files()
    for name in names:
        if name.lower().endswith(".json"):
            found = _json_file(tree, name)
            if found is not None:
                yield found
    yield from _yolo_files(tree, names)


def holds_annotations(tree: Tree) -> bool:
    """Whether any file of a tree has the form of annotations; damage inside is found when they are read."""
    for name in tree.files():
        try:
            if name.lower().endswith(".txt") and is_yolo(_text(tree, name)):
                return True
            if name.lower().endswith(".json"):
                document = json.loads(tree.read(name))
                if any(one.fits(document) for one in JSON_FORMATS):
                    return True
        except (ValueError, ImageError, RecursionError):
            continue
    return False


def unread_file(tree: Tree) -> str | None:
    """The first annotation file of a kind that is not read, with what to do instead; None without any."""
    for name in tree.files():
        try:
            if name.lower().endswith(".xml"):
                about = unread_xml(tree.read(name)[:4096])
            elif name.lower().endswith(".json"):
                about = unread_json(json.loads(tree.read(name)))
            elif name.lower().endswith((".csv", ".ndjson")):
                about = unread_lines(name, tree.read(name)[:4096])
            else:
                continue
        except (ValueError, ImageError, RecursionError):
            continue
        if about:
            return f"{tree.where(name)}: {about}"
    return None


def _json_file(tree: Tree, name: str) -> AnnotationFile | None:
    """The annotations in a JSON file; None if it is no JSON or of no known format."""
    where = tree.where(name)
    try:
        document = json.loads(tree.read(name))
    except (ValueError, RecursionError):
        return None
    found = next((one for one in JSON_FORMATS if one.fits(document)), None)
    if found is None:
        return None
    try:
        return AnnotationFile(name, found.name, found.read(document, where))
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{where}: is {found.name}, but damaged ({reason}); export it again") from error


def _yolo_files(tree: Tree, names: Sequence[str]) -> Iterator[AnnotationFile]:
    """The label files of images: of equal name in the folder `labels/` beside `images/`, or in the same folder.

    Of two folders that were given, the label lies at the same place in the other one.
    """
    there = set(names)
    tops = dict.fromkeys(name.split("/")[0] for name in names if "/" in name)
    pairs = {}
    for name in names:
        stem, suffix = posixpath.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES:
            parts = stem.split("/")
            swapped = ["labels" if part.lower() == "images" else part for part in parts]
            others = ("/".join((top, *parts[1:])) for top in tops)
            stems = ("/".join(swapped), stem, *others)
            pairs[name] = next((f"{one}.txt" for one in stems if f"{one}.txt" in there), None)
    texts = {image: _text(tree, label) for image, label in pairs.items() if label}
    if not any(is_yolo(text) for text in texts.values()):
        return
    classes = yolo_names(tree)
    for image, text in texts.items():
        label = str(pairs[image])
        yield AnnotationFile(label, YOLO, read_yolo(text, "/" + image, classes, tree.where(label)))


def _text(tree: Tree, name: str) -> str:
    return tree.read(name).decode("utf-8-sig", errors="replace")
