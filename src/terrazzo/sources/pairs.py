"""Images and masks in sibling folders, `images/` and `masks/`, paired by stem: the base of the readers of this kind."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from terrazzo.sources.scene import Asset, Tree, Unpaired

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
IMAGE_FOLDER, MASK_FOLDER = "images", "masks"
CLASS_TABLES = ("classes.json", "classes.csv")
SPLIT_FOLDERS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Pair:
    """An image and the mask of its name."""

    folder: str
    """Where `images/` and `masks/` lie, relative to the root; "" is the root itself."""
    stem: str
    """The name without suffix, with the folders between `images/` and the file: `a` or `day 1/a`."""
    image: Asset
    mask: Asset


@dataclass(frozen=True)
class Pairing:
    """All pairs below a root, in natural order, what has no partner, and what was left alone."""

    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    notes: tuple[str, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that hold pairs, each once."""
        return tuple(dict.fromkeys(pair.folder for pair in self.pairs))


@dataclass(frozen=True)
class _Place:
    """One file inside an `images/` or `masks/` folder."""

    folder: str
    kind: str
    stem: str
    name: str


def pair_by_stem(tree: Tree) -> Pairing | None:
    """The images and masks of all sibling folders `images/` and `masks/`, at any depth; None where there are none."""
    places: list[_Place] = []
    others: list[str] = []
    strangers: list[str] = []
    for name in tree.files():
        place = _place(name)
        is_image = PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
        if place and is_image:
            places.append(place)
        elif is_image:
            strangers.append(name)
        elif posixpath.basename(name).lower() not in CLASS_TABLES:
            others.append(name)
    folders = [
        folder
        for folder in dict.fromkeys(place.folder for place in places)
        if {place.kind for place in places if place.folder == folder} == {IMAGE_FOLDER, MASK_FOLDER}
    ]
    if not folders:
        return None
    paired, unpaired = _match(tree, [place for place in places if place.folder in folders])
    # A lone images/ or masks/ folder is somebody's half: its files are missing partners, not strangers.
    unpaired += [_lonely(tree, place) for place in places if place.folder not in folders]
    notes = [*_left_alone(strangers, "image files outside images/ and masks/"), *_left_alone(others, "other files")]
    return Pairing(tuple(paired), tuple(unpaired), tuple(notes))


def common_folder(folders: Sequence[str]) -> str:
    """The deepest folder that holds all of `folders`: the folder itself where there is one alone."""
    return posixpath.commonpath(folders) if folders else ""


def given_split(path: str) -> str | None:
    """`train`, `val` or `test` where a folder of the path is called so, else None; the deepest one counts."""
    named = [SPLIT_FOLDERS[part.lower()] for part in PurePosixPath(path).parts if part.lower() in SPLIT_FOLDERS]
    return named[-1] if named else None


def without_split(path: str) -> str:
    """The path without the folders that name a split."""
    return "/".join(part for part in PurePosixPath(path).parts if part.lower() not in SPLIT_FOLDERS)


def find_class_table(tree: Tree) -> Asset | None:
    """The classes.json or classes.csv nearest to the root, if any."""
    tables = [name for name in tree.files() if posixpath.basename(name).lower() in CLASS_TABLES]
    return Asset(tree, min(tables, key=lambda name: name.count("/"))) if tables else None


def _place(name: str) -> _Place | None:
    """Where a file lies: the innermost images/ or masks/ folder above it decides."""
    parts = PurePosixPath(name).parts
    for i in range(len(parts) - 2, -1, -1):
        if parts[i].lower() in (IMAGE_FOLDER, MASK_FOLDER):
            inside = PurePosixPath(*parts[i + 1 :])
            return _Place("/".join(parts[:i]), parts[i].lower(), inside.with_suffix("").as_posix(), name)
    return None


def _match(tree: Tree, places: Sequence[_Place]) -> tuple[list[Pair], list[Unpaired]]:
    names: dict[tuple[str, str], dict[str, list[str]]] = {}
    for place in places:
        names.setdefault((place.folder, place.stem), {}).setdefault(place.kind, []).append(place.name)
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    for (folder, stem), found in names.items():
        images, masks = found.get(IMAGE_FOLDER, []), found.get(MASK_FOLDER, [])
        twice = images if len(images) > 1 else masks if len(masks) > 1 else []
        if twice:
            listed = " and ".join(posixpath.basename(name) for name in twice)
            problem = f"{listed} have one name, so it is not clear which is meant; keep one"
            unpaired += [Unpaired(Asset(tree, name), problem) for name in (*images, *masks)]
        elif not masks:
            unpaired += [_lonely(tree, _Place(folder, IMAGE_FOLDER, stem, name)) for name in images]
        elif not images:
            unpaired += [_lonely(tree, _Place(folder, MASK_FOLDER, stem, name)) for name in masks]
        else:
            pairs.append(Pair(folder, stem, Asset(tree, images[0]), Asset(tree, masks[0])))
    return pairs, unpaired


def _lonely(tree: Tree, place: _Place) -> Unpaired:
    what, missing = ("image", "mask") if place.kind == IMAGE_FOLDER else ("mask", "image")
    other = MASK_FOLDER if place.kind == IMAGE_FOLDER else IMAGE_FOLDER
    expected = posixpath.join(place.folder, other, place.stem)
    return Unpaired(Asset(tree, place.name), f"{what} without {missing}: there is no {expected}.*")


def _left_alone(names: Sequence[str], what: str) -> list[str]:
    return [f"{len(names)} {what} left alone, e.g. {names[0]}"] if names else []
