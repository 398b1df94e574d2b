"""What the values of each band are in the training patches: their range, mean and deviation.

Only pixels with a label count, and of these only values that are there. Up to `SAMPLE` pixels are taken, evenly spread
over the patches in their order, so memory is bounded and equal patches give equal figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.patches.folder import IMAGES, MASKS
from terrazzo.pixels.bands.depth import Pixels, as_floats
from terrazzo.pixels.bands.reading import AUTO, Pairs

SAMPLE = 1 << 20
"""The most pixels that are taken."""
SHOWN = (2.0, 98.0)
"""Percentiles between which a band is shown, and that `--scale auto` freezes."""
LEAST_USED, MOST_AT_AN_END = 0.02, 0.98
"""A scale of which less is used, or at one end of which more values lie, is warned of."""
ROBUST = (0.5, 99.5)
"""Percentiles to which values are clipped before mean and deviation, so that no outlier decides them."""


@dataclass(frozen=True)
class BandValues:
    """The values of one band, in the units of the raster."""

    low: float
    high: float
    """What the values span: above `low` by some distance, even of a band that is constant."""
    mean: float
    std: float
    """Above 0; 1 of a band that is constant."""


def sampled(images: Pixels, masks: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Labelled pixels (n, C) of the patches with these numbers: every k-th, with the least k that keeps `SAMPLE`.

    Values that are missing are NaN. Memory: one patch and the sample.
    """
    total = sum(int(np.count_nonzero(masks[row] != IGNORE)) for row in rows)
    step = max(1, -(-total // SAMPLE))
    found: list[NDArray[np.float32]] = []
    before = 0
    for row in rows:
        labelled = np.flatnonzero(masks[row] != IGNORE)
        taken = labelled[-before % step :: step]
        before += len(labelled)
        if len(taken):
            found.append(as_floats(images[row].reshape(-1, images.shape[-1])[taken]))
    return np.concatenate(found) if found else np.zeros((0, images.shape[-1]), np.float32)


def measured(sample: NDArray[np.float32], scale: Pairs, percentiles: tuple[float, float]) -> tuple[BandValues, ...]:
    """The values of each band of a sample (n, C).

    A band spans its pair of `scale`, or else its two percentiles. Mean and deviation are of values clipped to that
    span. A band without a single value spans 0 to 1.
    """
    return tuple(_measured(band, pair, percentiles) for band, pair in zip(sample.T, scale, strict=True))


def _measured(
    values: NDArray[np.float32], pair: tuple[float, float] | None, percentiles: tuple[float, float]
) -> BandValues:
    there = values[np.isfinite(values)].astype(np.float64)
    if pair is None:
        pair = (0.0, 1.0)
        if len(there):
            low, high = (float(value) for value in np.percentile(there, percentiles))
            pair = (low, high if high > low else low + 1)
    there = there.clip(*pair)
    std = float(there.std()) if len(there) else 0.0
    return BandValues(*pair, float(there.mean()) if len(there) else 0.0, std if std > 0 else 1.0)


@dataclass(frozen=True)
class Ranges:
    """What dataset.json says of deep values, and warnings about a scale that does not suit them."""

    value_range: list[list[float]]
    """The 2nd and the 98th percentile of each band."""
    value_scale: list[Any] | None
    """Low and high of each band as given, or these percentiles for `auto`."""
    warnings: tuple[str, ...]


def value_ranges(folder: Path, sides: NDArray[np.str_], scale: Any, names: Sequence[str]) -> Ranges:
    """The ranges of deep patches in `folder`, from those for training; from all patches if none is for training."""
    images: Pixels = np.load(folder / IMAGES, mmap_mode="r")
    masks: NDArray[np.uint8] = np.load(folder / MASKS, mmap_mode="r")
    train = np.flatnonzero(sides == "train")
    sample = sampled(images, masks, train if len(train) else np.arange(len(masks)))
    found = [[band.low, band.high] for band in measured(sample, (None,) * images.shape[-1], SHOWN)]
    if scale == AUTO:
        return Ranges(found, found, ())
    warnings = [flattened(*band) for band in zip(names, sample.T, scale or [None] * len(names), strict=True)]
    return Ranges(found, scale, tuple(words for words in warnings if words is not None))


def flattened(name: str, values: NDArray[np.float32], pair: tuple[float, float] | None) -> str | None:
    """A warning where a scale leaves next to nothing of a band: its values fill 2 % of it, or 98 % lie at one end."""
    there = values[np.isfinite(values)]
    if pair is None or not len(there):
        return None
    low, high = pair
    first, last = (float(value) for value in np.percentile(there, SHOWN))
    used = max(0.0, min(last, high) - max(first, low)) / (high - low)
    below, above = float((there <= low).mean()), float((there >= high).mean())
    if max(below, above) >= MOST_AT_AN_END:
        why = f"{max(below, above):.0%} of its values become {low if below > above else high:g}"
    elif used < LEAST_USED:
        why = f"its values fill {used:.1%} of that"
    else:
        return None
    return (
        f"--scale {low:g},{high:g} leaves nothing to see in band {name}: {why}; "
        f"they lie between {first:.4g} and {last:.4g}"
    )
