"""Whether the values of a raster are like those that a network of deep bands was trained on.

A raster in other units (reflectances of 0..1 instead of 0..10000, feet instead of metres) gives a map like any other,
but a wrong one. A few small windows are looked at, which costs little even of a raster on the web.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from terrazzo.maps.jobs.job import RasterJob
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.reading import open_pixels

WINDOWS, SIDE = 4, 64
"""Windows along each axis, and the pixels along a window."""
LEAST_SHARE = 0.02
"""Below this share of the training's span, or of values near it, a band is unlike the training's."""


def unlike_training(job: RasterJob) -> str | None:
    """A warning where every band of a raster has values unlike the training's; None for a network of 8 bits.

    Raises ImageError where the raster is damaged.
    """
    reading = job.model.header.reading
    if reading is None or reading.levels is None:
        return None
    found = unlike(_looked_at(job), reading)
    if found is None:
        return None
    name, low, high, (from_low, from_high) = found
    return (
        f"warning: {job.raster.path}: its values, {low:.4g} to {high:.4g} in band {name}, are unlike those of the "
        f"training, {from_low:.4g} to {from_high:.4g}; if they are in other units, say with --scale {name}:LOW,HIGH "
        "which of them mean the same"
    )


def unlike(values: NDArray[np.float32], reading: BandReading) -> tuple[str, float, float, tuple[float, float]] | None:
    """The first band's name, its 2nd and 98th percentile and the training's span, if no band is like the training's.

    `values` are (n, C), NaN where missing. A band is unlike if its percentiles span less than `LEAST_SHARE` of the
    training's span, or if less than that share of its values lies within the span, widened by itself on both sides.
    """
    first = None
    for name, band, (low, high) in zip(reading.names, values.T, reading.levels or (), strict=True):
        there = band[np.isfinite(band)]
        if not len(there):
            continue
        span = high - low
        bottom, top = (float(value) for value in np.percentile(there, (2, 98)))
        near = float(((there >= low - span) & (there <= high + span)).mean())
        if (top - bottom) / span >= LEAST_SHARE and near >= LEAST_SHARE:
            return None
        first = first or (name, bottom, top, (low, high))
    return first


def _looked_at(job: RasterJob) -> NDArray[np.float32]:
    """Values (n, C) of windows spread evenly over the raster."""
    raster = job.raster
    found = []
    with open_pixels(raster, job.choice) as source:
        for row in _starts(raster.height):
            for col in _starts(raster.width):
                pixels, _ = source.read(row, col, min(SIDE, raster.height), min(SIDE, raster.width))
                found.append(pixels.reshape(-1, pixels.shape[2]))
    return np.concatenate(found)


def _starts(length: int) -> Sequence[int]:
    """Where the windows along an axis begin."""
    return sorted({round(start) for start in np.linspace(0, max(0, length - SIDE), WINDOWS).tolist()})
