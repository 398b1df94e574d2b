"""The windows of scenes in memory: those to train on, and those of the guard."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.improving.scenes import Scene
from terrazzo.maps.pieces.window_reader import fill_color, fill_missing
from terrazzo.model.header import Header
from terrazzo.model.normalization import Normalization
from terrazzo.pixels.bands.depth import Pixels
from terrazzo.system.reporting import Progress

LEAST_VALID = 0.25
"""Windows with a smaller share of valid pixels are left out."""
MOST_TRAINING, MOST_GUARD = 1024, 256
MOST_BYTES = 1 << 30
"""Of a larger scene, windows are drawn at random, this many and this large together at most."""


@dataclass(frozen=True)
class Windows:
    """Pixels (N, C, S, S) uint8 or float32, as the network takes them, and which are valid (N, S, S)."""

    pixels: Pixels
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pixels)


def read_windows(scenes: Sequence[Scene], header: Header, progress: Progress) -> tuple[Windows, Windows]:
    """The windows to train on and those of the guard. They depend on scenes and header alone.

    Raises InputError if one kind has no window with enough valid pixels, ImageError where a scene is damaged.
    """
    item = 1 if not header.normalization.deep else 4
    fits = MOST_BYTES // (header.patch_size**2 * (header.bands * item + 1))
    most = [max(8, min(MOST_TRAINING, fits * 4 // 5)), max(2, min(MOST_GUARD, fits // 5))]
    totals = [sum(len(scene.layout.training) for scene in scenes), sum(len(scene.layout.guard) for scene in scenes)]
    found: tuple[list[_Window], list[_Window]] = ([], [])
    done, expected = 0, sum(min(limit, total) for limit, total in zip(most, totals, strict=True))
    for number, scene in enumerate(scenes):
        with scene.open() as source:
            for kind, corners in enumerate((scene.layout.training, scene.layout.guard)):
                share = -(-most[kind] * len(corners) // max(most[kind], totals[kind]))
                for row, col in _drawn(corners, share, (number, kind)):
                    side = header.patch_size
                    pixels, valid = source.read(row, col, side, side)
                    if valid.mean() >= LEAST_VALID:
                        found[kind].append((_filled(header.normalization, pixels, valid), valid))
                    done += 1
                    progress("reading windows", min(done, expected), expected)
    names = ", ".join(scene.name for scene in scenes[:3])
    for purpose, windows in zip(("train on", "check with"), found, strict=True):
        if not windows:
            raise InputError(
                f"{names}: no window to {purpose} has {LEAST_VALID:.0%} valid pixels or more; "
                "give a scene, or a part of one, with fewer pixels without data"
            )
    return _stacked(found[0]), _stacked(found[1])


_Window = tuple[Pixels, NDArray[np.bool_]]


def _drawn(corners: Sequence[tuple[int, int]], most: int, seed: tuple[int, int]) -> Sequence[tuple[int, int]]:
    """All corners, or `most` of them at random, in their order."""
    if len(corners) <= most:
        return corners
    chosen = np.random.default_rng(seed).permutation(len(corners))[:most]
    return [corners[number] for number in sorted(chosen.tolist())]


def _filled(normalization: Normalization, pixels: Pixels, valid: NDArray[np.bool_]) -> Pixels:
    """The window (C, S, S) with the mean wherever a pixel is invalid or missing, as in maps."""
    if pixels.dtype == np.float32:
        pixels = fill_missing(normalization, pixels, valid)
    elif not valid.all():
        pixels = pixels.copy()
        pixels[~valid] = fill_color(normalization, pixels[valid])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _stacked(windows: Sequence[_Window]) -> Windows:
    return Windows(np.stack([pixels for pixels, _ in windows]), np.stack([valid for _, valid in windows]))
