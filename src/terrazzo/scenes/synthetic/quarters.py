"""Fillings of the quarters between roads: houses with gardens, fields, works, groves, bare ground, lakes."""

import itertools
from collections.abc import Callable

import numpy as np

from terrazzo.scenes.synthetic.buildings import hall, house
from terrazzo.scenes.synthetic.draft import Draft
from terrazzo.scenes.synthetic.materials import CONCRETE, GROUND, SAND, SOIL, VEGETATION, WATER, Surface, pick
from terrazzo.scenes.synthetic.plane import Cut, Rect, divide
from terrazzo.scenes.synthetic.streets import LANE, TRACK, add_road, add_track, park_cars
from terrazzo.scenes.synthetic.water import Lake

POOL = (92, 178, 196)


def add_suburb(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    """Blocks of one or two rows of plots between lanes; every plot has a house, a drive and a garden."""
    blocks, cuts = divide(quarter, rng, 135.0, (LANE,))
    for cut in cuts:
        add_road(draft, rng, cut)
    for block in blocks:
        axis = block.long_axis
        (start, end), (near, far) = block.span(axis), block.span(1 - axis)
        middle = (near + far) / 2 if far - near > 66 else far
        at = start
        while end - at > 20:
            width = float(rng.uniform(29, 42))
            if end - at - width < 22:
                width = end - at
            _plot(draft, rng, axis, (at, at + width), (near, middle))
            if middle < far:
                _plot(draft, rng, axis, (at, at + width), (far, middle))
            at += width


def add_farmland(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    """Fields, green, ripe or ploughed, with furrows, hedges and tracks between them, and sometimes a farm."""
    tracks = rng.random() < 0.7
    fields, cuts = divide(quarter, rng, float(rng.uniform(95, 150)), (TRACK if tracks else 2.5,))
    farm = int(rng.integers(len(fields))) if rng.random() < 0.6 else -1
    for number, field in enumerate(fields):
        if number == farm:
            _farmstead(draft, rng, field)
        else:
            draft.lay(draft.land, field, _field_surface(draft, rng))
    for cut in cuts:
        if tracks:
            add_track(draft, rng, cut)
        _hedge(draft, rng, cut)


def add_works(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    """Halls on paved or gravelled yards, with parking lots."""
    lots, cuts = divide(quarter, rng, 130.0, (LANE,))
    for cut in cuts:
        add_road(draft, rng, cut)
    for lot in lots:
        yard = Surface(GROUND, pick(rng, (*CONCRETE, *SAND)), 0.07, 0.05)
        draft.lay(draft.land, lot.inset(1), yard)
        axis = lot.long_axis
        (start, end), (near, far) = lot.span(axis), lot.span(1 - axis)
        parking = far - near > 60 and rng.random() < 0.7
        if parking and _all_dry(draft, lot, 4.0):
            park_cars(draft, rng, Rect.spanning(axis, (start + 6, end - 6), (near + 3, near + 31)))
            near += 34
        halls = Rect.spanning(axis, (start, end), (near, far)).inset(8)
        n_halls = max(1, round((end - start) / 75))
        edges = np.linspace(*halls.span(axis), n_halls + 1)
        for first, last in itertools.pairwise(edges):
            _place_hall(draft, rng, Rect.spanning(axis, (first + 3, last - 3), halls.span(1 - axis)))
        edge = lot.inset(-1).outline(14.0)
        draft.plant(rng, edge[rng.random(len(edge)) < 0.35], (3.5, 5.5))


def add_grove(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    """A wood or park: clumps of trees on a meadow, and a footpath."""
    _meadow(draft, quarter, rng)
    axis = quarter.long_axis
    start, end = quarter.span(axis)
    along = np.linspace(start, end, 24)
    swing = 18 * np.sin(along / rng.uniform(25, 45) + rng.uniform(0, 6.283))
    across = quarter.centre[1 - axis] + swing
    path = np.concatenate([np.stack([along, across - 2], 1), np.stack([along, across + 2], 1)[::-1]])
    path = path if axis == 0 else path[:, ::-1]
    draft.lay(draft.land, path, Surface(GROUND, pick(rng, SAND), 0.06, 0.05))
    points = quarter.inset(5).scatter(rng, 9.5)
    clumps = np.array([rng.uniform(span[0], span[1], 7) for span in (quarter.span(0), quarter.span(1))]).T
    near_clump = np.sqrt(((points[:, None] - clumps[None]) ** 2).sum(axis=2)).min(axis=1)
    density = np.where(near_clump < 42, 0.95, 0.10) * (0.4 if rng.random() < 0.3 else 1.0)
    off_path = np.abs(points[:, 1 - axis] - np.interp(points[:, axis], along, across)) > 6
    draft.plant(rng, points[(rng.random(len(points)) < density) & off_path], (4.5, 8.0))


def add_bare_ground(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    """A pit or building site: bare earth with darker and lighter heaps, scrub and a few huts."""
    draft.lay(draft.land, quarter, Surface(GROUND, pick(rng, (*SOIL, *SAND)), 0.16, 0.07))
    for row, col in quarter.inset(20).scatter(rng, 46.0):
        tone = Surface(GROUND, pick(rng, (*SOIL, *SAND), 14), 0.14, 0.08)
        draft.lay(draft.land, Lake.random(rng, (row, col), float(rng.uniform(10, 26))).outline(0.0), tone)
    scrub = quarter.inset(6).scatter(rng, 17.0)
    for row, col in scrub[rng.random(len(scrub)) < 0.16]:
        surface = Surface(VEGETATION, draft.season.grass(rng), 0.2, 0.1)
        draft.lay(draft.land, Lake.random(rng, (row, col), float(rng.uniform(5, 11))).outline(0.0), surface)
    draft.plant(rng, scrub[rng.random(len(scrub)) < 0.08], (3.0, 4.5))
    row, col = quarter.centre + rng.uniform(-20, 20, 2)
    for offset in (-26.0, 26.0)[: int(rng.integers(3))]:
        if draft.dry(np.array([[row + offset, col]]), 24.0)[0]:
            place = draft.warp.place((row + offset, col), float(rng.uniform(0, 3.1)))
            draft.build(hall(rng, place, float(rng.uniform(22, 34)), float(rng.uniform(10, 15))))


def add_lakeside(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    """The meadow and trees around a lake; the lake itself is painted with the water."""
    _meadow(draft, quarter, rng)
    points = quarter.inset(5).scatter(rng, 12.0)
    draft.plant(rng, points[rng.random(len(points)) < 0.35], (4.0, 7.5))


Filling = Callable[[Draft, Rect, np.random.Generator], None]

DECK: tuple[Filling, ...] = (
    add_suburb, add_farmland, add_suburb, add_grove, add_works, add_farmland, add_suburb, add_bare_ground,
)  # fmt: skip
"""The fillings in the frequencies of a town's edge."""


def _plot(
    draft: Draft, rng: np.random.Generator, axis: int, along: tuple[float, float], across: tuple[float, float]
) -> None:
    """One plot; `across` runs from the street (first) to the back (second)."""
    street, back = across
    inward = 1.0 if back > street else -1.0
    plot = Rect.spanning(axis, along, across)
    bare = rng.random() < 0.15
    lawn = Surface(VEGETATION, draft.season.grass(rng), 0.10, 0.06)
    draft.lay(draft.land, plot, Surface(GROUND, pick(rng, SAND), 0.12, 0.07) if bare else lawn)
    if rng.random() < 0.6:
        hedge = Rect.spanning(axis, (along[0] - 1.0, along[0] + 1.0), (street + 3 * inward, back))
        draft.lay(draft.land, hedge, Surface(VEGETATION, (58, 88, 48), 0.2, 0.12))
    depth = min(float(rng.uniform(14, 19)), abs(back - street) * 0.45)
    length = min(float(rng.uniform(18, 26)), along[1] - along[0] - 9)
    middle = street + inward * (float(rng.uniform(5, 9)) + depth / 2)
    centre = (along[0] + along[1]) / 2 + float(rng.uniform(-2, 2))
    spot = (centre, middle) if axis == 0 else (middle, centre)
    if not draft.dry(np.array([spot]), 24.0)[0]:
        return
    drive = Rect.spanning(axis, (along[0] + 1.5, along[0] + 5.5), (street, middle + inward * depth / 2))
    draft.lay(draft.land, drive, Surface(GROUND, pick(rng, (*SAND, *CONCRETE)), 0.04, 0.04))
    heading = (0.0 if axis == 0 else np.pi / 2) + (0.0 if inward > 0 else np.pi) + float(rng.normal(0, 0.05))
    draft.build(house(rng, draft.warp.place(spot, heading), length, depth))
    garden = Rect.spanning(axis, along, (middle + inward * (depth + 4), back)).inset(3)
    _furnish(draft, rng, garden)


def _furnish(draft: Draft, rng: np.random.Generator, garden: Rect) -> None:
    """Trees in a back garden, and sometimes a pool, a vegetable bed or a shed."""
    points = garden.scatter(rng, 10.0)
    draft.plant(rng, points[rng.random(len(points)) < 0.4], (3.0, 5.8))
    row, col = garden.centre
    extra = rng.random()
    if min(garden.height, garden.width) < 8:
        return
    if extra < 0.08:
        draft.lay(draft.land, Rect(row - 4, col - 4, row + 3, col + 5), Surface(GROUND, (206, 202, 194)))
        draft.lay(draft.land, Rect(row - 2.5, col - 2.5, row + 2, col + 4), Surface(WATER, POOL, 0.03, 0.02))
    elif extra < 0.22:
        draft.lay(draft.land, garden.inset(3), Surface(GROUND, pick(rng, SOIL), 0.08, 0.06, 3.0, depth=0.1))
    elif extra < 0.34:
        draft.build(house(rng, draft.warp.place((row, col), float(rng.uniform(0, 3))), 8.0, 6.0))


def _field_surface(draft: Draft, rng: np.random.Generator) -> Surface:
    heading = float(draft.warp.angle + rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.15))
    period = float(rng.uniform(3.2, 7.5))
    if rng.random() < 0.28:
        return Surface(GROUND, pick(rng, SOIL), 0.10, 0.06, period, heading, float(rng.uniform(0.06, 0.16)))
    depth = float(rng.uniform(0.02, 0.12)) if rng.random() < 0.8 else 0.0
    return Surface(VEGETATION, draft.season.crop(rng), 0.10, 0.05, period, heading, depth)


def _hedge(draft: Draft, rng: np.random.Generator, cut: Cut) -> None:
    """Bushes along one side of a field border, with gaps."""
    if rng.random() < 0.35:
        return
    start, end = cut.strip.span(cut.axis)
    along = np.arange(start + 3, end - 3, 5.5)
    along = along[rng.random(len(along)) < rng.uniform(0.3, 0.9)]
    side = np.full_like(along, cut.strip.span(1 - cut.axis)[1] + 2.5) + rng.uniform(-1, 1, len(along))
    draft.plant(rng, np.stack([along, side] if cut.axis == 0 else [side, along], axis=1), (2.8, 5.0))


def _farmstead(draft: Draft, rng: np.random.Generator, field: Rect) -> None:
    draft.lay(draft.land, field, Surface(VEGETATION, draft.season.grass(rng), 0.12, 0.06))
    yard = field.inset(min(field.height, field.width) * 0.16)
    draft.lay(draft.land, yard, Surface(GROUND, pick(rng, SAND), 0.10, 0.06))
    axis = field.long_axis
    heading = 0.0 if axis == 0 else np.pi / 2
    row, col = field.centre
    reach = min(field.height, field.width) * 0.24
    if draft.dry(np.array([(row, col)]), reach + 30)[0]:
        for sign, turn in ((-1.0, 0.0), (1.0, np.pi / 2)):
            spot = (row + sign * reach, col) if axis == 0 else (row, col + sign * reach)
            place = draft.warp.place(spot, heading + turn)
            draft.build(hall(rng, place, min(44.0, reach * 1.7), min(22.0, reach * 0.9)))
    edge = field.inset(4).outline(9.0)
    draft.plant(rng, edge[rng.random(len(edge)) < 0.35], (4.0, 6.5))


def _place_hall(draft: Draft, rng: np.random.Generator, room: Rect) -> None:
    depth, length = sorted((room.height, room.width))
    if depth < 14 or not _all_dry(draft, room, 6.0):
        return
    turned = 0.0 if room.long_axis == 0 else np.pi / 2
    scale = float(rng.uniform(0.62, 0.82))
    draft.build(hall(rng, draft.warp.place(room.centre, turned), length * 0.9, depth * scale))


def _meadow(draft: Draft, quarter: Rect, rng: np.random.Generator) -> None:
    draft.lay(draft.land, quarter, Surface(VEGETATION, draft.season.grass(rng), 0.16, 0.07))


def _all_dry(draft: Draft, rect: Rect, margin: float) -> bool:
    return bool(draft.dry(rect.outline(8.0), margin).all())
