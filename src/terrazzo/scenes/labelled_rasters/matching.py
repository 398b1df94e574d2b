"""Rasters paired with their labels: a layer for all, a label raster for one, or folders paired by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.rasters.formats import driver_of, way_out
from terrazzo.pixels.suffixes import LAYER_SUFFIXES, RASTER_SUFFIXES, VIRTUAL
from terrazzo.scenes.pairing.stems import match_stems
from terrazzo.scenes.trees import natural_key
from terrazzo.system.patterns import is_pattern, matching
from terrazzo.system.reporting import how_many


@dataclass(frozen=True)
class LabelledRaster:
    """A raster and the file of its labels."""

    name: str
    """The raster's name below the folder, without suffix."""
    image: Path
    labels: Path

    @property
    def is_layer(self) -> bool:
        """Whether the labels are a layer of polygons."""
        return self.labels.suffix.lower() in LAYER_SUFFIXES


def pair_rasters(images: Path, labels: Path, unpaired: str = "error") -> tuple[tuple[LabelledRaster, ...], int]:
    """The rasters at `images` with their labels, in natural order, and the number of files without a partner.

    `images`: a raster, a folder of rasters, or a pattern that no shell has expanded. `labels`: a layer of polygons for
    all, a label raster for one, or a folder or pattern of label rasters whose names are equal or differ as
    `pairing.stems` describes. Raises InputError if one of the two cannot be used, or if two rasters of a folder have
    one name; LabelError at files without a partner, unless `unpaired` is `skip`.
    """
    for path in (images, labels):
        if not path.exists() and not is_pattern(path):
            raise InputError(f"{path}: no such file or folder; expected rasters and their labels")
    if images.resolve() == labels.resolve():
        raise InputError(f"{labels}: is both the images and the labels; give polygons or label rasters")
    rasters = _rasters(images, "a raster or a folder of rasters (.tif, .tiff, .jp2)")
    if labels.is_file() and labels.suffix.lower() in LAYER_SUFFIXES:
        return tuple(LabelledRaster(name, path, labels) for name, path in rasters), 0
    wanted = f"polygons ({', '.join(LAYER_SUFFIXES)}), a label raster (.tif) or a folder of label rasters"
    targets = _rasters(labels, wanted)
    if labels.is_file():
        if images.is_dir() or len(rasters) > 1:
            several = "a folder" if images.is_dir() else f"names {len(rasters)} rasters"
            raise InputError(f"{labels}: is one label raster, {images} {several}; give a folder of label rasters")
        return (LabelledRaster(rasters[0][0], rasters[0][1], labels),), 0
    pairs, lone = _paired(dict(rasters), dict(targets))
    if lone and unpaired == "error":
        raise LabelError(
            f"{lone[0]}: has no partner of the same name ({how_many(len(lone), 'such file')}); "
            "name image and label alike, or leave such files out with --unpaired skip"
        )
    if not pairs:
        raise LabelError(f"{images}: none of its {len(rasters)} rasters has a label raster of its name in {labels}")
    return tuple(pairs), len(lone)


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
    if not named:
        raise InputError(f"{path}: {nothing}; expected {expected}")
    return sorted(named.items(), key=lambda entry: natural_key(entry[0]))


def _paired(images: dict[str, Path], targets: dict[str, Path]) -> tuple[list[LabelledRaster], Sequence[Path]]:
    """Pairs of equal names, then of names that differ by a known word; and the remaining files."""
    pairs = {name: targets[name] for name in images if name in targets}
    left = {name: name for name in images if name not in pairs}
    others = {f"label:{name}": name for name in targets if name not in pairs}
    for match in match_stems(left, others).matches:
        pairs[match.image] = targets[others[match.mask]]
    used = set(pairs.values())
    lone = [path for name, path in images.items() if name not in pairs]
    lone += [path for path in targets.values() if path not in used]
    return [LabelledRaster(name, images[name], pairs[name]) for name in images if name in pairs], lone
