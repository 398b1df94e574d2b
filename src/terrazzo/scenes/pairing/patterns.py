"""Images and masks paired by patterns that the user gives: `--image-suffix _sat.jpg --mask-suffix "*_mask.png"`.

A pattern without `*` is what names end with. `*` stands for what image and mask share. A pattern with `/` covers the
folders above too, and one without the suffix of a file takes any. With one pattern, every other picture is of the other
kind, and its whole name is what it shares.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from terrazzo.errors import InputError
from terrazzo.pixels.suffixes import IMAGE_SUFFIXES
from terrazzo.scenes.pairing.folder_words import without_words
from terrazzo.scenes.pairing.folders import Pair, Pairing, is_known_table, left_alone, unclear_name
from terrazzo.scenes.pairing.siblings import is_picture
from terrazzo.scenes.scene import Asset, Unpaired
from terrazzo.scenes.trees import Tree
from terrazzo.system.reporting import how_many

IMAGE_FLAG, MASK_FLAG = "--image-suffix", "--mask-suffix"


@dataclass(frozen=True)
class _File:
    """A picture that fits: the folder above what a pattern covers, and what `*` stands for.

    The folder lacks its words for images and masks.
    """

    name: str
    folder: str
    shared: str


def pair_by_patterns(tree: Tree, image: str | None, mask: str | None, tops: tuple[str, ...] | None = None) -> Pairing:
    """The pairs of pictures that fit the patterns: within one folder, else wherever the shared part is unique.

    `tops` are the top folders of the images and of the masks, where the user names two.
    Raises InputError where a pattern fits no picture, or where no pair is left.
    """
    all_images, all_masks, strangers = _sides(tree, (image, mask), tops)
    images, masks = all_images, all_masks
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    for in_folder in (True, False):
        of_images, of_masks = _by_key(images, in_folder), _by_key(masks, in_folder)
        alike = [
            (found[0], of_masks[key][0])
            for key, found in of_images.items()
            if len(found) == len(of_masks.get(key, ())) == 1
        ]
        pairs += [Pair(one.folder, one.shared, Asset(tree, one.name), Asset(tree, two.name)) for one, two in alike]
        paired = {file.name for pair in alike for file in pair}
        images, masks = ([file for file in side if file.name not in paired] for side in (images, masks))
    unpaired += _lone(tree, images, masks, "image", "mask") + _lone(tree, masks, images, "mask", "image")
    if not pairs:
        raise InputError(_no_pair(tree, all_images, all_masks))
    order = {name: number for number, name in enumerate(tree.files())}
    pairs.sort(key=lambda pair: order[pair.image.name])
    rule = " with ".join(_shown(pattern) for pattern in (image, mask))
    others = [name for name in tree.files() if not is_picture(name) and not is_known_table(name)]
    notes = [
        f"paired by name: {how_many(len(pairs), 'image')} {rule}",
        *left_alone(strangers, "image file", "that fits no pattern"),
        *left_alone(others, "other file"),
    ]
    return Pairing(tuple(pairs), tuple(unpaired), tuple(notes))


def _lone(tree: Tree, files: Sequence[_File], others: Sequence[_File], what: str, missing: str) -> list[Unpaired]:
    """The files without a partner, each with its problem."""
    shared: dict[str, list[str]] = {}
    for other in others:
        shared.setdefault(other.shared, []).append(other.name)
    return [
        Unpaired(
            Asset(tree, file.name),
            unclear_name(file.name, fits)
            if (fits := shared.get(file.shared))
            else f"{what} without {missing}: no {missing} is named alike",
            None if fits else missing,
        )
        for file in files
    ]


def _sides(
    tree: Tree, patterns: tuple[str | None, str | None], tops: tuple[str, ...] | None
) -> tuple[list[_File], list[_File], list[str]]:
    """Images, masks, and pictures that fit neither pattern; a picture that fits both goes to the longer one."""
    images, masks, strangers = list[_File](), list[_File](), list[str]()
    tests = [None if pattern is None else _expression(pattern) for pattern in patterns]
    longer = len(patterns[1] or "") >= len(patterns[0] or "")
    fitted = [0, 0]
    for name in filter(is_picture, tree.files()):
        allowed = [tops is None or name.startswith(f"{top}/") for top in tops or ("", "")]
        fits = [
            test.fullmatch(f"/{name}") if test is not None and may else None
            for test, may in zip(tests, allowed, strict=True)
        ]
        fitted = [count + (fit is not None) for count, fit in zip(fitted, fits, strict=True)]
        plain = _File(name, without_words(posixpath.dirname(name)), posixpath.splitext(posixpath.basename(name))[0])
        if fits[1] and (longer or not fits[0]):
            masks.append(_file(name, fits[1]))
        elif fits[0]:
            images.append(_file(name, fits[0]))
        elif tests[0] is None and allowed[0]:
            images.append(plain)
        elif tests[1] is None and allowed[1]:
            masks.append(plain)
        else:
            strangers.append(name)
    for flag, pattern, count in zip((IMAGE_FLAG, MASK_FLAG), patterns, fitted, strict=True):
        if pattern is not None and not count:
            example = next(iter((*strangers, *(file.name for file in (*images, *masks)))), None)
            there = f"fits none of the pictures, e.g. {example}" if example else "there are no pictures"
            raise InputError(f"{flag} {pattern}: {there}; give what their names end with, or a pattern with *")
    return images, masks, strangers


def _expression(pattern: str) -> re.Pattern[str]:
    """The regular expression for a path that begins with `/`; its groups are the folder above, and each `*`."""
    text = pattern.replace("\\", "/").lstrip("/")
    text = f".{text}" if f".{text.lower()}" in IMAGE_SUFFIXES else text
    text = text if "*" in text else f"*{text}"
    any_suffix = "" if text.lower().endswith(IMAGE_SUFFIXES) else r"\.[^./]+"
    body = "".join("([^/]*)" if part == "*" else re.escape(part) for part in re.split(r"(\*)", text))
    return re.compile(rf"(.*)/{body}{any_suffix}", re.IGNORECASE)


def _file(name: str, match: re.Match[str]) -> _File:
    return _File(name, without_words(match[1].strip("/")), "_".join(part for part in match.groups()[1:] if part))


def _by_key(files: Sequence[_File], in_folder: bool) -> Mapping[tuple[str, str], list[_File]]:
    found: dict[tuple[str, str], list[_File]] = {}
    for file in files:
        found.setdefault((file.folder if in_folder else "", file.shared), []).append(file)
    return found


def _no_pair(tree: Tree, images: Sequence[_File], masks: Sequence[_File]) -> str:
    examples = " and ".join(f"{side[0].name} ({side[0].shared!r})" for side in (images, masks) if side)
    return (
        f"{tree.name}: the patterns fit {how_many(len(images), 'image')} and "
        f"{how_many(len(masks), 'mask')}, but no two share what * stands for: {examples}; give "
        f"{IMAGE_FLAG} and {MASK_FLAG} that leave the same"
    )


def _shown(pattern: str | None) -> str:
    return "*" if pattern is None else pattern if "*" in pattern else f"*{pattern}"
