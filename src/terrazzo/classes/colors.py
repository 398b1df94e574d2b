"""Colours for class names: from a known palette where one has the names, and always far from each other."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.palettes import NAMING_PALETTES, SYNTHETIC
from terrazzo.classes.schema import IGNORE_COLOR, ClassSchema, Color

APART = 30.0
"""Distance in CIE Lab at which two colours are told apart at a glance, also in a map."""

_LEVELS = np.arange(0, 256, 17)
_LIGHTNESS = (25, 90)
"""Colours in between stand out from black and from white paper."""

# sRGB of white point D65, IEC 61966-2-1.
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def usual_colors(names: Sequence[str]) -> tuple[Color, ...]:
    """A different colour for each name, the same ones on every call.

    The palette that has most of the names gives its colours. Case and words in brackets do not count: `land` is
    `Land (unpaved area)`. Between equal palettes the synthetic world wins, where water is blue and plants are green. A
    name that only another palette has gets its colour there if that is `APART` from all others. Each remaining name
    gets the colour that is farthest from all that are taken.
    """
    keys = [_key(name) for name in names]
    palettes = sorted(NAMING_PALETTES, key=lambda palette: palette is not SYNTHETIC)
    by_palette = sorted(map(_colors_by_key, palettes), key=lambda known: -len(set(keys) & known.keys()))
    colors: dict[int, Color] = {}
    for rank, known in enumerate(by_palette):
        for i, key in enumerate(keys):
            if i in colors or key not in known or known[key] in colors.values():
                continue
            if rank == 0 or _nearest(known[key], list(colors.values())) >= APART:
                colors[i] = known[key]
    rest = [i for i in range(len(names)) if i not in colors]
    colors |= zip(rest, _farthest(list(colors.values()), len(rest)), strict=True)
    return tuple(colors[i] for i in range(len(names)))


def colors_beside(names: Sequence[str], taken: Sequence[Color]) -> tuple[Color, ...]:
    """A colour for each name, beside colours that are taken: its usual one if that is far from these, else a free one.

    Law: names and taken colours together have no colour twice.
    """
    chosen: list[Color] = []
    for color in usual_colors(names):
        there = [*taken, *chosen]
        chosen.append(color if _nearest(color, there) >= APART else _farthest(there, 1)[0])
    return tuple(chosen)


def lab(colors: Sequence[Color] | NDArray[np.integer]) -> NDArray[np.float64]:
    """The colours (n, 3) in CIE Lab, where the Euclidean distance is about how different they look (greys: 0 to 100).

    Source: CIE 15, for sRGB under D65.
    """
    values = np.asarray(colors, np.float64).reshape(-1, 3) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _key(name: str) -> str:
    """The name in the form that is compared: `Land (unpaved area)` is `land`, `Buildings` is `building`."""
    words = re.findall(r"\w+", re.sub(r"\(.*?\)", " ", name.casefold()).replace("_", " "))
    return " ".join(word.removesuffix("s") for word in words) or name


def _colors_by_key(palette: ClassSchema) -> dict[str, Color]:
    return {_key(name): color for name, color in zip(palette.names, palette.colors, strict=True)}


def _nearest(color: Color, others: Sequence[Color]) -> float:
    """The distance to the nearest of the others; infinite if there are none."""
    return float(np.linalg.norm(lab(others) - lab([color]), axis=1).min()) if others else np.inf


def _farthest(taken: Sequence[Color], n: int) -> list[Color]:
    """`n` colours, each as far as possible from the nearest colour that is taken before it.

    The colour of ignored pixels counts as taken.
    """
    grid = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij"), axis=-1).reshape(-1, 3)
    places = lab(grid)
    inside = (places[:, 0] >= _LIGHTNESS[0]) & (places[:, 0] <= _LIGHTNESS[1])
    grid, places = grid[inside], places[inside]
    distance = np.full(len(grid), np.inf)
    for place in lab([IGNORE_COLOR, *taken]):
        distance = np.minimum(distance, np.linalg.norm(places - place, axis=1))
    chosen: list[Color] = []
    for _ in range(n):
        best = int(distance.argmax())
        r, g, b = grid[best].tolist()
        chosen.append((r, g, b))
        distance = np.minimum(distance, np.linalg.norm(places - places[best], axis=1))
    return chosen
