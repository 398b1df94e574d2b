"""Images and masks in sibling folders, `images/` and `masks/`, paired by name."""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from terrazzo.classes.tables import TABLE_NAMES as CLASS_TABLES
from terrazzo.errors import InputError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.stems import match_stems
from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many

IMAGE_FOLDER, MASK_FOLDER = "images", "masks"
IMAGE_FOLDERS = (IMAGE_FOLDER, "image", "imgs", "img", "images_png")
MASK_FOLDERS = (MASK_FOLDER, "mask", "msks", "msk", "masks_png", "labels", "label", "gt", "annotations")
SPLIT_FOLDERS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
SPLIT_TABLES = ("split.csv", "splits.csv", "metadata.csv")


@dataclass(frozen=True)
class Pair:
    """An image and the mask of its name."""

    folder: str
    """The folder above `images/` and `masks/`, or of the two files, relative to the root; "" is the root."""
    stem: str
    """The image's name without suffix, with the folders below `images/`: `a` or `day 1/a`."""
    image: Asset
    mask: Asset


@dataclass(frozen=True)
class Pairing:
    """All pairs below a root in natural order, files without a partner, and notes on files left out."""

    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    notes: tuple[str, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that hold pairs, each once."""
        return tuple(dict.fromkeys(pair.folder for pair in self.pairs))


@dataclass(frozen=True)
class _Place:
    """One file inside an image or mask folder."""

    folder: str
    kind: str
    """`images` or `masks`, whatever the folder's name."""
    named: str
    stem: str
    name: str


def pair_by_stem(tree: Tree) -> Pairing | None:
    """The images and masks of all sibling folders `images/` and `masks/` at any depth; None if there are none.

    `IMAGE_FOLDERS` and `MASK_FOLDERS` are the other names of such folders. Equal stems pair first, then stems that
    differ by a prefix or suffix (`stems`). Raises InputError where a folder has two kinds of masks or of images.
    """
    places: list[_Place] = []
    others: list[str] = []
    strangers: list[str] = []
    for name in tree.files():
        place = _place(name)
        is_image = posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES
        if place and is_image:
            places.append(place)
        elif is_image:
            strangers.append(name)
        elif not is_known_table(name):
            others.append(name)
    folders = {folder: inside for folder, inside in _by_folder(places).items() if len({p.kind for p in inside}) == 2}
    if not folders:
        return None
    for folder, inside in folders.items():
        _refuse_two_kinds(tree, folder, inside)
    paired, unpaired, rules = _match(tree, [place for place in places if place.folder in folders])
    # A lone images/ or masks/ folder is half of a data set: its files lack partners.
    unpaired += [_lonely(tree, place, {}) for place in places if place.folder not in folders]
    outside = left_alone(strangers, "image file", f"outside {IMAGE_FOLDER}/ and {MASK_FOLDER}/")
    notes = [*rule_notes(rules), *outside, *left_alone(others, "other file")]
    return Pairing(tuple(paired), tuple(unpaired), tuple(notes))


def common_folder(folders: Sequence[str]) -> str:
    """The deepest folder above all of `folders`, or the folder itself if there is only one."""
    return posixpath.commonpath(folders) if folders else ""


def given_split(path: str) -> str | None:
    """`train`, `val` or `test` by the deepest folder of such a name in the path; None if there is none."""
    named = [SPLIT_FOLDERS[part.lower()] for part in PurePosixPath(path).parts if part.lower() in SPLIT_FOLDERS]
    return named[-1] if named else None


def without_split(path: str) -> str:
    """The path without the folders that name a split."""
    return "/".join(part for part in PurePosixPath(path).parts if part.lower() not in SPLIT_FOLDERS)


def find_class_table(tree: Tree) -> Asset | None:
    """The class table (`CLASS_TABLES`) nearest to the root, if any."""
    return next(iter(class_tables(tree)), None)


def class_tables(tree: Tree) -> list[Asset]:
    """The files that are class tables by their name, those nearest to the root first; of equal places one."""
    order = {name: number for number, name in enumerate(CLASS_TABLES)}
    tables: dict[tuple[int, int], str] = {}
    for name in tree.files():
        base = posixpath.basename(name).lower()
        if base in order:
            tables.setdefault((name.count("/"), order[base]), name)
    return [Asset(tree, tables[place]) for place in sorted(tables)]


def is_known_table(name: str) -> bool:
    """Whether a file is a class table or split list by its name; their readers report on these."""
    return posixpath.basename(name).lower() in CLASS_TABLES or is_split_list(name)


def is_split_list(name: str) -> bool:
    """Whether a file is a split list by its name: train.txt, val.txt, test.txt, split.csv."""
    base = posixpath.basename(name).lower()
    stem, suffix = posixpath.splitext(base)
    return base in SPLIT_TABLES or (suffix == ".txt" and stem in SPLIT_FOLDERS)


def left_alone(names: Sequence[str], what: str, which: str = "") -> list[str]:
    """A count of files that are no part of the data set, with an example; none if there are no such files.

    `what` is one such file (`image file`), `which` says more (`in folders without pairs`).
    """
    told = f"{how_many(len(names), what)} {which}".rstrip()
    return [f"{told} left alone, e.g. {names[0]}"] if names else []


def rule_notes(rules: Counter[str]) -> list[str]:
    """A count for each rule that paired files of unequal names."""
    return [f"paired by name: {how_many(count, 'image')} {rule}" for rule, count in sorted(rules.items())]


def unclear_name(name: str, fits: Sequence[str]) -> str:
    """The problem of a file that fits several others, or one that fits several."""
    listed = " and ".join(posixpath.basename(other) for other in fits)
    also = ", which fits others too" if len(fits) == 1 else ""
    return f"{posixpath.basename(name)} fits {listed} by name{also}, so the pair is not clear; keep one"


def _place(name: str) -> _Place | None:
    """The place of a file below its innermost image or mask folder; None outside such folders."""
    parts = name.split("/")
    for i in range(len(parts) - 2, -1, -1):
        lower = parts[i].lower()
        if lower in IMAGE_FOLDERS or lower in MASK_FOLDERS:
            inside = posixpath.splitext("/".join(parts[i + 1 :]))[0]
            kind = IMAGE_FOLDER if lower in IMAGE_FOLDERS else MASK_FOLDER
            return _Place("/".join(parts[:i]), kind, parts[i], inside, name)
    return None


def _by_folder(places: Sequence[_Place]) -> dict[str, list[_Place]]:
    found: dict[str, list[_Place]] = {}
    for place in places:
        found.setdefault(place.folder, []).append(place)
    return found


def _refuse_two_kinds(tree: Tree, folder: str, places: Sequence[_Place]) -> None:
    for kind in (IMAGE_FOLDER, MASK_FOLDER):
        named = sorted({place.named for place in places if place.kind == kind})
        if len(named) > 1:
            listed = " and ".join(f"{name}/" for name in named)
            raise InputError(
                f"{tree.where(folder) if folder else tree.name}: holds {listed}, so it is not clear which are the "
                f"{kind}; keep one of them there"
            )


def _match(tree: Tree, places: Sequence[_Place]) -> tuple[list[Pair], list[Unpaired], Counter[str]]:
    by_stem: dict[tuple[str, str], dict[str, list[_Place]]] = {}
    for place in places:
        by_stem.setdefault((place.folder, place.stem), {}).setdefault(place.kind, []).append(place)
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    left: list[_Place] = []
    for (folder, stem), found in by_stem.items():
        images, masks = found.get(IMAGE_FOLDER, []), found.get(MASK_FOLDER, [])
        twice = images if len(images) > 1 else masks if len(masks) > 1 else []
        if twice:
            listed = " and ".join(posixpath.basename(place.name) for place in twice)
            problem = f"{listed} have one name, so it is not clear which is meant; keep one"
            unpaired += [Unpaired(Asset(tree, place.name), problem) for place in (*images, *masks)]
        elif images and masks:
            pairs.append(Pair(folder, stem, Asset(tree, images[0].name), Asset(tree, masks[0].name)))
        else:
            left += images + masks
    named = {(place.folder, place.kind): place.named for place in places}
    rules: Counter[str] = Counter()
    for inside in _by_folder(left).values():
        further, lone, used = _match_by_rule(tree, inside, named)
        pairs += further
        unpaired += lone
        rules.update(used)
    order = {name: number for number, name in enumerate(tree.files())}
    pairs.sort(key=lambda pair: order[pair.image.name])
    unpaired.sort(key=lambda lone: order[lone.asset.name])
    return pairs, unpaired, rules


def _match_by_rule(
    tree: Tree, left: Sequence[_Place], named: Mapping[tuple[str, str], str]
) -> tuple[list[Pair], list[Unpaired], Counter[str]]:
    """The files of a folder without a partner of equal name: pairs by rule, the rest, and the rules."""
    places = {place.name: place for place in left}
    images, masks = (
        {place.name: place.stem for place in left if place.kind == kind} for kind in (IMAGE_FOLDER, MASK_FOLDER)
    )
    matching = match_stems(images, masks)
    pairs = [
        Pair(places[match.image].folder, places[match.image].stem, Asset(tree, match.image), Asset(tree, match.mask))
        for match in matching.matches
    ]
    paired = {name for match in matching.matches for name in (match.image, match.mask)}
    unpaired = [
        Unpaired(Asset(tree, place.name), unclear_name(place.name, matching.unclear[place.name]))
        if place.name in matching.unclear
        else _lonely(tree, place, named)
        for place in left
        if place.name not in paired
    ]
    return pairs, unpaired, Counter(match.rule for match in matching.matches)


def _lonely(tree: Tree, place: _Place, named: Mapping[tuple[str, str], str]) -> Unpaired:
    what, missing = ("image", "mask") if place.kind == IMAGE_FOLDER else ("mask", "image")
    other = MASK_FOLDER if place.kind == IMAGE_FOLDER else IMAGE_FOLDER
    expected = posixpath.join(place.folder, named.get((place.folder, other), other), place.stem)
    return Unpaired(Asset(tree, place.name), f"{what} without {missing}: there is no {expected}.*")
