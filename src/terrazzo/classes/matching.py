"""Which known palette the colours of masks belong to, and whether that is sure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.palettes import PALETTES, numbered_color
from terrazzo.classes.schema import IGNORE, ClassSchema, Color, pack_colors

NOISY_DISTANCE = 32.0
"""In masks with compression noise, a colour up to this Euclidean distance in RGB counts as the palette's."""
ENOUGH = 3
"""Fewer colours of a palette, black aside, may occur by chance."""

# Share of the pixels that a palette must cover. The label contract names the rest. JPEG with halved chroma at quality
# 75 leaves 88 % within NOISY_DISTANCE.
_SHARE_EXACT, _SHARE_NOISY = 0.9, 0.8
_LEAST_NOISY = 0.001
"""Share of the pixels from which on a colour of noisy masks is more than a mixture along edges."""
_LACKING_NOISY = 0.01
"""Share of the pixels up to which another palette of noisy masks covers what one covers."""
# In noisy masks a colour has a core, which mixtures along edges do not have: within 6 of colours that do not occur lie
# up to 0.17 % of the pixels (the shapes of the Dubai masks in the colours of ten palettes, JPEG of quality 50 to 90).
_CORE, _CORE_SHARE = 6.0, 0.0025

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
    """Those that cover the pixels with most colours, sure or not."""
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
    certain: tuple[Color, ...]
    """Its colours that occur and are no mixtures, black aside."""


def match_palette(colors: Mapping[Color, int], noisy: bool = False) -> PaletteMatch:
    """The known palettes that fit masks of these colours; `colors` counts their pixels.

    A palette fits if it covers 90 % of the pixels; void colours cover pixels but are no class. It is sure if

    - three of its colours occur at least, black not counted
    - no other palette, nor the colours that tools give to any classes, has two colours or more there and one of them
      that the palette lacks, or just as many

    In `noisy` masks nearby colours count as the palette's, and it need cover 80 %. A colour that only another palette
    has counts where it is no mixture along edges.
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
        return PaletteMatch(None, tuple(name for name, fit in fits.items() if fit.n_colors == most), most)
    told = counts * (np.linalg.norm(names.astype(np.float64), axis=1) > (NOISY_DISTANCE if noisy else 0))

    def speaks_against(name: str, other: _Fit) -> bool:
        """Whether another palette has a colour there that this one lacks, or covers all that this one covers."""
        fit, own = fits[name], np.array(PALETTES[name].colors + PALETTES[name].void_colors, np.float64)
        reach = NOISY_DISTANCE if noisy else 0
        further = any(np.linalg.norm(own - color, axis=1).min() > reach for color in other.certain)
        lacking = told[fit.covered & ~other.covered].sum()
        return other.n_colors >= ENOUGH - 1 and bool(further or lacking <= (total * _LACKING_NOISY if noisy else 0))

    sure = [
        name
        for name, fit in fits.items()
        if fit.n_colors >= ENOUGH
        and not any(speaks_against(name, found[other]) for other in found if other != name)
        and not speaks_against(name, numbered)
    ]
    best = tuple(name for name, fit in fits.items() if fit.n_colors == most)
    return PaletteMatch(sure[0] if len(sure) == 1 else None, best, most)


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
    core = _nearest(schema, names, _CORE)[1] if noisy else near
    least, least_core = (counts.sum() * share if noisy else 0 for share in (_LEAST_NOISY, _CORE_SHARE))
    black = [i for i, color in enumerate(schema.colors) if color == (0, 0, 0)]
    occurring, certain = (
        [i for i in np.flatnonzero(pixels > limit).tolist() if i not in black]
        for pixels, limit in ((_pixels(ids, counts, near), least), (_pixels(ids, counts, core), least_core))
    )
    return _Fit(near, len(occurring), tuple(schema.colors[i] for i in certain))


def _pixels(ids: NDArray[np.uint8], counts: NDArray[np.int64], which: NDArray[np.bool_]) -> NDArray[Any]:
    """The pixels of each class, (255,), among the marked colours."""
    found: NDArray[Any] = np.bincount(ids[which], weights=counts[which], minlength=IGNORE + 1)
    return found[:IGNORE]


def _nearest(
    schema: ClassSchema, names: NDArray[np.uint8], distance: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The nearest class of each colour (N, 3), and whether it is at most `distance` away."""
    if distance == 0:
        packed, ids, known = pack_colors(names), np.full(len(names), IGNORE, np.uint8), np.zeros(len(names), np.bool_)
        meant = dict.fromkeys(schema.void_colors, IGNORE)
        meant |= dict(zip(schema.colors, range(schema.n_classes), strict=True)) | dict(schema.merged)
        for color, i in meant.items():
            here = packed == pack_colors(np.array(color, np.uint8))
            ids[here], known[here] = i, True
        return ids, known
    parts = [schema.nearest(part) for part in np.array_split(names, len(names) // _CHUNK + 1)]
    ids, distances = (np.concatenate(found) for found in zip(*parts, strict=True))
    return ids, distances <= distance
