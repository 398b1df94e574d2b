"""Every image and mask of a data set read once: sizes, hashes and values, without any judgement."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import pack_colors
from terrazzo.errors import ImageError
from terrazzo.pixels.masks import Mask, ValueCounts
from terrazzo.pixels.photos import is_plain, pixel_hash
from terrazzo.scenes.contract.census import Census
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.scene import Found, Scene
from terrazzo.system.machine import n_cores
from terrazzo.system.reporting import Progress, silent

_AT_FULL_SIZE = Reader()


@dataclass(frozen=True, eq=False)
class ProbedMask:
    """What a readable mask holds."""

    size: tuple[int, int]
    """(height, width) in the file."""
    is_color: bool
    tally: ValueCounts
    """Its values at the scale of the survey."""
    indices: ValueCounts | None = None
    """Of palette images: the indices, whose colours are in the tally ..."""
    palette: NDArray[np.int64] | None = None
    """... and the packed colour of each index, (256,)."""
    stored: tuple[int, ...] | None = None
    """The tally's value that each palette index stands for, where these are not the same."""
    n_snapped: int = 0
    n_far: int = 0
    """Of lossy colours: pixels taken for the nearest colour, and pixels too far from every colour."""
    n_twice: int = 0
    n_outside: int = 0
    """Of drawn labels: pixels in polygons of different classes, and polygons outside the image."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A scene's image and mask, read once."""

    scene: Scene
    size: tuple[int, int] | None
    """(height, width) of the image in the file; None if it cannot be read."""
    pixel_hash: str
    """Of the image as read."""
    mask: ProbedMask | None
    """None if it cannot be read."""
    troubles: tuple[tuple[str, str], ...] = ()
    """(file, problem) of each file that cannot be read."""
    is_plain: bool = False
    """Whether the image is of a single colour."""
    downsample: float = 1.0
    """The scene was read at 1 / this of its height and width."""
    turned: bool = False
    """Whether EXIF turned the image upright."""

    @property
    def is_whole(self) -> bool:
        """Whether both files can be read and have the same size."""
        return self.mask is not None and self.size == self.mask.size


@dataclass(frozen=True, eq=False)
class Survey:
    """A data set with all files read."""

    root: Path
    found: Found
    probes: tuple[Probe, ...]
    notes: tuple[str, ...] = ()
    """How the masks are read."""
    problem: str | None = None
    """Why the masks can be read neither as colours nor as ids, and what to do."""


def survey(root: Path, found: Found, progress: Progress = silent, reader: Reader = _AT_FULL_SIZE) -> Survey:
    """The scenes found below `root`, both files of each read once."""
    probes = []
    total = len(found.scenes)
    progress("reading images and masks", 0, total)
    # Threads are enough: Pillow and numpy release the lock while they decode and sort.
    with ThreadPoolExecutor(n_cores()) as pool:
        for probed in pool.map(lambda scene: probe_scene(scene, reader), found.scenes):
            probes.append(probed)
            progress("reading images and masks", len(probes), total)
    return Survey(Path(root), found, tuple(probes))


def probe_scene(scene: Scene, reader: Reader = _AT_FULL_SIZE) -> Probe:
    """One scene's image and mask, read; `troubles` says what cannot be read."""
    size, mask, digest, plain, turned = None, None, "", False, False
    troubles = []
    try:
        photo = reader.photo(scene)
        size, digest, turned = photo.file_size, pixel_hash(photo.pixels), photo.turned
        plain = is_plain(photo.pixels)
        del photo
    except ImageError as error:
        troubles.append((scene.image.where, str(error).removeprefix(f"{scene.image.where}: ")))
    try:
        pixels = reader.mask(scene)
        mask = _probed(pixels)
    except ImageError as error:
        troubles.append((scene.label.where, str(error).removeprefix(f"{scene.label.where}: ")))
    return Probe(scene, size, digest, mask, tuple(troubles), plain, reader.downsample, turned)


def _probed(mask: Mask) -> ProbedMask:
    indices = palette = None
    if mask.palette is not None:
        indices = replace(mask, palette=None).value_counts()
        palette = pack_colors(mask.palette).astype(np.int64)
    tally = mask.value_counts()
    counts = mask.n_snapped, mask.n_far, mask.n_twice, mask.n_outside
    return ProbedMask(mask.file_size, mask.is_color, tally, indices, palette, None, *counts)


def census(probes: Iterable[Probe]) -> Census:
    """The values of all readable masks of the more frequent kind, colours or ids; colours at a tie."""
    masks = [probe.mask for probe in probes if probe.mask]
    is_color = 2 * sum(mask.is_color for mask in masks) >= len(masks)
    tallies = [mask.tally for mask in masks if mask.is_color == is_color]
    if not tallies:
        return Census(is_color, {})
    values, inverse = np.unique(np.concatenate([tally.values for tally in tallies]), return_inverse=True)
    counts = np.bincount(inverse, weights=np.concatenate([tally.counts for tally in tallies])).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    return Census(is_color, dict(zip(values[order].tolist(), counts[order].tolist(), strict=True)))
