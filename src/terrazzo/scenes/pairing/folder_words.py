"""What the name of a folder says: images, masks or neither, and the rest of it without the words for these.

`train-org-img` says images, `train_labels` masks, both with the rest `train`. Folders pair by their rests, so a word
that this table lacks can only leave folders unpaired.
"""

import re
from dataclasses import dataclass

IMAGE_FOLDER, MASK_FOLDER = "images", "masks"
IMAGE_FOLDERS = (IMAGE_FOLDER, "image", "imgs", "img", "images_png")
MASK_FOLDERS = (MASK_FOLDER, "mask", "msks", "msk", "masks_png", "labels", "label", "gt", "annotations")
"""Names so plain that a lone folder of this name is half of a data set."""

PLAIN, DERIVED, WEAK, BARE = range(4)
"""How surely a name says its kind; of folders with one rest the surest are taken.

Plain: a name above. Derived: it holds a word for it. Weak: the word has other uses, or says a second rendering of the
same masks. Bare: no word at all, images only beside masks of the same rest.
"""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_IMAGE_WORDS = _words(
    "image images img imgs im photo photos picture pictures pic pics rgb rgbir rgbn rgbnir nirrgb irrg irrgb "
    "ortho orthos orthophoto orthophotos orthomosaic orthomosaics sat satellite aerial org orig original "
    "originals ori jpegimages bild bilder foto fotos imagen imagenes"
)
_WEAK_IMAGE_WORDS = _words(
    "src source sources input inputs top raw data frame frames tile tiles chip chips patch patches scene scenes "
    "jpg jpgs jpeg jpegs x"
)
_MASK_WORDS = _words(
    "mask masks msk msks label labels lbl lbls lab labs gt gts groundtruth truth annotation annotations annot "
    "annots ann anns target targets seg segs segmentation segmentations semantic segmap segmaps trimap trimaps "
    "map maps reference references classification classified landcover class classes "
    "masque masques maske masken mascara mascaras y"
)
_RENDERINGS = _words("color colors colour colours colored coloured colormap rgb human eroded noboundary")
_OTHER_WORDS = _words(
    "instance instances inst object objects panoptic visualization visualizations visualisation visualisations "
    "vis viz visual overlay overlays preview previews thumbnail thumbnails edge edges boundary boundaries contour "
    "contours depth dsm ndsm dem dtm height heights elevation elevations nir swir sar thermal pred preds "
    "prediction predictions npy"
)
_FILLERS = _words(
    "png pngs jpg jpgs jpeg jpegs tif tifs tiff tiffs geotiff bmp dir dirs folder folders file files all for "
    "participants machine index indexed 8bit binary multi multiclass"
)
_KNOWN = _IMAGE_WORDS | _WEAK_IMAGE_WORDS | _MASK_WORDS | _RENDERINGS | _OTHER_WORDS | _FILLERS

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "va"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "ts"), "test"),
}
"""Words for a split beside other words of a name, nnU-Net's `imagesTr` and `imagesTs` among them."""
_LONG_SPLITS = sorted((word for word in SPLIT_WORDS if len(word) > 2), key=len, reverse=True)
_JOINED = re.compile(rf"({'|'.join(_LONG_SPLITS)})(?=[a-z])([a-z]+)|([a-z]+?)({'|'.join(_LONG_SPLITS)})")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_TOGETHER = {("ground", "truth"): "groundtruth", ("ground", "truths"): "groundtruth", ("no", "boundary"): "noboundary"}


@dataclass(frozen=True)
class FolderName:
    """The kind that a folder's name says, how surely, and the rest of the name."""

    kind: str | None
    """`images`, `masks`, `other` (instances, heights, previews), or None."""
    level: int
    rest: str
    """The other words in lower case, joined by `_`."""

    @property
    def rests(self) -> tuple[str, ...]:
        """The rest, then the rest without a number in front, as in `2_Ortho_RGB` beside `5_Labels_all`."""
        first, _, further = self.rest.partition("_")
        return (self.rest, further) if first.isdecimal() and self.kind else (self.rest,)

    @property
    def split(self) -> str | None:
        """The split that the rest of a name for images or masks says: `train_labels`, `imagesTs`, `aerial_val`."""
        last = self.rest.rpartition("_")[2]
        return SPLIT_WORDS.get(last) if self.kind in (IMAGE_FOLDER, MASK_FOLDER) else None


def folder_name(name: str) -> FolderName:
    """What the name of one folder says, whatever its case."""
    words = words_of(name)
    rest = "_".join(words)
    lower = name.lower()
    if lower in IMAGE_FOLDERS or lower in MASK_FOLDERS:
        return FolderName(IMAGE_FOLDER if lower in IMAGE_FOLDERS else MASK_FOLDER, PLAIN, "")
    if any(word in _OTHER_WORDS for word in words):
        return FolderName("other", DERIVED, rest)
    masks = [word for word in words if _is_mask_word(word, words)]
    if masks:
        level = WEAK if any(word in _RENDERINGS for word in words) else DERIVED
        return FolderName(MASK_FOLDER, level, _rest(words))
    if any(word in _IMAGE_WORDS for word in words):
        return FolderName(IMAGE_FOLDER, DERIVED, _rest(words))
    if any(word in _WEAK_IMAGE_WORDS and (word != "x" or _is_letter(words)) for word in words):
        return FolderName(IMAGE_FOLDER, WEAK, _rest(words))
    return FolderName(None, BARE, rest)


def without_words(folder: str) -> str:
    """The path of a folder without its words for images and masks, as far as they are sure: `area/img` as `area`."""
    names = [(part, folder_name(part)) for part in folder.split("/")]
    return "/".join(
        rest for part, said in names if (rest := said.rest if said.kind and said.level <= DERIVED else part)
    )


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, split at separators, at capitals and at words for a split."""
    found: list[str] = []
    for chunk in re.split(r"[\W_]+", name):
        if chunk.lower() in _KNOWN:
            found.append(chunk.lower())
            continue
        for part in _PARTS.findall(chunk):
            joined = _JOINED.fullmatch(part.lower())
            halves = [half for half in joined.groups() if half] if joined else []
            apart = len(halves) == 2 and any(half in _KNOWN for half in halves)
            found += halves if apart else [part.lower()]
    words: list[str] = []
    for word in found:
        if words and (both := _TOGETHER.get((words[-1], word))):
            words[-1] = both
        else:
            words.append(word)
    return words


def _is_mask_word(word: str, words: list[str]) -> bool:
    if word == "y":
        return _is_letter(words)
    return word in _MASK_WORDS or word.endswith(("mask", "masks"))


def _is_letter(words: list[str]) -> bool:
    """Whether `x` and `y` stand alone or with a split, as in `x_train`."""
    return len(words) == 1 or (len(words) == 2 and words[1] in SPLIT_WORDS)


def _rest(words: list[str]) -> str:
    """The words that say neither kind nor rendering, without the `5` of `5classes`."""
    kept = []
    for at, word in enumerate(words):
        counts = word.isdecimal() and words[at + 1 : at + 2] in (["classes"], ["class"])
        says_kind = word in _KNOWN or _is_mask_word(word, words)
        if not (counts or says_kind):
            kept.append(word)
    return "_".join(kept)
