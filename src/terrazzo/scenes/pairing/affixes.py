"""Images and masks in folders of their own, paired by endings or beginnings that no table lists.

Example: `a_east2k` and `b_east2k` with `a_roofs` and `b_roofs`. The whole words that all names of a side begin or end
with are taken off, and the rests pair where they are equal. A number alone is no word: it may count the pictures. One
name alone shares everything with itself, so it pairs only with a name that continues it: `a` with `a_roofs`.
"""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

from terrazzo.scenes.pairing.stems import Match


def match_affixes(images: Mapping[str, str], masks: Mapping[str, str]) -> tuple[Match, ...]:
    """The pairs of all masks, by the parts that the stems (by name) of each side share; none if a mask is left over."""
    if len(masks) == 1:
        return _continued(images, masks)
    ways = [(_ending, _ending), (_beginning, _beginning)]
    for of_image, of_mask in ways:
        affixes = of_image(list(images.values())), of_mask(list(masks.values()))
        if not any(affixes):
            continue
        ends = of_image is _ending
        rests = [_by_rest(side, affix, ends) for side, affix in zip((images, masks), affixes, strict=True)]
        if rests[0] is None or rests[1] is None or not rests[1].keys() <= rests[0].keys():
            continue
        rule = " with ".join(f"*{affix}" if ends else f"{affix}*" for affix in affixes)
        return tuple(Match(rests[0][rest], name, rule) for rest, name in rests[1].items())
    return ()


def _continued(images: Mapping[str, str], masks: Mapping[str, str]) -> tuple[Match, ...]:
    """The only mask with the only image whose stem it continues by a word."""
    ((mask, stem),) = masks.items()
    fits = [(name, ending) for name, of in images.items() if stem.startswith(of) and is_word(ending := stem[len(of) :])]
    return tuple(Match(name, mask, f"* with *{ending}") for name, ending in fits) if len(fits) == 1 else ()


def is_word(ending: str) -> bool:
    """Whether an ending begins with a separator and holds a letter."""
    return re.match(r"[_\-. ]", ending) is not None and re.search(r"[^\W\d_]", ending) is not None


def _by_rest(stems: Mapping[str, str], affix: str, ends: bool) -> dict[str, str] | None:
    """The names by their stems without the affix; None if two become equal or one is nothing."""
    cut: Callable[[str], str] = (lambda stem: stem.removesuffix(affix)) if ends else (lambda stem: _behind(stem, affix))
    rests = {cut(stem): name for name, stem in stems.items()}
    return rests if len(rests) == len(stems) and "" not in rests else None


def _behind(stem: str, affix: str) -> str:
    folder, base = posixpath.split(stem)
    return posixpath.join(folder, base.removeprefix(affix))


def _ending(stems: Sequence[str]) -> str:
    """What all stems end with, from a separator on: `_roofs`; nothing without a letter."""
    shared = _shared([posixpath.basename(stem)[::-1] for stem in stems])[::-1]
    match = re.search(r"[_\-. ].*", shared)
    return match[0] if match and re.search(r"[^\W\d_]", match[0]) else ""


def _beginning(stems: Sequence[str]) -> str:
    """What all stems begin with, up to a separator: `roofs_`; nothing without a letter."""
    shared = _shared([posixpath.basename(stem) for stem in stems])
    match = re.match(r".*[_\-. ]", shared)
    return match[0] if match and re.search(r"[^\W\d_]", match[0]) else ""


def _shared(texts: Sequence[str]) -> str:
    """The characters that all texts begin with."""
    least, most = min(texts, default=""), max(texts, default="")
    n = next((at for at, (one, other) in enumerate(zip(least, most, strict=False)) if one != other), len(least))
    return least[:n]
