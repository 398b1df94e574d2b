"""Images and masks in one folder, distinguished by their names or by their kind of file.

- `ID_sat.jpg` with `ID_mask.png`, `NAME.jpg` with `NAME_m.png`: a prefix or suffix marks the mask (`stems`)
- `ID/img.png` with `ID/label.png`, `NAME.jpg` with `NAME.jpg___fuse.png`, as labelme and SuperAnnotate write them
- `NAME.jpg` with `NAME.png`, if every such PNG holds a palette or one channel
"""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from terrazzo.errors import InputError
from terrazzo.pixels.signatures import png_kind
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES, JPEG_SUFFIXES
from terrazzo.scenes.pairing.folders import (
    Pair,
    Pairing,
    is_known_table,
    left_alone,
    rule_notes,
    unclear_name,
)
from terrazzo.scenes.pairing.matching import is_companion
from terrazzo.scenes.pairing.patterns import IMAGE_FLAG, MASK_FLAG
from terrazzo.scenes.pairing.stems import Matching, is_marked, match_stems
from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many

_LONE = "image or mask without partner: no name beside it fits"
_MASK_TYPES = (0, 3)
"""A PNG's colour types: one channel, and a palette."""


@dataclass(frozen=True)
class _Part:
    """One folder: its pairs, the files that lack a partner, other images, and further pictures of masks."""

    pairs: list[Pair]
    unpaired: list[Unpaired]
    strangers: list[str]
    companions: list[str]


def pair_in_folder(tree: Tree) -> Pairing | None:
    """The images and masks that lie in the same folders; None if there are none.

    Raises InputError if photos have PNGs of the same name that may be pictures themselves.
    """
    stems: dict[str, dict[str, str]] = {}
    others: list[str] = []
    for name in tree.files():
        if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES:
            stems.setdefault(posixpath.dirname(name), {})[name] = PurePosixPath(name).stem
        elif not is_known_table(name):
            others.append(name)
    matchings = {folder: match_stems(names, names, marked=True) for folder, names in stems.items()}
    if any(matching.matches or matching.unclear for matching in matchings.values()):
        parts = [_by_name(tree, folder, names, matchings[folder]) for folder, names in stems.items()]
        notes = rule_notes(Counter(match.rule for matching in matchings.values() for match in matching.matches))
    else:
        parts = [_by_kind(tree, folder, names) for folder, names in stems.items()]
        found = [pair for part in parts for pair in part.pairs]
        if not found:
            return None
        _refuse_pictures(found)
        notes = [f"paired by name: {how_many(len(found), 'image')} *.jpg with *.png, each a palette or one channel"]
    notes += left_alone([name for part in parts for name in part.companions], "further picture", "of a mask")
    strangers = [name for part in parts for name in part.strangers]
    notes += left_alone(strangers, "image file", "in folders without pairs") + left_alone(others, "other file")
    return Pairing(
        tuple(pair for part in parts for pair in part.pairs),
        tuple(lone for part in parts for lone in part.unpaired),
        tuple(notes),
    )


def _by_name(tree: Tree, folder: str, names: Mapping[str, str], matching: Matching) -> _Part:
    """Pairs whose names differ by a known word."""
    pairs = [_pair(tree, folder, names, match.image, match.mask) for match in matching.matches]
    paired = {name for match in matching.matches for name in (match.image, match.mask)}
    known = {names[name] for name in paired}
    unpaired, strangers, companions = [], [], []
    for name, stem in names.items():
        if name in matching.unclear:
            unpaired.append(Unpaired(Asset(tree, name), unclear_name(name, matching.unclear[name])))
        elif name not in paired and is_companion(stem, known):
            companions.append(name)
        elif name not in paired and (paired or is_marked(stem)):
            unpaired.append(Unpaired(Asset(tree, name), _LONE))
        elif name not in paired:
            strangers.append(name)
    return _Part(pairs, unpaired, strangers, companions)


def _by_kind(tree: Tree, folder: str, names: Mapping[str, str]) -> _Part:
    """JPEGs with PNGs of the same name, which may be masks."""
    photos, masks = _by_stem(names, JPEG_SUFFIXES), _by_stem(names, (".png",))
    both = [(photos[stem][0], masks[stem][0]) for stem in photos if len(photos[stem]) == len(masks.get(stem, [])) == 1]
    paired = {name for pair in both for name in pair}
    lone = [name for name in names if name not in paired]
    if not both:
        return _Part([], [], lone, [])
    pairs = [_pair(tree, folder, names, image, mask) for image, mask in both]
    return _Part(pairs, [Unpaired(Asset(tree, name), _LONE) for name in lone], [], [])


def _pair(tree: Tree, folder: str, names: Mapping[str, str], image: str, mask: str) -> Pair:
    return Pair(folder, names[image], Asset(tree, image), Asset(tree, mask))


def _by_stem(names: Mapping[str, str], suffixes: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, stem in names.items():
        if PurePosixPath(name).suffix.lower() in suffixes:
            found.setdefault(stem, []).append(name)
    return found


def _refuse_pictures(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        kind = png_kind(pair.mask.read())
        if kind is None or kind[1] not in _MASK_TYPES:
            raise InputError(
                f"{pair.mask.where}: lies beside {posixpath.basename(pair.image.name)} and may be its mask or the same "
                f"picture again; put the images into images/ and the masks into masks/, or say so with {IMAGE_FLAG} "
                f"{PurePosixPath(pair.image.name).suffix} {MASK_FLAG} {PurePosixPath(pair.mask.name).suffix}"
            )
