"""Images and masks paired by names that differ by a known word.

Examples: `a_sat` and `a_mask`, `IMG_7` and `MSK_7`, `image7` and `mask7`, `tile_img_7` and `tile_mask_7`, `a` and
`a_m`, `a.jpg` and `a.jpg___fuse`. Without such words the names must be equal, and neither may fit another file. Files
are never paired by their order.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from terrazzo.pixels.suffixes import IMAGE_SUFFIXES

IMAGE_WORDS = (
    *("sat", "satellite", "image", "images", "img", "im", "rgb", "rgbir", "irrg", "ortho", "photo", "source", "src"),
    *("input", "orig", "original", "pic", "picture", "aerial"),
)
MASK_WORDS = (
    *("mask", "masks", "msk", "m", "label", "labels", "lbl", "lab", "gt", "gts", "groundtruth", "ground_truth"),
    *("ground-truth", "truth", "seg", "segmentation", "semantic", "target", "targets", "annotation", "annotations"),
    *("annotated", "annot", "ann", "class", "classes", "map", "reference", "ref", "fuse", "label_noboundary"),
    *("labelled", "labeled", "segmented", "labelmap", "label_map", "segmap", "seg_map", "segmask", "semseg", "trimap"),
    *("landcover", "lulc", "lc", "mask_color", "label_color", "trainid", "trainids"),
    *("labelids", "labeltrainids", "instance_color_rgb", "label_ground-truth", "label_ground-truth_semantic"),
)
_EXACT_MASK_WORDS = ("L", "P", r"\d+label")
"""CamVid's endings, in capitals alone, as a small `l` is often left; `5label` of Gaofen's sets."""
_SMALL = ("m", "class", "classes", "map", "ref", "reference", "fuse", "lc")
"""Words that mean too much else in front of a name: M_12 is a map sheet rather than a mask."""
_LOOSE = frozenset(_SMALL) - {"m"}
_BARE = "*"


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


@dataclass(frozen=True)
class _Patterns:
    """A name that ends with a word for one kind, begins with it, or holds it between others."""

    end: re.Pattern[str]
    start: re.Pattern[str]
    middle: re.Pattern[str]
    whole: re.Pattern[str]


def match_stems(images: Mapping[str, str], masks: Mapping[str, str], marked: bool = False) -> Matching:
    """The pairs among names whose stems (by name) differ by known words on one or both sides.

    `marked`: the mask itself must carry such a word, as in one folder of images and masks, where both arguments hold
    the same names.
    """
    forms: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, stem in images.items():
        for key, pattern in _forms(stem, _IMAGE):
            forms.setdefault(key, []).append((name, pattern))
    rules: dict[tuple[str, str], str] = {}
    for name, stem in masks.items():
        for key, pattern in (*_forms(stem, _MASK), *_with_file_suffix(stem)):
            if marked and pattern == _BARE:
                continue
            for image, image_pattern in forms.get(key, ()):
                if image != name and (image_pattern, pattern) != (_BARE, _BARE):
                    rules.setdefault((image, name), f"{image_pattern} with {pattern}")
    return _clear(rules)


def _clear(rules: Mapping[tuple[str, str], str]) -> Matching:
    """The pairs of which neither name is in another pair, by their rules."""
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
    """Whether a stem surely has a word for an image or a mask, set apart: `a_sat`, `MSK_7`, but not `overview_map`."""
    patterns = (pattern for words in (_IMAGE, _MASK) for _, pattern in _forms(stem, words))
    return any(re.search(r"[_\-. ]", pattern) and _word(pattern) not in _LOOSE for pattern in patterns)


def _word(pattern: str) -> str:
    return pattern.strip("*_-. ").lower()


def plain_stems(stem: str) -> tuple[str, ...]:
    """The stem, and its forms without a word for an image or a mask in front or at the end, each once."""
    forms = (key for words in (_IMAGE, _MASK) for (side, key), _ in _forms(stem, words) if side in ("suffix", "prefix"))
    return tuple(dict.fromkeys((stem, *(form for form in forms if form))))


def _patterns(words: Sequence[str], exact: Sequence[str] = ()) -> _Patterns:
    ordered = sorted(words, key=len, reverse=True)
    ends = "|".join([f"(?i:{word})" for word in ordered] + list(exact))
    starts = "|".join(word for word in ordered if word not in _SMALL)
    return _Patterns(
        re.compile(rf"(.+?)([_\-. ]+(?:{ends}))"),
        re.compile(rf"((?:{starts})(?:[_\-. ]+|(?=\d)))(.+)", re.IGNORECASE),
        re.compile(rf"(.+[_\-. ])({starts})([_\-. ].+)", re.IGNORECASE),
        re.compile(starts, re.IGNORECASE),
    )


_IMAGE, _MASK = _patterns(IMAGE_WORDS), _patterns(MASK_WORDS, _EXACT_MASK_WORDS)


def _forms(stem: str, patterns: _Patterns) -> Iterator[tuple[tuple[str, str], str]]:
    """((side of the word, rest), pattern) of each reading of a stem; a bare stem counts for both sides."""
    yield ("suffix", stem), _BARE
    yield ("prefix", stem), _BARE
    folder, base = posixpath.split(stem)
    if match := patterns.end.fullmatch(base):
        yield ("suffix", posixpath.join(folder, match[1])), _BARE + match[2]
    if match := patterns.start.fullmatch(base):
        yield ("prefix", posixpath.join(folder, match[2])), match[1] + _BARE
    if match := patterns.middle.fullmatch(base):
        yield ("middle", posixpath.join(folder, f"{match[1]}/{match[3]}")), f"*{match[2]}*"
    if patterns.whole.fullmatch(base):
        yield ("whole", folder), base


def _with_file_suffix(stem: str) -> Iterator[tuple[tuple[str, str], str]]:
    """The forms of a mask that keeps the image's file name with its suffix: `a.jpg.png`, `a.jpg___fuse.png`."""
    if "." not in stem:
        return
    for (side, rest), pattern in _forms(stem, _MASK):
        image, suffix = posixpath.splitext(rest)
        if side == "suffix" and image and suffix.lower() in IMAGE_SUFFIXES:
            yield ("suffix", image), f"*{suffix}{pattern[1:]}"
