"""How pixel values become network input: one value, stored in the model file.

`unit` is x / range, so 0..255 becomes 0..1. `minmax` stretches each band of each patch (in prediction: of each window)
to 0..1 by its own minimum and maximum; a constant band becomes 0. Then follows (x - mean) / std for each band.

`bands` is for values of more than 8 bits: (x - mean) / std, band by band, in the units of the raster. Where a scale was
given, values are clipped to the band's low and high first. Values that are missing (NaN, infinite) become 0, as the
mean does.

The network does it itself (`network.Normalizer`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from terrazzo.errors import RecipeError
from terrazzo.pixels.bands.depth import EIGHT_BITS
from terrazzo.pixels.bands.kinds import rgb_places

Scale = Literal["unit", "minmax", "bands"]
UINT8_RANGE = 255.0


@dataclass(frozen=True)
class Normalization:
    """Scale, then mean and standard deviation of each band; `value_range` is the highest value of 8-bit pixels.

    Of deeper pixels it also has what the values of each band span.
    """

    scale: Scale
    mean: tuple[float, ...]
    std: tuple[float, ...]
    value_range: float = UINT8_RANGE
    dtype: str = EIGHT_BITS
    """The pixel type of the training patches."""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    """What the values of each band span, in the units of the raster; empty for 8 bits."""
    clips: tuple[bool, ...] = ()
    """Whether values of each band beyond low and high are clipped: where `--scale` gave them."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise RecipeError(
                f"model.mean has {len(self.mean)} bands, model.std {len(self.std)}; give one of each per band"
            )
        if any(value <= 0 for value in self.std):
            raise RecipeError(f"model.std {self.std} holds a value that is not above 0")
        if self.deep and {len(self.low), len(self.high), len(self.clips)} != {len(self.mean)}:
            raise RecipeError(f"{self.dtype} values need low and high of each of {len(self.mean)} bands")

    @property
    def deep(self) -> bool:
        """Whether the network takes values as stored, of more than 8 bits."""
        return self.dtype != EIGHT_BITS

    def levels(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The values of each band (C,) that correspond to the grey levels 0 and 255, in the units of the raster."""
        if not self.deep:
            return np.zeros(len(self.mean), np.float32), np.full(len(self.mean), UINT8_RANGE, np.float32)
        return np.array(self.low, np.float32), np.array(self.high, np.float32)


def for_bands(values: tuple[float, ...], bands: int, neutral: float, names: Sequence[str] = ()) -> tuple[float, ...]:
    """The statistics of red, green and blue for `bands` bands; further bands get the mean of the three.

    Law: red, green and blue are where the bands' names say so, as for the filters (`band_filters`), else the first
    three. Fewer bands get the mean, as grey is the average of the three. An empty tuple gives `neutral` everywhere.
    """
    if not values:
        return (neutral,) * bands
    average = sum(values) / len(values)
    if bands < len(values):
        return (average,) * bands
    spread = [average] * bands
    for place, value in zip(rgb_places(names) or range(len(values)), values, strict=True):
        spread[place] = value
    return tuple(spread)
