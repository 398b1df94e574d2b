"""Images and masks in one folder, distinguished by their names or by their kind of file.

- `ID_sat.jpg` with `ID_mask.png`, `NAME.jpg` with `NAME_m.png`: a prefix or suffix marks the mask (`stems`)
- `NAME.jpg` with `NAME.png`, if every such PNG holds a palette or one channel
"""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from terrazzo.errors import InputError
from terrazzo.scenes.pairing.folders import (
    IMAGE_SUFFIXES,
    Pair,
    Pairing,
    is_known_table,
    left_alone,
    rule_notes,
    unclear_name,
)
from terrazzo.scenes.pairing.stems import Matching, is_marked, match_stems
from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many

# Byte 25 of a PNG is its colour type: 0 is one channel, 3 a palette.
_PNG, _COLOR_TYPE, _MASK_TYPES = b"\x89PNG\r\n\x1a\n", 25, (0, 3)


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
    rest = left_alone(others, "other file")
    if not any(matching.matches or matching.unclear for matching in matchings.values()):
        pairing = _by_kind(tree, stems)
        return pairing and Pairing(pairing.pairs, pairing.unpaired, (*pairing.notes, *rest))
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    strangers: list[str] = []
    rules: Counter[str] = Counter()
    for folder, names in stems.items():
        matching = matchings[folder]
        rules.update(match.rule for match in matching.matches)
        pairs += [
            Pair(folder, names[match.image], Asset(tree, match.image), Asset(tree, match.mask))
            for match in matching.matches
        ]
        lone, strange = _without_partner(tree, names, matching)
        unpaired += lone
        strangers += strange
    notes = (*rule_notes(rules), *left_alone(strangers, "image file", "in folders without pairs"), *rest)
    return Pairing(tuple(pairs), tuple(unpaired), notes)


def _without_partner(tree: Tree, names: Mapping[str, str], matching: Matching) -> tuple[list[Unpaired], list[str]]:
    """The files of a folder in no pair: those that lack a partner, and others."""
    paired = {name for match in matching.matches for name in (match.image, match.mask)}
    unpaired, strangers = [], []
    for name, stem in names.items():
        if name in matching.unclear:
            unpaired.append(Unpaired(Asset(tree, name), unclear_name(name, matching.unclear[name])))
        elif name not in paired and (paired or is_marked(stem)):
            unpaired.append(Unpaired(Asset(tree, name), "image or mask without partner: no name beside it fits"))
        elif name not in paired:
            strangers.append(name)
    return unpaired, strangers


def _by_kind(tree: Tree, stems: Mapping[str, Mapping[str, str]]) -> Pairing | None:
    """JPEGs paired with PNGs of the same name, if every such PNG is certainly a mask."""
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    strangers: list[str] = []
    for folder, names in stems.items():
        photos = _by_stem(names, (".jpg", ".jpeg"))
        masks = _by_stem(names, (".png",))
        both = [stem for stem in photos if len(photos[stem]) == len(masks.get(stem, [])) == 1]
        found = [Pair(folder, stem, Asset(tree, photos[stem][0]), Asset(tree, masks[stem][0])) for stem in both]
        paired = {asset.name for pair in found for asset in (pair.image, pair.mask)}
        lone = [name for name in names if name not in paired]
        if found:
            problem = "image or mask without partner: no name beside it fits"
            unpaired += [Unpaired(Asset(tree, name), problem) for name in lone]
        else:
            strangers += lone
        pairs += found
    if not pairs:
        return None
    _refuse_pictures(pairs)
    notes = [f"paired by name: {how_many(len(pairs), 'image')} *.jpg with *.png, each a palette or one channel"]
    return Pairing(
        tuple(pairs), tuple(unpaired), (*notes, *left_alone(strangers, "image file", "in folders without pairs"))
    )


def _by_stem(names: Mapping[str, str], suffixes: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, stem in names.items():
        if PurePosixPath(name).suffix.lower() in suffixes:
            found.setdefault(stem, []).append(name)
    return found


def _refuse_pictures(pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        raw = pair.mask.read()
        if not raw.startswith(_PNG) or len(raw) <= _COLOR_TYPE or raw[_COLOR_TYPE] not in _MASK_TYPES:
            raise InputError(
                f"{pair.mask.where}: lies beside {posixpath.basename(pair.image.name)} and may be its mask or the same "
                "picture again; put the images into images/ and the masks into masks/, or name the masks NAME_mask.png"
            )
