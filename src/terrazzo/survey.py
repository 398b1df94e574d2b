"""Every image and mask of a data set read once: sizes, hashes, the values in the masks. No judgement yet."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terrazzo.errors import ImageError
from terrazzo.images import pixel_hash, read_photo
from terrazzo.labels import Tally, read_mask
from terrazzo.reporting import Progress, silent
from terrazzo.sources.detect import find_scenes
from terrazzo.sources.scene import Found, Scene


@dataclass(frozen=True, eq=False)
class ProbedMask:
    """What a readable mask holds."""

    size: tuple[int, int]
    is_color: bool
    tally: Tally


@dataclass(frozen=True, eq=False)
class Probe:
    """A scene's image and mask, read once."""

    scene: Scene
    size: tuple[int, int] | None
    """(height, width) of the image; None where it cannot be read."""
    pixel_hash: str
    mask: ProbedMask | None
    """None where it cannot be read."""
    troubles: tuple[tuple[str, str], ...] = ()
    """(file, what is wrong) for each of the two that cannot be read."""

    @property
    def is_whole(self) -> bool:
        """Whether both files can be read and have one size."""
        return self.mask is not None and self.size == self.mask.size


@dataclass(frozen=True, eq=False)
class Survey:
    """A data set as found."""

    root: Path
    found: Found
    probes: tuple[Probe, ...]


@dataclass(frozen=True, eq=False)
class Census:
    """All values of all masks of one kind, and the pixels that each has."""

    is_color: bool
    pixels: dict[int, int]
    """By packed colour or id, most frequent first."""

    @property
    def total(self) -> int:
        """All pixels."""
        return sum(self.pixels.values())


def survey(root: Path, layout: str | None = None, progress: Progress = silent) -> Survey:
    """All scenes below `root` with both files of each read. Raises InputError where there is no data set."""
    found = find_scenes(root, layout)
    probes = []
    total = len(found.scenes)
    progress("reading images and masks", 0, total)
    # Threads do: Pillow and numpy release the lock while they decode and sort.
    with ThreadPoolExecutor(n_cores()) as pool:
        for probe in pool.map(probe_scene, found.scenes):
            probes.append(probe)
            progress("reading images and masks", len(probes), total)
    return Survey(Path(root), found, tuple(probes))


def probe_scene(scene: Scene) -> Probe:
    """One scene's image and mask, read; what cannot be read is in `troubles`."""
    size, mask, digest = None, None, ""
    troubles = []
    try:
        photo = read_photo(scene.image.read(), scene.image.where)
        size, digest = (photo.shape[0], photo.shape[1]), pixel_hash(photo)
        del photo
    except ImageError as error:
        troubles.append((scene.image.where, _without_name(error, scene.image.where)))
    try:
        pixels = read_mask(scene.label.read(), scene.label.where)
        mask = ProbedMask(pixels.size, pixels.is_color, pixels.tally())
    except ImageError as error:
        troubles.append((scene.label.where, _without_name(error, scene.label.where)))
    return Probe(scene, size, digest, mask, tuple(troubles))


def census(probes: Iterable[Probe]) -> Census:
    """The values of all readable masks of the kind (colours, ids) that most masks are of; colours at a tie."""
    masks = [probe.mask for probe in probes if probe.mask]
    is_color = 2 * sum(mask.is_color for mask in masks) >= len(masks)
    tallies = [mask.tally for mask in masks if mask.is_color == is_color]
    if not tallies:
        return Census(is_color, {})
    values, inverse = np.unique(np.concatenate([tally.values for tally in tallies]), return_inverse=True)
    counts = np.bincount(inverse, weights=np.concatenate([tally.counts for tally in tallies])).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    return Census(is_color, dict(zip(values[order].tolist(), counts[order].tolist(), strict=True)))


def n_cores() -> int:
    """The cores this process may use, at most 8: more would hold too many decoded images at a time."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 8)


def _without_name(error: ImageError, where: str) -> str:
    return str(error).removeprefix(f"{where}: ")
