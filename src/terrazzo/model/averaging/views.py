"""Test-time augmentation: probabilities averaged over mirror images and sizes of each window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import InputError
from terrazzo.model.predictor import STRIDE, Classify
from terrazzo.pixels.bands.depth import EIGHT_BITS, Pixels

NONE, FLIPS, D4 = "none", "flips", "d4"
_COUNTS = {NONE: 1, FLIPS: 4, D4: 8}
LEAST, MOST = 0.5, 4.0
"""The factors that `--tta-scales` takes."""
AskedScales = str | float | Sequence[str | float]
"""What `--tta-scales` says: `1,2`, one factor, or several of either."""


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the square: flipped upside down or not, mirrored or not, then transposed or not."""

    upside_down: bool
    mirrored: bool
    transposed: bool

    def turn(self, pixels: Pixels) -> Pixels:
        """Pixels (B, C, H, W), turned."""
        seen = pixels[..., :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
        return np.ascontiguousarray(seen.swapaxes(2, 3) if self.transposed else seen)

    def back(self, probs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (B, K, H, W) of turned pixels, turned back. Law: `back(turn(x)) == x`."""
        seen = probs.swapaxes(2, 3) if self.transposed else probs
        return seen[..., :: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


def symmetries(tta: str) -> tuple[Symmetry, ...]:
    """The symmetries of `none` (1), `flips` (4) or `d4` (8). Raises InputError for another word."""
    if tta not in _COUNTS:
        raise InputError(f"--tta {tta}: expected {', '.join(_COUNTS)}")
    every = (Symmetry(down, mirrored, transposed) for transposed, down, mirrored in product((False, True), repeat=3))
    return tuple(islice(every, _COUNTS[tta]))


@dataclass(frozen=True)
class Views:
    """The mirror images and the sizes of a window over which its probabilities are averaged."""

    tta: str = NONE
    """none, flips or d4."""
    scales: tuple[float, ...] = ()
    """The factors of the window's height and width, ascending; empty: the window as it is."""

    def __post_init__(self) -> None:
        symmetries(self.tta)

    def of(self, classify: Classify) -> Classify:
        """`classify` averaged over the views, always added up in the same order.

        Law: without views, and with the factor 1 alone, it is `classify` itself.
        """
        turned = averaging(classify, self.tta)
        if self.scales in ((), (1.0,)):
            return turned

        def averaged(pixels: Pixels) -> NDArray[np.float32]:
            total = _at(self.scales[0], turned, pixels).copy()
            for scale in self.scales[1:]:
                total += _at(scale, turned, pixels)
            total /= len(self.scales)
            return total

        return averaged

    def most_pixels(self, count: int, side: int) -> int:
        """The most pixels that the network sees at once in a batch of `count` windows of `side` px."""
        sides = ((scaled_side(side, scale), scale) for scale in self.scales or (1.0,))
        return max(at_once(count, scale) * length**2 for length, scale in sides)


PLAIN = Views()
"""The window as it is."""


def parse_scales(words: AskedScales) -> tuple[float, ...]:
    """`1,2`, `["1", "2"]` or `[1, 2]` as (1.0, 2.0), ascending; () for nothing and for 1 alone.

    Raises InputError naming the flag for what is no number from 0.5 to 4, or is given twice.
    """
    parts = [words] if isinstance(words, str | float | int) else list(words)
    found = []
    for part in (piece for each in parts for piece in str(each).split(",")):
        try:
            scale = float(part)
        except ValueError:
            scale = 0.0
        if not LEAST <= scale <= MOST:
            raise InputError(f"--tta-scales {part.strip()}: expected factors from {LEAST:g} to {MOST:g}, as in 1,2")
        if scale in found:
            raise InputError(f"--tta-scales {scale:g}: is given twice; give it once")
        found.append(scale)
    return () if found == [1.0] else tuple(sorted(found))


def scaled_side(side: int, scale: float) -> int:
    """The side of a window times a factor, to the next multiple of 32, which is at least 32; times 1 it is itself."""
    return side if scale == 1 else max(1, round(side * scale / STRIDE)) * STRIDE


def at_once(count: int, scale: float) -> int:
    """How many of `count` windows are classified together once they are enlarged: about as many pixels as before.

    The parts are equal, and the last one is filled up. So what a window's probabilities are does not depend on its
    place in the batch.
    """
    fit = max(1, int(count / max(1.0, scale) ** 2))
    return -(-count // -(-count // fit))


def averaging(classify: Classify, tta: str) -> Classify:
    """`classify` averaged over the symmetries of `tta`, always added up in the same order."""
    chosen = symmetries(tta)
    if len(chosen) == 1:
        return classify

    def averaged(pixels: Pixels) -> NDArray[np.float32]:
        total = chosen[0].back(classify(chosen[0].turn(pixels))).copy()
        for symmetry in chosen[1:]:
            total += symmetry.back(classify(symmetry.turn(pixels)))
        total /= len(chosen)
        return total

    return averaged


def resized(bands: Pixels, size: tuple[int, int]) -> Pixels:
    """Bands (B, C, H, W), uint8 or float32, resized bilinearly to (height, width), without aliasing where it shrinks.

    Where a float is not finite, it has no part in its neighbours. A new pixel is NaN where more than half of what it
    is made of is missing. Laws: a constant band stays constant; sums over bands stay as they are.
    """
    if bands.dtype.name == EIGHT_BITS:
        return _resized(bands, size)
    floats = bands.astype(np.float32, copy=False)
    there = np.isfinite(floats)
    if there.all():
        return _resized(floats, size)
    share = _resized(there.astype(np.float32), size)
    values = _resized(np.where(there, floats, np.float32(0)), size)
    return np.where(share >= 0.5, values / np.maximum(share, 0.5), np.float32(np.nan))


def _at(scale: float, classify: Classify, pixels: Pixels) -> NDArray[np.float32]:
    """Probabilities (B, K, H, W) of windows that the network sees at another size."""
    size = (pixels.shape[2], pixels.shape[3])
    seen = (scaled_side(size[0], scale), scaled_side(size[1], scale))
    if seen == size:
        return classify(pixels)
    found = [resized(classify(resized(part, seen)), size) for part in _parts(pixels, at_once(len(pixels), scale))]
    return np.concatenate(found)[: len(pixels)]


def _parts(pixels: Pixels, count: int) -> Iterator[Pixels]:
    """The windows, `count` at a time; the last part is filled up with its last window."""
    for start in range(0, len(pixels), count):
        part = pixels[start : start + count]
        lacking = count - len(part)
        yield np.concatenate([part, *[part[-1:]] * lacking]) if lacking else part


def _resized(bands: Pixels, size: tuple[int, int]) -> NDArray[Any]:
    """Bands (B, C, H, W) resized by Pillow, which widens its filter where it shrinks."""
    out = np.empty((*bands.shape[:2], *size), bands.dtype)
    for window, filled in zip(bands, out, strict=True):
        for band, place in zip(window, filled, strict=True):
            image = Image.fromarray(np.ascontiguousarray(band))
            place[...] = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))
    return out
