"""Images with annotation files as scenes: each image with the polygons that a file gives for it."""

import posixpath
from collections import Counter
from pathlib import PurePosixPath

import numpy as np

from terrazzo.errors import InputError
from terrazzo.scenes.annotations.documents import FORMATS, AnnotationFile, annotation_files, unread_file
from terrazzo.scenes.annotations.drawing import Drawing
from terrazzo.scenes.annotations.images import Images
from terrazzo.scenes.annotations.pictures import Annotated
from terrazzo.scenes.pairing.folders import common_folder, given_split, unclear_name, without_split
from terrazzo.scenes.pairing.split_folders import split_folders
from terrazzo.scenes.pairing.split_lists import with_split_lists
from terrazzo.scenes.scene import Asset, Found, Scene, Unpaired
from terrazzo.scenes.trees import Tree, natural_key
from terrazzo.system.reporting import how_many, listed

_SHOWN = 4
_SPLIT_WORDS = ("train", "val", "valid", "validation", "test")


def find_annotated(tree: Tree, layout: str) -> Found | None:
    """The images of a tree that annotation files describe; None without such files.

    Raises InputError at annotation files of other kinds, at damaged ones, and where no polygon is in any.
    """
    gathered = _Gathered(tree)
    for file in annotation_files(tree):
        gathered.add(file)
    if not gathered.files:
        if about := unread_file(tree):
            raise InputError(about)
        return None
    if gathered.n_shapes and not gathered.names:
        lone = gathered.unpaired[0]
        raise InputError(f"{lone.asset.where}: {lone.problem}; give the images with it")
    if not gathered.names:
        left = f" ({listed(gathered.left_out(), _SHOWN)})" if gathered.left_out() else ""
        raise InputError(
            f"{tree.where(gathered.files[0])}: is {gathered.formats()} without a polygon{left}; "
            "export the segmentation as polygons, not boxes"
        )
    return with_split_lists(gathered.found(layout), tree)


class _Gathered:
    """What the annotation files of a tree say, added file by file."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.files: list[str] = []
        self.names: dict[str, int] = {}
        """Class names with their numbers."""
        self.n_shapes = 0
        self._images = Images(tree)
        self._kinds: Counter[str] = Counter()
        self._drawn: dict[str, tuple[str, Annotated]] = {}
        self.unpaired: list[Unpaired] = []
        self._left: Counter[str] = Counter()
        self._order: dict[str, None] = {}
        self._splits = split_folders(tree)

    def add(self, file: AnnotationFile) -> None:
        """Take in the pictures of one file."""
        self.files.append(file.name)
        self._kinds[file.format] += 1
        self._left += file.document.left
        self._order |= dict.fromkeys(file.document.names)
        for picture in file.document.pictures:
            self.n_shapes += len(picture.shapes)
            found = self._images.find(picture.image, file.name) if picture.image else ()
            found = found or (self._images.of_file(file.name) if len(file.document.pictures) == 1 else ())
            if len(found) == 1 and found[0] not in self._drawn:
                self._drawn[found[0]] = (file.name, picture)
                self.names |= dict.fromkeys((name for name, _ in picture.shapes), 0)
            elif len(found) == 1:
                self._left["image described again"] += 1
            else:
                name = picture.image or file.name
                problem = unclear_name(name, found) if found else f"{name} is listed in it, but that image is missing"
                self.unpaired.append(Unpaired(Asset(self.tree, file.name), problem))

    def formats(self) -> str:
        """The formats of the files, as in `COCO JSON and YOLO polygons`."""
        return " and ".join(one for one in FORMATS if self._kinds[one])

    def left_out(self) -> list[str]:
        """Counts of what is no area."""
        return [f"{count} {what if count == 1 else _plural(what)}" for what, count in self._left.items()]

    def found(self, layout: str) -> Found:
        """The scenes, with the class names in the files' order, else in natural order."""
        ordered = [name for name in self._order if name in self.names]
        ordered += sorted((name for name in self.names if name not in self._order), key=natural_key)
        self.names = {name: number for number, name in enumerate(ordered)}
        base = common_folder([posixpath.dirname(name) for name in self._drawn])
        scenes = tuple(self._scene(name, base) for name in self._images.names if name in self._drawn)
        lone = [name for name in self._images.names if name not in self._drawn]
        unpaired = (*self.unpaired, *(Unpaired(Asset(self.tree, n), "image without an annotation") for n in lone))
        never = [name for name in self._order if name not in self.names]
        notes = (
            f"labels: {self.formats()} ({how_many(len(self.files), 'file')})",
            *([f"left out: {listed(self.left_out(), _SHOWN)}"] if self._left else []),
            *([f"classes without a polygon, left out: {listed(never, _SHOWN)}"] if never else []),
        )
        return Found(layout, scenes, unpaired, notes=notes, names=tuple(ordered))

    def _scene(self, image: str, base: str) -> Scene:
        file, picture = self._drawn[image]
        folder, stem = posixpath.split(posixpath.splitext(image)[0])
        folder = "" if folder == base else posixpath.relpath(folder, base or ".")
        name = posixpath.join(folder, stem)
        ids = np.array([self.names[label] for label, _ in picture.shapes], np.uint8)
        polygons = np.empty(len(ids), object)
        polygons[:] = [shape for _, shape in picture.shapes]
        label = Drawing(self.tree, file, image, polygons, ids, picture.size, picture.in_shares)
        group = without_split(folder.removeprefix("images").strip("/"), self._splits)
        return Scene(
            name, Asset(self.tree, image), label, group or name, given_split(image, self._splits) or _split_of(file)
        )


def _split_of(file: str) -> str | None:
    """The split that an annotation file's name tells, as `instances_val2017.json`."""
    stem = PurePosixPath(file).stem.lower()
    words = set(stem.replace("-", "_").replace(".", "_").rstrip("0123456789").split("_"))
    return next((given_split(word) for word in _SPLIT_WORDS if word in words), None)


def _plural(what: str) -> str:
    """`boxes without a polygon` of `box without a polygon`."""
    first, _, rest = what.partition(" ")
    return f"{first}{'es' if first.endswith('x') else 's'} {rest}".rstrip()
