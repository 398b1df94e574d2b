"""Images and masks in one folder whose masks add one ending to the images' names that no table lists.

`a.jpg` and `b.jpg` with `a_roofs.png` and `b_roofs.png`: masks if these all have few colours and the others many
(`looks`), else refused with the option that says so.
"""

import posixpath
from collections import Counter

from terrazzo.errors import InputError
from terrazzo.scenes.pairing.affixes import is_word
from terrazzo.scenes.pairing.folder_words import folder_name
from terrazzo.scenes.pairing.folders import Pairing
from terrazzo.scenes.pairing.looks import like_masks
from terrazzo.scenes.pairing.patterns import IMAGE_FLAG, MASK_FLAG, pair_by_patterns
from terrazzo.scenes.pairing.siblings import is_picture
from terrazzo.scenes.pairing.stems import IMAGE_WORDS
from terrazzo.scenes.trees import Tree


def pair_by_ending(tree: Tree) -> Pairing | None:
    """The pairs of pictures and those that continue their names by one and the same ending; None if there are none.

    Raises InputError where it is not clear that the continued ones are masks.
    """
    stems: dict[str, dict[str, str]] = {}
    for name in filter(is_picture, tree.files()):
        stems.setdefault(posixpath.dirname(name), {})[posixpath.splitext(posixpath.basename(name))[0]] = name
    continued = [
        (inside[base], inside[stem], stem[len(base) :])
        for inside in stems.values()
        for stem in inside
        if (base := _base(stem, inside)) is not None
    ]
    endings = Counter(ending for _, _, ending in continued)
    if len(endings) != 1 or 2 * len(continued) < sum(map(len, stems.values())) - len(continued):
        return None
    ((ending, _),) = endings.items()
    if folder_name(ending).kind == "other":
        return None
    images, masks = [image for image, _, _ in continued], [mask for _, mask, _ in continued]
    says_image = ending.strip("_-. ").lower() in IMAGE_WORDS
    if says_image:
        images, masks = masks, images
    if not like_masks(tree, masks) or like_masks(tree, images):
        flag, marked = (IMAGE_FLAG, images[0]) if says_image else (MASK_FLAG, masks[0])
        raise InputError(
            f"{tree.where(masks[0])}: may be the mask of {posixpath.basename(images[0])} or another picture of it; "
            f"if it is, say so with {flag} {ending}{posixpath.splitext(marked)[1]}"
        )
    return pair_by_patterns(tree, *((ending, None) if says_image else (None, ending)))


def _base(stem: str, stems: dict[str, str]) -> str | None:
    """The longest other stem that this one continues by a word."""
    ends = [at for at in range(len(stem) - 1, 0, -1) if stem[:at] in stems and is_word(stem[at:])]
    return stem[: ends[0]] if ends else None
