"""Which known palette the colours of masks belong to, and whether that is sure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.palettes import PALETTES, numbered_color
from terrazzo.classes.schema import IGNORE, ClassSchema, Color

NOISY_DISTANCE = 32.0
"""In masks with compression noise, a colour up to this Euclidean distance in RGB counts as the palette's."""
ENOUGH = 3
"""Fewer colours of a palette, black aside, may occur by chance."""

# Share of the pixels that a palette must cover. The label contract names the rest. JPEG with halved chroma at quality
# 75 leaves 88 % within NOISY_DISTANCE.
_SHARE_EXACT, _SHARE_NOISY = 0.9, 0.8
_LEAST_NOISY = 0.001
"""Share of the pixels from which on a colour of noisy masks is more than a mixture along edges ..."""
_LEFT_NOISY = 0.01
"""... and from which on pixels that only another palette has speak for that one."""

# Colours that tools give to any classes: masks that hold nothing else are no evidence of a data set.
_NUMBERED = ClassSchema(tuple(map(str, range(1, 21))), tuple(numbered_color(i) for i in range(1, 21)), ((0, 0, 0),))

# Colours compared with a palette at a time, so that the distances of a noisy mask fit in memory.
_CHUNK = 1 << 16


@dataclass(frozen=True)
class PaletteMatch:
    """The palettes that cover the pixels of masks, and the one that is sure."""

    name: str | None
    """The palette to take; None where none is sure."""
    fits: tuple[str, ...]
    """All that cover the pixels, sure or not."""
    n_colors: int
    """The greatest number of their colours that occur, black aside."""

    @property
    def schema(self) -> ClassSchema | None:
        """The classes of the palette to take."""
        return PALETTES[self.name] if self.name else None

    def doubt(self) -> str | None:
        """In a few words, why none of the palettes that fit is taken; None where none fits."""
        names = ", ".join(map(repr, self.fits[:3]))
        if not self.fits:
            return None
        if self.n_colors < ENOUGH:
            few = "colour is" if self.n_colors == 1 else "colours are"
            return f"{self.n_colors} {few} too few to tell a known palette ({names})"
        if len(self.fits) > 1:
            return f"the known palettes {names} have them alike"
        return f"the known palette {names} has them, but they have other meanings too"


@dataclass(frozen=True, eq=False)
class _Fit:
    covered: NDArray[np.bool_]
    """Of each colour of the masks, whether the palette has it."""
    n_colors: int
    """The number of its colours that occur, black aside."""


def match_palette(colors: Mapping[Color, int], noisy: bool = False) -> PaletteMatch:
    """The known palettes that fit masks of these colours; `colors` counts their pixels.

    A palette fits if it covers 90 % of the pixels; void colours cover pixels but are no class. It is sure if

    - three of its colours occur at least, black not counted
    - no other palette, nor the colours that tools give to any classes, has two colours or more there and one of them
      that the palette lacks, or just as many

    In `noisy` masks nearby colours count as the palette's, it need cover 80 %, and others need 1 % more to speak.
    """
    total = sum(colors.values())
    if not total:
        return PaletteMatch(None, (), 0)
    names, counts = np.array(list(colors), np.uint8).reshape(-1, 3), np.array(list(colors.values()), np.int64)
    found = {name: _fit(schema, names, counts, noisy) for name, schema in PALETTES.items()}
    numbered = _fit(_NUMBERED, names, counts, noisy)
    share = _SHARE_NOISY if noisy else _SHARE_EXACT
    fits = {name: fit for name, fit in found.items() if fit.n_colors and counts[fit.covered].sum() >= total * share}
    most = max((fit.n_colors for fit in fits.values()), default=0)
    if most < ENOUGH:
        return PaletteMatch(None, tuple(fits), most)
    told = counts * (np.linalg.norm(names.astype(np.float64), axis=1) > (NOISY_DISTANCE if noisy else 0))
    tolerated = total * _LEFT_NOISY if noisy else 0
    sure = [
        name
        for name, fit in fits.items()
        if fit.n_colors >= ENOUGH
        and not any(
            _speaks_against(fit, other, told, tolerated)
            for other in (*(found[one] for one in found if one != name), numbered)
        )
    ]
    best = {name: fit for name, fit in fits.items() if fit.n_colors >= ENOUGH}
    return PaletteMatch(sure[0] if len(sure) == 1 else None, tuple(best), most)


def coverage(schema: ClassSchema, colors: Mapping[Color, int], noisy: bool = False) -> tuple[int, int]:
    """The number of pixels in colours of the schema, void ones too, and the number of its classes that occur."""
    if not noisy:
        owners = dict(zip(schema.colors, range(schema.n_classes), strict=True)) | dict(schema.merged)
        known = [color for color in (*owners, *schema.void_colors) if color in colors]
        return sum(colors[color] for color in known), len({owners[color] for color in owners if color in colors})
    names, counts = np.array(list(colors), np.uint8).reshape(-1, 3), np.array(list(colors.values()), np.int64)
    ids, near = _nearest(schema, names, NOISY_DISTANCE)
    return int(counts[near].sum()), len({*ids[near].tolist()} - {IGNORE})


def _fit(schema: ClassSchema, names: NDArray[np.uint8], counts: NDArray[np.int64], noisy: bool) -> _Fit:
    ids, near = _nearest(schema, names, NOISY_DISTANCE if noisy else 0)
    pixels = np.bincount(ids[near], weights=counts[near], minlength=IGNORE + 1)[:IGNORE]
    least = counts.sum() * _LEAST_NOISY if noisy else 0
    occurring = [i for i in np.flatnonzero(pixels > least).tolist() if schema.colors[i] != (0, 0, 0)]
    return _Fit(near, len(occurring))


def _speaks_against(fit: _Fit, other: _Fit, told: NDArray[np.int64], tolerated: float) -> bool:
    """Whether another palette explains what this one does not, or all that this one explains."""
    if other.n_colors < ENOUGH - 1:
        return False
    further = told[other.covered & ~fit.covered].sum()
    lacking = told[fit.covered & ~other.covered].sum()
    return bool(further > tolerated or lacking <= tolerated)


def _nearest(
    schema: ClassSchema, names: NDArray[np.uint8], distance: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The nearest class of each colour (N, 3), and whether it is at most `distance` away."""
    if distance == 0:
        further = [(color, i) for i, color in enumerate(schema.colors)] + list(schema.merged)
        meant = dict.fromkeys(schema.void_colors, IGNORE) | dict(further)
        found = [meant.get((r, g, b)) for r, g, b in names.tolist()]
        return np.array([IGNORE if i is None else i for i in found], np.uint8), np.array([i is not None for i in found])
    parts = [schema.nearest(part) for part in np.array_split(names, len(names) // _CHUNK + 1)]
    ids, distances = (np.concatenate(found) for found in zip(*parts, strict=True))
    return ids, distances <= distance
