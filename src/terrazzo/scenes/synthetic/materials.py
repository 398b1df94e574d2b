"""Materials: the class, the colour in plain daylight, and the texture of each surface.

Colours are (red, green, blue), 0..255. Several classes share colours on purpose (grey roofs and asphalt, ripe grain
and sand, deep water and shade), so that colour alone does not separate the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from terrazzo.classes.palettes import SYNTHETIC
from terrazzo.classes.schema import Color

BUILDING, ROAD, VEGETATION, WATER, GROUND = map(
    SYNTHETIC.names.index, ("Building", "Road", "Vegetation", "Water", "Ground")
)


@dataclass(frozen=True)
class Surface:
    """One material in one place; `mottle` and `speckle` are the relative strengths of coarse and fine noise.

    Furrows (also planks, roof tiles) have a `period` in px, a heading in radians and a relative `depth`. A `raised`
    surface is not shaded by what stands on the ground.
    """

    land: int
    color: Color
    mottle: float = 0.05
    speckle: float = 0.04
    period: float = 4.0
    heading: float = 0.0
    depth: float = 0.0
    raised: bool = False

    def lit(self, factor: float) -> "Surface":
        """The surface under `factor` times the light."""
        red, green, blue = (min(255, max(0, round(value * factor))) for value in self.color)
        return replace(self, color=(red, green, blue))


ASPHALT = ((108, 108, 110), (120, 119, 118), (134, 130, 124), (92, 94, 98))
PAVING = ((158, 150, 138), (142, 134, 122), (126, 124, 120), (152, 132, 118))
CONCRETE = ((168, 164, 156), (180, 176, 168), (156, 152, 146))
SOIL = ((142, 108, 80), (166, 136, 102), (118, 94, 74), (140, 122, 102), (126, 116, 102), (112, 104, 92))
SAND = ((206, 186, 146), (194, 172, 134), (186, 168, 136))
GRASS = ((98, 132, 66), (112, 142, 72), (130, 138, 86), (88, 120, 60), (146, 140, 96))
SPRING_CROPS = ((88, 134, 58), (114, 156, 70), (68, 110, 52), (196, 186, 66), (132, 160, 90))
AUTUMN_CROPS = ((104, 118, 58), (182, 162, 104), (196, 174, 118), (92, 102, 60), (156, 148, 96), (134, 116, 82))
SPRING_TREES = ((50, 86, 42), (60, 98, 46), (74, 106, 48), (42, 74, 40), (86, 114, 58))
AUTUMN_TREES = ((54, 80, 42), (112, 98, 44), (134, 106, 48), (72, 88, 44), (148, 120, 56))
TILE_ROOFS = (
    (172, 92, 66),
    (154, 78, 58),
    (186, 112, 82),
    (128, 88, 68),
    (96, 92, 94),
    (84, 88, 98),
    (144, 130, 112),
    (120, 108, 92),
)
FLAT_ROOFS = ((176, 170, 160), (122, 122, 122), (108, 109, 112), (204, 200, 190), (140, 136, 128), (112, 128, 146))
DEEP_WATER = ((44, 72, 84), (38, 50, 46), (64, 86, 72), (58, 70, 54), (84, 98, 104), (74, 80, 60))


def pick(rng: np.random.Generator, colors: Sequence[Color], spread: float = 8.0) -> Color:
    """One of the colours, with small changes of brightness and hue."""
    base = colors[int(rng.integers(len(colors)))]
    shift = (rng.uniform(-spread, spread) + rng.uniform(-spread / 3, spread / 3, 3)).tolist()
    red, green, blue = (min(255, max(0, round(value + offset))) for value, offset in zip(base, shift, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Season:
    """The time of year, 0 for spring to 1 for autumn; it decides what is green."""

    lateness: float

    def crop(self, rng: np.random.Generator) -> Color:
        """The colour of a field in leaf."""
        return pick(rng, AUTUMN_CROPS if rng.random() < self.lateness else SPRING_CROPS)

    def tree(self, rng: np.random.Generator) -> Color:
        """The colour of a crown; autumn reaches only some trees."""
        return pick(rng, AUTUMN_TREES if rng.random() < self.lateness * 0.6 else SPRING_TREES)

    def grass(self, rng: np.random.Generator) -> Color:
        """The colour of a lawn or meadow, drier late in the year."""
        red, green, blue = pick(rng, GRASS)
        return min(255, red + round(26 * self.lateness)), green, blue
