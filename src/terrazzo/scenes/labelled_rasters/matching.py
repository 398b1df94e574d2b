"""Rasters paired with their labels: a layer for all, a label raster for one, or folders paired by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import ImageError, InputError, LabelError
from terrazzo.pixels.rasters.formats import driver_of, way_out
from terrazzo.pixels.rasters.gdal import gdal, opened
from terrazzo.pixels.rasters.stacks.pairing import stacks_of
from terrazzo.pixels.rasters.stacks.spec import StackPath, StackSpec
from terrazzo.pixels.suffixes import LAYER_SUFFIXES, PHOTO_SUFFIXES, RASTER_SUFFIXES, VIRTUAL
from terrazzo.scenes.pairing.stems import match_stems
from terrazzo.scenes.pairing.two_folders import plain_path
from terrazzo.scenes.trees import natural_key
from terrazzo.system.patterns import is_pattern, matching
from terrazzo.system.reporting import how_many


@dataclass(frozen=True)
class LabelledRaster:
    """A raster and the file of its labels."""

    name: str
    """The raster's name below the folder, without suffix."""
    image: Path | StackPath
    labels: Path

    @property
    def is_layer(self) -> bool:
        """Whether the labels are a layer of polygons."""
        return self.labels.suffix.lower() in LAYER_SUFFIXES


def pair_rasters(
    images: Path | StackSpec, labels: Path, unpaired: str = "error"
) -> tuple[tuple[LabelledRaster, ...], int]:
    """The rasters at `images` with their labels, in natural order, and the number of files without a partner.

    `images`: a raster, a folder of rasters, a pattern that no shell has expanded, or several of these as one. `labels`:
    a layer of polygons for all, a label raster for one, or a folder or pattern of label rasters whose names are equal
    or differ as `pairing.stems` describes. Raises InputError if one of the two cannot be used, or if two rasters of a
    folder have one name; LabelError at files without a partner, unless `unpaired` is `skip`.
    """
    named = images.paths if isinstance(images, StackSpec) else (images,)
    for path in (*named, labels):
        if not path.exists() and not is_pattern(path):
            raise InputError(f"{path}: no such file or folder; expected rasters and their labels")
    if any(path.resolve() == labels.resolve() for path in named):
        raise InputError(f"{labels}: is both the images and the labels; give polygons or label rasters")
    _refuse_swapped(images, labels)
    rasters, lone = _images(images)
    if labels.is_file() and labels.suffix.lower() in LAYER_SUFFIXES:
        _refuse_lone(lone, unpaired)
        return tuple(LabelledRaster(name, path, labels) for name, path in rasters), len(lone)
    wanted = f"polygons ({', '.join(LAYER_SUFFIXES)}), a label raster (.tif) or a folder of label rasters"
    targets = _rasters(labels, wanted)
    if labels.is_file():
        is_folder = any(path.is_dir() for path in named)
        if is_folder or len(rasters) > 1:
            several = "a folder" if is_folder else f"names {len(rasters)} rasters"
            raise InputError(f"{labels}: is one label raster, {images} {several}; give a folder of label rasters")
        return (LabelledRaster(rasters[0][0], rasters[0][1], labels),), 0
    pairs, without = _paired(dict(rasters), dict(targets))
    lone += without
    _refuse_lone(lone, unpaired)
    if not pairs:
        raise LabelError(f"{images}: none of its {len(rasters)} rasters has a label raster of its name in {labels}")
    return tuple(pairs), len(lone)


def _refuse_swapped(images: Path | StackSpec, labels: Path) -> None:
    """Raise InputError where polygons stand in the place of the raster, and a raster in theirs."""
    if not isinstance(images, Path) or images.suffix.lower() not in LAYER_SUFFIXES or not images.is_file():
        return
    if labels.suffix.lower() not in RASTER_SUFFIXES or not labels.is_file():
        return
    try:
        with gdal(), opened(images):  # a .gpkg may be a raster
            return
    except ImageError as error:
        raise InputError(
            f"{images}: is no raster, and {labels} behind it is one; name the scene first, then its labels"
        ) from error


