"""Which files are images and which masks, as far as a command says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels.suffixes import PHOTO_SUFFIXES, RASTER_SUFFIXES
from terrazzo.scenes.trees import JSON, Tree, open_tree

ZIP = ".zip"


@dataclass(frozen=True)
class Naming:
    """The folder of the masks and the patterns of names; nothing given: found by looking."""

    masks: Path | None = None
    """A folder or zip of masks; the data set is then the folder of their images."""
    image_suffix: str | None = None
    mask_suffix: str | None = None
    """Patterns of names (`pairing.patterns`)."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Naming":
        """The arguments of `prepare` or `inspect`, which are for pictures. Raises InputError at an empty pattern."""
        for name in ("image_suffix", "mask_suffix"):
            if given[name] is not None and not given[name].strip("* "):
                raise InputError(f"--{name.replace('_', '-')} {given[name]!r}: expected what names end with: _mask.png")
        masks = given["labels"]
        return cls(None if masks is None else Path(masks), given["image_suffix"], given["mask_suffix"])

    def words(self, images: Path) -> tuple[str, ...]:
        """The words that name the data set in a command."""
        patterns = {"--image-suffix": self.image_suffix, "--mask-suffix": self.mask_suffix}
        given = (word for flag, pattern in patterns.items() if pattern is not None for word in (flag, pattern))
        return (str(images), *([] if self.masks is None else [str(self.masks)]), *given)

    @property
    def is_given(self) -> bool:
        """Whether the command says anything."""
        return self != Naming()


def hold_pictures(images: Path, labels: Path, for_rasters: bool = False) -> bool:
    """Whether two paths are pictures with their masks or annotations, rather than rasters with a place on the ground.

    Annotations are a JSON file of a format that `annotations` reads, or a folder of such files without any image.

    They are where the images are none but ordinary pictures, or the masks beside TIFFs are. They are also where the
    first TIFF of the images is a plain one: 8 bits, 1, 3 or 4 bands, not georeferenced. Options `for_rasters` make
    plain TIFFs rasters.
    """
    folders = [path.is_dir() or (path.is_file() and path.suffix.lower() == ZIP) for path in (images, labels)]
    if folders[0] and not for_rasters and _are_annotations(labels):
        return True
    if not all(folders):
        return False
    trees = [open_tree(images, without=labels), open_tree(labels, without=images)]
    rasters = [_ending(tree, RASTER_SUFFIXES) for tree in trees]
    if not rasters[0] and _ending(trees[0], PHOTO_SUFFIXES):
        return True
    if not all(rasters):
        return all(_ending(tree, PHOTO_SUFFIXES) or found for tree, found in zip(trees, rasters, strict=True))
    return images.is_file() or (not for_rasters and _is_plain(images / rasters[0][0]))


def _are_annotations(labels: Path) -> bool:
    if (labels.is_file() and labels.suffix.lower() != JSON) or not labels.exists():
        return False
    tree = open_tree(labels)
    if _ending(tree, (*PHOTO_SUFFIXES, *RASTER_SUFFIXES)):
        return False
    from terrazzo.scenes.annotations.documents import holds_annotations  # loads shapely

    return holds_annotations(tree)


def _ending(tree: Tree, suffixes: tuple[str, ...]) -> list[str]:
    return [name for name in tree.files() if name.lower().endswith(suffixes)]


def _is_plain(path: Path) -> bool:
    from terrazzo.pixels.rasters.raster import read_raster  # here, as commands on pictures load no GDAL

    try:
        raster = read_raster(path)
    except (ImageError, InputError):
        return True
    placed = raster.georeferenced or bool(raster.gcps)
    return not placed and raster.dtype == "uint8" and raster.n_bands in (1, 3, 4)
