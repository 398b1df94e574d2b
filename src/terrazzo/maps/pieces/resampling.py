"""An axis of pixels resampled to fewer or more pixels: each is the mean of those under it.

All weights are whole numbers from absolute pixel numbers, and of 8-bit pixels so are the sums; of floats they are
added in one order. So a value does not depend on the part in which it is read; GDAL's and Pillow's resampling of parts
does. The `area` kernel weighs a pixel by its overlap with
the made one; at whole factors that is `prepare --downsample`. The `triangle` kernel weighs it by a tent over the centre
of the made one, as wide as two source pixels or two made ones, whichever are larger. That is bilinear interpolation
for an axis that is enlarged. For one that is reduced it is Pillow's BILINEAR, with which `prepare --fit resize` makes
patches.
"""

from dataclasses import dataclass
from math import gcd
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from terrazzo.pixels.bands.depth import Pixels

MOST_WEIGHT = 1 << 22
"""The weights of a pixel sum to about this at most: sums over two axes stay below 2**53."""


@dataclass(frozen=True)
class Taps:
    """For n neighbouring made pixels: the first source pixel of each (n,), and the weights from there on."""

    first: NDArray[np.int64]
    weights: NDArray[np.int32]
    """(n, k); 0 for a source pixel that does not count."""

    def add_up(self, source: NDArray[Any], start: int, dtype: type[np.number]) -> NDArray[Any]:
        """Weighted sums (n, ...) of the source (m, ...) whose first pixel has the number `start`."""
        sums = np.zeros((len(self.first), *source.shape[1:]), dtype)
        for k in range(self.weights.shape[1]):
            part = source.take(self.first - start + k, axis=0, mode="clip")  # what lies past the end weighs 0
            weights = self.weights[:, k].astype(dtype).reshape(-1, *(1,) * (source.ndim - 1))
            sums += part if (weights == 1).all() else part * weights
        return sums


@dataclass(frozen=True)
class ScaledAxis:
    """`length` source pixels seen as `seen` pixels.

    Laws: a seen pixel is written back only to source pixels that count in it. If runs of seen pixels tile the axis, so
    do the source pixels that they are written back to.
    """

    length: int
    seen: int
    kernel: Literal["area", "triangle"] = "area"

    def sources(self, start: int, stop: int) -> tuple[int, int]:
        """The source pixels (from, to) that count in the seen pixels start..stop - 1."""
        first, _ = self._reach(np.array([start]))
        _, last = self._reach(np.array([stop - 1]))
        return int(first[0]), int(last[0]) + 1

    def taps(self, start: int, stop: int) -> Taps:
        """The source pixels that make up the seen pixels start..stop - 1, with their weights."""
        seen = np.arange(start, stop, dtype=np.int64)
        first, last = self._reach(seen)
        source = first[:, None] + np.arange(int((last - first).max()) + 1)
        weights = self._weights(seen[:, None], source)
        weights[source > last[:, None]] = 0
        return Taps(first, weights.astype(np.int32))

    def at(self, start: int, stop: int) -> NDArray[np.int64]:
        """The seen pixel that holds the centre of each source pixel start..stop - 1; the later of two that touch it."""
        found: NDArray[np.int64] = (2 * np.arange(start, stop, dtype=np.int64) + 1) * self.seen // (2 * self.length)
        return found

    def covered(self, start: int, stop: int) -> tuple[int, int]:
        """The source pixels (from, to) whose centres lie in the seen pixels start..stop - 1."""
        first, end = (-((self.seen - 2 * self.length * edge) // (2 * self.seen)) for edge in (start, stop))
        return first, end

    def _reach(self, seen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first and the last source pixel of each seen one."""
        if self.kernel == "area":
            return seen * self.length // self.seen, -(-(seen + 1) * self.length // self.seen) - 1
        centre, half = (2 * seen + 1) * self.length, 2 * max(self.length, self.seen)
        first = (centre - half - self.seen) // (2 * self.seen) + 1
        last = -(-(centre + half - self.seen) // (2 * self.seen)) - 1
        return first.clip(0), last.clip(max=self.length - 1)

    def _weights(self, seen: NDArray[np.int64], source: NDArray[np.int64]) -> NDArray[np.int64]:
        """How much each source pixel counts in a seen one, in whole numbers."""
        if self.kernel == "area":
            ends = np.minimum((seen + 1) * self.length, (source + 1) * self.seen)
            weights = ends - np.maximum(seen * self.length, source * self.seen)
            total = self.length
        else:
            half = 2 * max(self.length, self.seen)
            weights = half - abs((2 * seen + 1) * self.length - (2 * source + 1) * self.seen)
            total = half * (half // (2 * self.seen) + 1)
        common = gcd(self.length, self.seen)
        weights, total = weights // common, total // common
        if total > MOST_WEIGHT:  # none becomes 0: any valid pixel makes the mean valid
            weights = np.maximum(weights * MOST_WEIGHT // total, 1)
        return weights


def weighted_means(
    pixels: Pixels, valid: NDArray[np.bool_], rows: tuple[Taps, int], cols: tuple[Taps, int]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Means over the valid pixels (n, m, C), and whether there is any (n, m).

    `pixels` (h, w, C) begin at the row and column beside the taps. Those of 8 bits are rounded half up, and without a
    valid pixel the mean is 0. Floats are float32; bands that are missing (NaN) in a pixel do not count, and without a
    valid pixel the mean is NaN.
    """
    if pixels.dtype == np.float32:
        return _float_means(pixels, valid, rows, cols)
    if valid.all():
        total = np.outer(*(taps.weights.sum(axis=1, dtype=np.float64) for taps, _ in (rows, cols)))
    else:
        pixels = pixels * valid[..., None]
        total = _add_up(valid.astype(np.uint8), rows, cols)
    means = _add_up(pixels, rows, cols)
    means /= np.maximum(total, 1)[..., None]
    means += 0.5
    return means.astype(np.uint8), total > 0


def _float_means(
    pixels: Pixels, valid: NDArray[np.bool_], rows: tuple[Taps, int], cols: tuple[Taps, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Means (n, m, C) of the values that are there, and whether there is a valid pixel (n, m)."""
    there = np.isfinite(pixels) & valid[..., None]
    total = _add_up(there.astype(np.uint8), rows, cols)
    means = _add_up(np.where(there, pixels, np.float32(0)), rows, cols, np.float64)
    means /= np.maximum(total, 1)
    means[total == 0] = np.nan
    return means.astype(np.float32), _add_up(valid.astype(np.uint8), rows, cols) > 0


def _add_up(
    source: Pixels, rows: tuple[Taps, int], cols: tuple[Taps, int], first: type[np.number] = np.int32
) -> NDArray[np.float64]:
    """Weighted sums (n, m, ...): along the rows in the type `first`, then in float64.

    Float64 holds whole numbers below 2**53 and is faster than int64.
    """
    along = rows[0].add_up(source, rows[1], first)
    turned = np.ascontiguousarray(along.swapaxes(0, 1))  # columns are added up fastest if they lie together
    return cols[0].add_up(turned, cols[1], np.float64).swapaxes(0, 1)
