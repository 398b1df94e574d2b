"""What in a raster's pixels makes a wrong map likely: found on a sample, told before anything is computed.

An alpha band that is none, a rim of one value that no nodata value covers, and a scale that leaves hardly any grey.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from terrazzo.pixels.alpha import is_no_alpha
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.bands.reading import Pairs
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.pixels.rasters.sampling import Sample, sample
from terrazzo.system.reporting import how_many

RIM_SHARE = 0.01
"""The least share of the pixels that counts as a rim."""
_LEAST_RANGE, _MOST_AT_AN_END = 0.02, 0.98


@dataclass(frozen=True)
class Doubt:
    """One doubt about one raster: its kind, and a line."""

    kind: str
    words: str


def doubts(raster: Raster, choice: Choice, seen: Sample | None, flag: str = "--scale") -> tuple[Doubt, ...]:
    """The doubts about a raster read as chosen, of which `seen` is a sample; `flag` is what the scale is called."""
    found = [_alpha(raster, choice.bands)]
    if seen is not None and seen.valid.any():
        found.append(_rim(raster, seen))
        if choice.scale is not None and raster.palette is None:
            found.append(_flattened(raster, choice, seen, flag))
    return tuple(doubt for doubt in found if doubt is not None)


def in_words(found: Iterable[Sequence[Doubt]]) -> list[str]:
    """The first doubt of each kind about many rasters, and how many more rasters share it."""
    by_kind: dict[str, list[str]] = {}
    for one in found:
        for doubt in one:
            by_kind.setdefault(doubt.kind, []).append(doubt.words)
    return [
        words[0] + (f" (and {how_many(len(words) - 1, 'more raster')})" if len(words) > 1 else "")
        for words in by_kind.values()
    ]


def _alpha(raster: Raster, bands: Sequence[int]) -> Doubt | None:
    """A band called alpha that holds the values of an image, unless it is read as a band."""
    alphas = [i for i, color in enumerate(raster.colors, start=1) if color == ColorInterp.alpha.name]
    kind = np.dtype(raster.dtype).kind
    if len(alphas) != 1 or alphas[0] in bands or kind not in "iu":
        return None
    seen = sample(raster, alphas)
    if seen is None or not is_no_alpha(seen.stored, np.iinfo(seen.stored.dtype).max):
        return None
    every = ",".join(str(band) for band in range(1, raster.n_bands + 1))
    return Doubt(
        "alpha",
        f"warning: {raster.path}: band {alphas[0]} is called alpha but holds {len(np.unique(seen.stored))} values, as "
        f"near infrared does; it is left out, and its zeros are holes: read it as a band with --bands {every}",
    )


def _rim(raster: Raster, seen: Sample) -> Doubt | None:
    """A rim of one value, which no nodata value covers."""
    value = _value_of_edge(seen)
    if value is None:
        return None
    alike = (seen.stored == value[:, None, None]).all(axis=0) & seen.valid
    passed = alike | ~seen.valid
    rim = alike & (_from_start(passed, 0) | _from_start(passed, 1) | _from_end(passed, 0) | _from_end(passed, 1))
    share = rim.sum() / seen.valid.sum()
    if share < RIM_SHARE:
        return None
    one = len(np.unique(value)) == 1
    words = _exact(value[0]) if one else f"({', '.join(map(_exact, value))})"
    what = "every pixel" if share == 1 else f"a rim of {share:.0%} of the pixels"
    way = f"say --nodata {words}" if one else _masking(raster, value)
    way = f"if that means no data, {way}"
    return Doubt("rim", f"warning: {raster.path}: {what} has the value {words} and gets a class; {way}")


def _masking(raster: Raster, value: NDArray[np.generic]) -> str:
    """How to mask a rim whose bands have several values: by GDAL's nearblack, which knows 8 bits alone."""
    if raster.dtype != EIGHT_BITS or not isinstance(raster.path, Path) or len(value) != raster.n_bands:
        return "set these pixels to one value first, and say it with --nodata"
    color, masked = ",".join(map(_exact, value)), f"{raster.path.stem}_masked.tif"
    return f"mask it: nearblack -color {color} -near 0 -setmask -of GTiff -o {masked} {shlex.quote(str(raster.path))}"


def _exact(value: np.generic) -> str:
    """The shortest text that means exactly this value."""
    short = f"{value:g}"
    return short if value.dtype.type(short) == value else str(value)


def _value_of_edge(seen: Sample) -> NDArray[np.generic] | None:
    """The most frequent values (C,) of the valid pixels in the outermost rows and columns; None if there are none."""
    edge = np.zeros(seen.valid.shape, bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    values = seen.stored[:, edge & seen.valid]
    if not values.size:
        return None
    found, counts = np.unique(values, axis=1, return_counts=True)
    most: NDArray[np.generic] = found[:, counts.argmax()]
    return most


def _from_start(alike: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """The pixels between which and the start of the axis all are alike."""
    reached: NDArray[np.bool_] = np.logical_and.accumulate(alike, axis=axis)
    return reached


def _from_end(alike: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    return np.flip(_from_start(np.flip(alike, axis), axis), axis)


def _flattened(raster: Raster, choice: Choice, seen: Sample, flag: str) -> Doubt | None:
    """A scale of which a band uses too little, or that puts nearly all of its values at one end."""
    if choice.scale is None or choice.onto is not None:  # of deep values, `maps.rasters.units` looks at the result
        return None
    one_for_all = isinstance(choice.scale[0], int | float)
    pairs = (choice.scale,) * len(choice.bands) if one_for_all else choice.scale
    for band, stored, pair in zip(choice.bands, seen.stored, cast(Pairs, pairs), strict=True):
        if pair is None:
            continue
        low, high = pair
        values = stored[seen.valid].astype(np.float64)
        first, last = np.percentile(values, (2, 98))
        used = (min(last, high) - max(first, low)) / (high - low)
        below, above = float((values <= low).mean()), float((values >= high).mean())
        if max(below, above) >= _MOST_AT_AN_END:
            words = f"{max(below, above):.0%} of its values become {0 if below > above else 255}"
        elif used < _LEAST_RANGE:
            words = f"its values fill {max(used, 0):.1%} of that"
        else:
            continue
        where = f"band {band} ({raster.names[band - 1]})"
        better = f"{_round(first)},{_round(last)}" if last > first else "LOW,HIGH"
        return Doubt(
            "scale",
            f"warning: {raster.path}: {flag} {low:g},{high:g} leaves nothing to see in {where}: {words}; "
            f"they lie between {_round(first)} and {_round(last)}, as in --scale {better}",
        )
    return None


def _round(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
