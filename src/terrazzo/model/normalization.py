"""How pixel values become network input: one value, stored in the model file, from training to server.

`unit`: x / range, so that 0..255 becomes 0..1. `minmax`: each band of each patch (at prediction: of each window) is
stretched to 0..1 by its own least and greatest value; a constant band becomes 0. After either, (x - mean) / std by
band. The network does it itself (`network.Normalizer`), so nothing has to be retyped anywhere.
"""

from dataclasses import dataclass
from typing import Literal

from terrazzo.errors import RecipeError

Scale = Literal["unit", "minmax"]
UINT8_RANGE = 255.0


@dataclass(frozen=True)
class Normalization:
    """Scaling, then mean and standard deviation by band; `value_range` is the greatest value of the pixel type."""

    scale: Scale
    mean: tuple[float, ...]
    std: tuple[float, ...]
    value_range: float = UINT8_RANGE

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise RecipeError(f"model.mean has {len(self.mean)} bands, model.std {len(self.std)}; give one each a band")
        if any(value <= 0 for value in self.std):
            raise RecipeError(f"model.std {self.std} holds a value that is not above 0")


def for_bands(values: tuple[float, ...], bands: int, neutral: float) -> tuple[float, ...]:
    """Three-band statistics stretched to `bands`: the first three as they are, further bands the mean of the three.

    One band takes the mean of the three as well (grey is their average). An empty tuple gives `neutral` everywhere.
    """
    if not values:
        return (neutral,) * bands
    if len(values) == bands:
        return values
    average = sum(values) / len(values)
    return (*values[:bands], *[average] * (bands - len(values))) if bands >= len(values) else (average,) * bands
