"""Styles: what the same plan of a world looks like elsewhere, in other materials, under another light.

Law: a style changes photo and near infrared, never the plan: the class ids and heights of a seed are those of every
style.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import Color
from terrazzo.errors import InputError
from terrazzo.scenes.synthetic.light import Light, Sensor
from terrazzo.scenes.synthetic.materials import BUILDING, GROUND, ROAD, VEGETATION, WATER


@dataclass(frozen=True)
class Style:
    """The look of a region, as changes of the plain materials, sun and air."""

    local: Mapping[int, tuple[Color, float]] = field(default_factory=dict)
    """By class: the colour of the local material, and its share in every colour, 0 to 1."""
    shadows: float = 1.0
    """The factor by which shadows are longer, above 1 for a lower sun."""
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors of the light in (red, green, blue)."""
    haze: float = 0.0
    """The share of haze that is added."""
    veil: tuple[float, float, float] | None = None
    """The colour of haze, shares of white; None for the bluish one of clear air."""

    def tinted(self, colors: NDArray[np.uint8], lands: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The colours (N, 3) of materials of the classes (N,) in this region."""
        tinted = colors.astype(np.float32)
        for land, (color, share) in self.local.items():
            of_class = lands == land
            tinted[of_class] += (np.array(color, np.float32) - tinted[of_class]) * np.float32(share)
        return np.asarray(np.round(tinted), np.uint8)

    def lit(self, light: Light) -> Light:
        """The light of a day in this region."""
        return replace(light, stretch=light.stretch * self.shadows)

    def seen(self, sensor: Sensor) -> Sensor:
        """The sensor behind this region's air."""
        red, green, blue = (gain * factor for gain, factor in zip(sensor.gains, self.gains, strict=True))
        veil = self.veil or sensor.veil
        return replace(sensor, gains=(red, green, blue), haze=sensor.haze + self.haze, veil=veil)


TEMPERATE = Style()
"""Tiled roofs, green fields: the plain materials."""
DESERT = Style(
    local={
        BUILDING: ((216, 190, 152), 0.7),
        ROAD: ((172, 148, 122), 0.5),
        VEGETATION: ((138, 130, 88), 0.6),
        WATER: ((70, 122, 116), 0.6),
        GROUND: ((206, 152, 106), 0.6),
    },
    shadows=1.4,
    gains=(1.06, 0.97, 0.84),
    haze=0.08,
    veil=(0.86, 0.76, 0.62),
)
"""Flat mud roofs in the colour of the sand, dusty roads, dry shrubs, a low sun."""
STYLES: Mapping[str, Style] = {"temperate": TEMPERATE, "desert": DESERT}
"""By the names that `--style` takes."""


def style_named(name: str) -> Style:
    """The style of that name. Raises InputError where there is none."""
    if name not in STYLES:
        raise InputError(f"--style {name}: no such style; there are {', '.join(STYLES)}")
    return STYLES[name]
