"""Images and masks paired by names that differ by a known prefix or suffix.

Examples: `a_sat` and `a_mask`, `IMG_7` and `MSK_7`, `a` and `a_m`, `a-ortho` and `a-label`, `a_RGBIR` and `a_label`.
Without such words the names must be equal, and neither may fit another file. Files are never paired by their order.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

IMAGE_WORDS = ("sat", "image", "img", "im", "rgb", "rgbir", "irrg", "ortho", "photo")
MASK_WORDS = ("mask", "masks", "msk", "m", "label", "labels", "lbl", "gt", "seg", "label_noboundary")
_BARE = "*"
# A single letter in front is no word: M_12 is a map sheet rather than a mask.
_LEAST_PREFIX = 2


@dataclass(frozen=True)
class Match:
    """Two names that differ by one rule."""

    image: str
    mask: str
    rule: str
    """The rule in words: `*_sat with *_mask`."""


@dataclass(frozen=True)
class Matching:
    """The unambiguous pairs, and for each ambiguous name all names that it fits."""

    matches: tuple[Match, ...]
    unclear: Mapping[str, tuple[str, ...]]


def match_stems(images: Mapping[str, str], masks: Mapping[str, str], marked: bool = False) -> Matching:
    """The pairs among names whose stems (by name) differ by known prefixes or suffixes on one or both sides.

    `marked`: the mask itself must carry such a word, as in one folder of images and masks, where both arguments hold
    the same names.
    """
    forms: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, stem in images.items():
        for key, pattern in _forms(stem, _IMAGE):
            forms.setdefault(key, []).append((name, pattern))
    rules: dict[tuple[str, str], str] = {}
    for name, stem in masks.items():
        for key, pattern in _forms(stem, _MASK):
            if marked and pattern == _BARE:
                continue
            for image, image_pattern in forms.get(key, ()):
                if image != name and (image_pattern, pattern) != (_BARE, _BARE):
                    rules.setdefault((image, name), f"{image_pattern} with {pattern}")
    fits: dict[str, list[str]] = {}
    for image, mask in rules:
        fits.setdefault(image, []).append(mask)
        fits.setdefault(mask, []).append(image)
    clear = [pair for pair in rules if len(fits[pair[0]]) == len(fits[pair[1]]) == 1]
    paired = {name for pair in clear for name in pair}
    return Matching(
        tuple(Match(image, mask, rules[image, mask]) for image, mask in clear),
        {name: tuple(others) for name, others in fits.items() if name not in paired},
    )


def is_marked(stem: str) -> bool:
    """Whether a stem has a word for an image or a mask: `a_sat`, `MSK_7`."""
    return any(pattern != _BARE for words in (_IMAGE, _MASK) for _, pattern in _forms(stem, words))


def plain_stems(stem: str) -> tuple[str, ...]:
    """The stem, and its forms without a word for an image or a mask, each once."""
    forms = (key for words in (_IMAGE, _MASK) for (_, key), _ in _forms(stem, words))
    return tuple(dict.fromkeys((stem, *forms)))


def _patterns(words: Sequence[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The patterns of a name that ends with one of the words, and of one that begins with it."""
    ends = "|".join(sorted(words, key=len, reverse=True))
    starts = "|".join(word for word in words if len(word) >= _LEAST_PREFIX)
    return (
        re.compile(rf"(.+?)([_\-. ](?:{ends}))", re.IGNORECASE),
        re.compile(rf"((?:{starts})[_\-. ])(.+)", re.IGNORECASE),
    )


_IMAGE, _MASK = _patterns(IMAGE_WORDS), _patterns(MASK_WORDS)


def _forms(stem: str, patterns: tuple[re.Pattern[str], re.Pattern[str]]) -> Iterator[tuple[tuple[str, str], str]]:
    """((side of the word, rest), pattern) of each reading of a stem; a bare stem counts for both sides."""
    yield ("suffix", stem), _BARE
    yield ("prefix", stem), _BARE
    folder, base = posixpath.split(stem)
    at_end, at_start = patterns
    if match := at_end.fullmatch(base):
        yield ("suffix", posixpath.join(folder, match[1])), _BARE + match[2]
    if match := at_start.fullmatch(base):
        yield ("prefix", posixpath.join(folder, match[2])), match[1] + _BARE
