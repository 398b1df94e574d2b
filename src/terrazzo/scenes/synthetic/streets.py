"""The road network along the cuts between blocks: asphalt, kerbs, lane markings, bridges and traffic."""

import numpy as np

from terrazzo.scenes.synthetic.draft import Caster, Draft
from terrazzo.scenes.synthetic.materials import ASPHALT, CONCRETE, GROUND, PAVING, ROAD, SOIL, Surface, pick
from terrazzo.scenes.synthetic.plane import Cut, Rect

MAIN = 17.0
STREET = 12.5
LANE = 9.5
TRACK = 5.0
MARKING = (222, 220, 210)
CARS = ((208, 208, 206), (48, 50, 54), (150, 40, 40), (70, 84, 120), (178, 178, 180), (232, 232, 230))


def add_road(draft: Draft, rng: np.random.Generator, cut: Cut) -> None:
    """A paved road on a cut; wide ones cross water on bridges, narrow ones end before it."""
    width = _width(cut)
    kerb = 2.0 if width >= STREET else 1.2
    paved = width < STREET and rng.random() < 0.5
    asphalt = Surface(ROAD, pick(rng, PAVING if paved else ASPHALT), 0.06, 0.05)
    rim = Surface(ROAD, pick(rng, CONCRETE, 4), 0.03, 0.04)
    for start, end in _passable(draft, cut, bridges=width >= STREET):
        across = cut.strip.span(1 - cut.axis)
        draft.lay(draft.kerbs, Rect.spanning(cut.axis, (start, end), across), rim)
        # The asphalt continues over the kerb of the road it meets.
        inner = (across[0] + kerb, across[1] - kerb)
        draft.lay(draft.roads, Rect.spanning(cut.axis, (start - 5, end + 5), inner), asphalt)
        if width >= MAIN:
            _mark(draft, cut, start, end)
        _drive_cars(draft, rng, cut, start, end)


def add_track(draft: Draft, rng: np.random.Generator, cut: Cut) -> None:
    """A dirt track on a cut, ending at the water."""
    surface = Surface(GROUND, pick(rng, SOIL), 0.1, 0.06)
    for start, end in _passable(draft, cut, bridges=False):
        draft.lay(draft.land, Rect.spanning(cut.axis, (start - 3, end + 3), cut.strip.span(1 - cut.axis)), surface)


def park_cars(draft: Draft, rng: np.random.Generator, lot: Rect) -> None:
    """A paved lot with marked bays along its long sides, half of them taken, and an entrance on the near side."""
    axis = lot.long_axis
    (start, end), (near, far) = lot.span(axis), lot.span(1 - axis)
    asphalt = Surface(ROAD, pick(rng, ASPHALT), 0.06, 0.05)
    draft.lay(draft.kerbs, lot, asphalt)
    draft.lay(draft.kerbs, Rect.spanning(axis, (end - 12, end - 2), (near - 7, near + 1)), asphalt)
    paint = Surface(ROAD, MARKING)
    for edge, depth in ((near, 10.0), (far, -10.0)):
        for at in np.arange(start + 4, end - 8, 6.0):
            draft.lay(draft.markings, Rect.spanning(axis, (at - 0.4, at + 0.4), (edge, edge + depth)), paint)
            if rng.random() < 0.5:
                middle = edge + depth / 2
                _car(draft, rng, Rect.spanning(axis, (at + 1.2, at + 5.0), (middle - 4, middle + 4)))


def _width(cut: Cut) -> float:
    start, end = cut.strip.span(1 - cut.axis)
    # Rounded: a strip is a difference of positions, and must equal the width it was cut with.
    return round(end - start, 3)


def _passable(draft: Draft, cut: Cut, bridges: bool) -> list[tuple[float, float]]:
    """The stretches (start, end) of a cut that a road can use."""
    start, end = cut.strip.span(cut.axis)
    if bridges or not draft.waters:
        return [(start, end)]
    stops = np.linspace(start, end, max(2, int((end - start) / 6)))
    middle = cut.strip.centre[1 - cut.axis]
    line = np.stack([stops, np.full_like(stops, middle)] if cut.axis == 0 else [np.full_like(stops, middle), stops], 1)
    dry = np.concatenate([[False], draft.dry(line, _width(cut)), [False]])
    turns = np.flatnonzero(dry[1:] != dry[:-1])
    runs = [(float(stops[first]), float(stops[last - 1])) for first, last in zip(turns[::2], turns[1::2], strict=True)]
    return [(first, last) for first, last in runs if last - first > 20]


def _mark(draft: Draft, cut: Cut, start: float, end: float) -> None:
    middle = cut.strip.centre[1 - cut.axis]
    paint = Surface(ROAD, MARKING)
    for at in np.arange(start + 6, end - 10, 16.0):
        draft.lay(draft.markings, Rect.spanning(cut.axis, (at, at + 8), (middle - 0.6, middle + 0.6)), paint)


def _drive_cars(draft: Draft, rng: np.random.Generator, cut: Cut, start: float, end: float) -> None:
    width, middle = _width(cut), cut.strip.centre[1 - cut.axis]
    for at in np.arange(start + 12, end - 12, 26.0):
        if rng.random() < (0.4 if width >= MAIN else 0.2):
            side = middle + (1 if rng.random() < 0.5 else -1) * width * 0.22
            _car(draft, rng, Rect.spanning(cut.axis, (at, at + 8.5), (side - 1.9, side + 1.9)))


def _car(draft: Draft, rng: np.random.Generator, rect: Rect) -> None:
    color = pick(rng, CARS)
    draft.lay(draft.markings, rect, Surface(ROAD, color, 0.0, 0.02, raised=True))
    draft.lay(draft.markings, rect.inset(1.2), Surface(ROAD, color, 0.0, 0.02, raised=True).lit(0.72))
    row, col, _ = draft.warp.place(rect.centre, 0.0)
    if draft.seen(row, col):
        draft.casters.append(Caster(draft.warp(rect.outline()), 3.0))
