"""How pixel values become network input: one value, stored in the model file.

`unit` is x / range, so 0..255 becomes 0..1. `minmax` stretches each band of each patch (in prediction: of each window)
to 0..1 by its own minimum and maximum; a constant band becomes 0. Then follows (x - mean) / std for each band. The
network does it itself (`network.Normalizer`).
"""

from dataclasses import dataclass
from typing import Literal

from terrazzo.errors import RecipeError

Scale = Literal["unit", "minmax"]
UINT8_RANGE = 255.0


@dataclass(frozen=True)
class Normalization:
    """Scale, then mean and standard deviation of each band; `value_range` is the highest value of the pixel type."""

    scale: Scale
    mean: tuple[float, ...]
    std: tuple[float, ...]
    value_range: float = UINT8_RANGE

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise RecipeError(
                f"model.mean has {len(self.mean)} bands, model.std {len(self.std)}; give one of each per band"
            )
        if any(value <= 0 for value in self.std):
            raise RecipeError(f"model.std {self.std} holds a value that is not above 0")


def for_bands(values: tuple[float, ...], bands: int, neutral: float) -> tuple[float, ...]:
    """The statistics of three bands for `bands` bands; further bands get the mean of the three.

    Fewer bands also get that mean, as grey is the average of the three. An empty tuple gives `neutral` everywhere.
    """
    if not values:
        return (neutral,) * bands
    if len(values) == bands:
        return values
    average = sum(values) / len(values)
    return (*values[:bands], *[average] * (bands - len(values))) if bands >= len(values) else (average,) * bands
