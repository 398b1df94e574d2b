"""TIFFs that are no pictures, found where pictures are expected, and the command that reads them."""

import posixpath
import shlex
from collections.abc import Sequence
from pathlib import Path

from terrazzo.errors import ImageError
from terrazzo.pixels.signatures import tiff_tags
from terrazzo.pixels.suffixes import TIFF_SUFFIXES
from terrazzo.scenes.scene import Asset, Found
from terrazzo.scenes.trees import FolderTree

_LOOKED_AT = 4


def raster_command(root: Path, found: Found, verb: str = "prepare") -> str | None:
    """One line, if the images looked at are all deep or of other bands than pictures, and their masks TIFFs.

    It says what they are, and names the command for images and labels in two folders, or by two patterns.
    """
    scenes = found.scenes[:: max(len(found.scenes) // _LOOKED_AT, 1)][:_LOOKED_AT]
    if not scenes or not all(_is_tiff(name) for scene in found.scenes for name in (scene.image.name, scene.label.name)):
        return None
    kinds = [_kind(scene.image) for scene in scenes]
    if kinds[0] is None or None in kinds:
        return None
    what = f"{scenes[0].image.where}: {kinds[0]}, so it is read as a raster"
    if not isinstance(scenes[0].image.tree, FolderTree):
        return f"{what}; unpack the zip, and give images and masks as two folders, as in {verb} IMAGES LABELS"
    sides = _two_words([scene.image.name for scene in found.scenes], [scene.label.name for scene in found.scenes])
    if sides is None:
        return f"{what}; put images and masks into two folders, and give these, as in {verb} IMAGES LABELS"
    words = shlex.join([str(root / side) for side in sides])
    return f"{what}; give images and masks as two folders: terrazzo {verb} {words}"


def _is_tiff(name: str) -> bool:
    return name.lower().endswith(TIFF_SUFFIXES)


def _kind(image: Asset) -> str | None:
    """What makes a TIFF no picture: `has 16 bits a band`; None for pictures."""
    try:
        tags = tiff_tags(image.read(), image.where)
    except ImageError:
        return None
    if tags is None:
        return None
    bits, floating = max(tags.get(258, (1,))), max(tags.get(339, (1,))) == 3
    if floating or bits > 8:
        return f"has {bits} bits a band"
    bands, extra, photometric = tags.get(277, (1,))[0], tags.get(338, ()), tags.get(262, (1,))[0]
    has_alpha = len(extra) == 1 and extra[0] in (1, 2)
    return None if bands - has_alpha in (1, 3) or (bands == 4 and photometric == 5) else f"has {bands} bands"


def _two_words(images: Sequence[str], masks: Sequence[str]) -> tuple[str, str] | None:
    """The folder of each side, or patterns of their folders; None where both lie in one."""
    sides = [sorted({posixpath.dirname(name) for name in names}) for names in (images, masks)]
    if sides[0] == sides[1]:
        return None
    common = [posixpath.commonpath(folders) for folders in sides]
    if len(sides[0]) == len(sides[1]) == 1 or common[0] != common[1]:
        return common[0], common[1]
    patterns = [_pattern(folders) for folders in sides]
    return (patterns[0], patterns[1]) if patterns[0] and patterns[1] else None


def _pattern(folders: Sequence[str]) -> str:
    """The folders with `*` for the parts that differ; empty if they differ in depth."""
    split = [folder.split("/") for folder in folders]
    if len({len(parts) for parts in split}) > 1:
        return ""
    parts = [at[0] if len(set(at)) == 1 else "*" for at in zip(*split, strict=True)]
    return "/".join((*parts, "*.tif"))