def _refuse_lone(lone: Sequence[object], unpaired: str) -> None:
    if lone and unpaired == "error":
        raise LabelError(
            f"{lone[0]}: has no partner of the same name ({how_many(len(lone), 'such file')}); "
            "name image and label alike, or leave such files out with --unpaired skip"
        )


def _images(images: Path | StackSpec) -> tuple[list[tuple[str, Path | StackPath]], list[object]]:
    """The rasters or stacks, each by its name without suffix, and files of stacks without a partner."""
    if isinstance(images, Path):
        return [*_rasters(images, "a raster or a folder of rasters (.tif, .tiff, .jp2)")], []
    remote = [path for _, path in images.parts if not isinstance(path, Path)]
    if remote:
        raise InputError(f"{remote[0]}: is an address; expected files on this machine beside labels, download it")
    stacks = stacks_of(images)
    named = [(name.with_suffix("").as_posix(), path) for name, path in stacks.found]
    if not named:
        raise LabelError(f"{images}: no two of its rasters have one name; name the files of one place alike")
    return sorted(named, key=lambda entry: natural_key(entry[0])), [*stacks.missing, *stacks.surplus]


def _rasters(path: Path, expected: str) -> list[tuple[str, Path]]:
    """The rasters at a path, each by its name without suffix."""
    if path.is_file():
        if driver_of(path) is None:
            raise InputError(f"{path}: {way_out(path) or f'expected {expected}'}")
        return [(path.stem, path)]
    if path.is_dir():
        folder, files, suffixes, nothing = path, list(path.rglob("*")), RASTER_SUFFIXES, "holds no rasters"
    else:
        (folder, files), nothing = matching(path), "no raster matches this pattern"
        suffixes = (*RASTER_SUFFIXES, VIRTUAL) if path.suffix.lower() == VIRTUAL else RASTER_SUFFIXES
    found = [file for file in files if file.suffix.lower() in suffixes and file.is_file()]
    named: dict[str, Path] = {}
    for file in sorted(file for file in found if not file.name.startswith(".")):
        other = named.setdefault(file.relative_to(folder).with_suffix("").as_posix(), file)
        if other != file:
            raise InputError(f"{other} and {file} have one name, so their labels are ambiguous; rename one")
    if not named and any(file.suffix.lower() in PHOTO_SUFFIXES for file in files):
        expected += "; polygons have no place on pictures, give masks of them instead"
    if not named:
        raise InputError(f"{path}: {nothing}; expected {expected}")
    return sorted(named.items(), key=lambda entry: natural_key(entry[0]))


def _paired(images: dict[str, Path | StackPath], targets: dict[str, Path]) -> tuple[list[LabelledRaster], list[object]]:
    """Pairs of equal names, then of names that differ by known words, of the folders too; and the remaining files."""
    pairs = {name: targets[name] for name in images if name in targets}
    for stem_of in (str, plain_path):
        used = set(pairs.values())
        left = {name: stem_of(name) for name in images if name not in pairs}
        others = {f"label:{name}": stem_of(name) for name in targets if targets[name] not in used}
        equal = {stem: name for name, stem in others.items()}
        alike = {name: equal[stem] for name, stem in left.items() if stem in equal}
        alike = alike if len(equal) == len(others) and len(set(left.values())) == len(left) else {}
        alike |= {match.image: match.mask for match in match_stems(left, others).matches}
        pairs |= {name: targets[other.removeprefix("label:")] for name, other in alike.items()}
    used = set(pairs.values())
    lone: list[object] = [path for name, path in images.items() if name not in pairs]
    lone += [path for path in targets.values() if path not in used]
    return [LabelledRaster(name, images[name], pairs[name]) for name in images if name in pairs], lone
