"""What the stored values of a raster become, for a model or for patches.

A network of 8 bits sees the values of 8-bit rasters as they are. Those of deeper rasters become 0 to 255 by a scale,
from the user or from the training. A network of deeper values sees them as stored. There a scale is for rasters in
other units: its two values become the low and high value of the training.
"""

import numpy as np

from terrazzo.errors import InputError
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.bands.reading import BandReading, Pair, Pairs
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.rasters.reading import Choice


def scaled(raster: Raster, bands: tuple[int, ...], scale: Pairs | None, trained: BandReading | None) -> Choice:
    """How a model reads these bands. Raises InputError where the raster needs a scale and none is known."""
    if trained is not None and trained.levels is not None:
        return _deep(raster, bands, scale, trained.levels)
    if scale is not None:
        return eight_bit_choice(raster, bands, scale)
    known = trained.scale if trained else None
    eight_bits = raster.dtype == EIGHT_BITS
    if eight_bits and known is not None:
        low, high = extent(known)
        raise InputError(
            f"{raster.path}: holds uint8 values, the model was trained on others, of which {low:g} to "
            f"{high:g} became 0 to 255; say with --scale LOW,HIGH which of these become 0 and 255"
        )
    if not eight_bits and known is None:
        raise InputError(
            f"{raster.path}: holds {raster.dtype} values, a network sees uint8; "
            "say with --scale LOW,HIGH which values become 0 and 255"
        )
    return Choice(bands, known)


def eight_bit_choice(raster: Raster, bands: tuple[int, ...], scale: Pairs | None) -> Choice:
    """How a raster is read as 8 bits: as stored, or by a scale. Raises InputError where a deep band has no pair."""
    if scale is None:
        return Choice(bands)
    if raster.dtype != EIGHT_BITS and None in scale:
        given = len(scale) - scale.count(None)
        raise InputError(
            f"{raster.path}: --scale names {given} of {len(scale)} bands; a network of 8 bits needs one for each, or "
            "one for all, as in --scale 0,3000"
        )
    pairs = tuple((0.0, 255.0) if pair is None else pair for pair in scale)
    return Choice(bands, pairs[0] if len(set(pairs)) == 1 else pairs)


def _deep(raster: Raster, bands: tuple[int, ...], scale: Pairs | None, levels: tuple[Pair, ...]) -> Choice:
    """How a model of stored values reads these bands: as they are, or brought from other units to its own."""
    if scale is not None:
        return Choice(bands, scale, "float32", levels)
    if raster.dtype == EIGHT_BITS:
        low, high = extent(levels)
        raise InputError(
            f"{raster.path}: holds uint8 values, the model was trained on deeper ones, of about {low:g} to {high:g}; "
            "say with --scale LOW,HIGH which values of this raster mean the same"
        )
    return Choice(bands, dtype="float32")


def extent(scale: Pair | Pairs) -> Pair:
    """The lowest and the highest value of one pair or several."""
    values = np.array(scale, np.float64).reshape(-1, 2)
    return float(values[:, 0].min()), float(values[:, 1].max())
