"""The files of image and mask folders paired: equal names first, then names that differ by a word."""

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.affixes import match_affixes
from terrazzo.scenes.pairing.folder_words import IMAGE_FOLDER, MASK_FOLDER
from terrazzo.scenes.pairing.folders import Pair, Pairing, left_alone, rule_notes, unclear_name
from terrazzo.scenes.pairing.places import PlacedFile
from terrazzo.scenes.pairing.stems import Match, match_stems
from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree

_COMPANION = re.compile(
    r"(.+?)[_\-. ]+(?:vis|viz|colou?r|colou?red|color_mask|watershed_mask|overlay|preview|rgb|instance|instance_id_rgb"
    r"|save)",
    re.IGNORECASE,
)
"""A further picture of a mask, for eyes or of instances: `a_vis` beside the mask of `a`."""


def match_places(tree: Tree, files: Sequence[PlacedFile]) -> Pairing:
    """The pairs of placed files, those without a partner, and a count of each rule."""
    by_stem: dict[tuple[tuple[str, str], str], dict[str, list[PlacedFile]]] = {}
    for file in files:
        by_stem.setdefault((file.place.key, file.stem), {}).setdefault(file.place.kind, []).append(file)
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    left: list[PlacedFile] = []
    for found in by_stem.values():
        images, masks = found.get(IMAGE_FOLDER, []), found.get(MASK_FOLDER, [])
        twice = images if len(images) > 1 else masks if len(masks) > 1 else []
        if twice:
            listed = " and ".join(posixpath.basename(file.name) for file in twice)
            problem = f"{listed} have one name, so it is not clear which is meant; keep one"
            unpaired += [Unpaired(Asset(tree, file.name), problem) for file in (*images, *masks)]
        elif images and masks:
            pairs.append(_pair(tree, images[0], masks[0]))
        else:
            left += images + masks
    rules: Counter[str] = Counter()
    companions: list[str] = []
    roots = {(file.place.key, file.place.kind): file.place.root for file in files}
    lone: dict[tuple[str, str], list[PlacedFile]] = {}
    for file in left:
        lone.setdefault(file.place.key, []).append(file)
    equal: dict[tuple[str, str], set[str]] = {}
    for key, stem in by_stem:
        equal.setdefault(key, set()).add(stem)
    for key, inside in lone.items():
        matched, unclear, used = _by_rule(inside)
        rules.update(used)
        pairs += [_pair(tree, image, mask) for image, mask in matched]
        paired = {file.name for pair in matched for file in pair}
        known = equal[key] - {file.stem for file in inside if file.name not in paired}
        for file in inside:
            if file.name in unclear:
                unpaired.append(Unpaired(Asset(tree, file.name), unclear_name(file.name, unclear[file.name])))
            elif file.place.kind == MASK_FOLDER and is_companion(file.stem, known):
                companions.append(file.name)
            elif file.name not in paired:
                unpaired.append(lonely(tree, file, roots))
    order = {name: number for number, name in enumerate(tree.files())}
    pairs.sort(key=lambda pair: order[pair.image.name])
    unpaired.sort(key=lambda lone: order[lone.asset.name])
    further = left_alone(companions, "further picture", "of a mask")
    return Pairing(tuple(pairs), tuple(unpaired), (*rule_notes(rules), *further))


def lonely(tree: Tree, file: PlacedFile, roots: Mapping[tuple[tuple[str, str], str], str]) -> Unpaired:
    """A file without a partner, with the name that the partner would have; `roots` are the folders of each kind."""
    place = file.place
    what, missing, other = ("image", "mask", MASK_FOLDER)
    if place.kind == MASK_FOLDER:
        what, missing, other = ("mask", "image", IMAGE_FOLDER)
    root = roots.get((place.key, other), posixpath.join(place.folder, other))
    expected = posixpath.join(root, file.stem)
    return Unpaired(Asset(tree, file.name), f"{what} without {missing}: there is no {expected}.*", missing)


def _pair(tree: Tree, image: PlacedFile, mask: PlacedFile) -> Pair:
    return Pair(image.place.folder, image.stem, Asset(tree, image.name), Asset(tree, mask.name))


def _by_rule(
    files: Sequence[PlacedFile],
) -> tuple[list[tuple[PlacedFile, PlacedFile]], Mapping[str, tuple[str, ...]], Counter[str]]:
    """The files of one place without a partner of equal name: pairs, the names that fit several, and the rules."""
    by_name = {file.name: file for file in files}
    images, masks = (
        {file.name: file.stem for file in files if file.place.kind == kind} for kind in (IMAGE_FOLDER, MASK_FOLDER)
    )
    matching = match_stems(images, masks)
    matches: Sequence[Match] = matching.matches
    if not matches and not matching.unclear:
        matches = match_affixes(images, masks)
    pairs = [(by_name[match.image], by_name[match.mask]) for match in matches]
    return pairs, matching.unclear, Counter(match.rule for match in matches)


def is_companion(stem: str, known: Collection[str]) -> bool:
    """Whether a lone file is a further picture of a mask that has its image, by the stems that are paired."""
    folder, base = posixpath.split(stem)
    match = _COMPANION.fullmatch(base)
    if match is None:
        return False
    of, suffix = posixpath.splitext(match[1])
    stems = (match[1], of) if suffix.lower() in IMAGE_SUFFIXES else (match[1],)
    return any(posixpath.join(folder, stem) in known for stem in stems)
