"""The plan of a world: quarters around a river or lake, cut by a connected road network."""

import numpy as np

from terrazzo.scenes.synthetic.draft import Draft
from terrazzo.scenes.synthetic.materials import DEEP_WATER, GROUND, SAND, VEGETATION, WATER, Season, Surface, pick
from terrazzo.scenes.synthetic.plane import Cut, Rect, Warp, divide
from terrazzo.scenes.synthetic.quarters import DECK, Filling, add_lakeside, add_suburb
from terrazzo.scenes.synthetic.streets import MAIN, STREET, add_road
from terrazzo.scenes.synthetic.water import Lake, River, Water

MARGIN = 75.0
"""How far the plane reaches beyond the image's corners, px: more than the warp can pull inwards."""
QUARTER = 215.0
"""Approximate length of a quarter's longer side, px."""
SHORE = 4.0
"""Mean width of a beach, px."""
BANK = 13.0
"""Width of a grassy bank, px."""
LARGE = 600
"""A world whose shorter side exceeds this many px is large."""


def plan(rng: np.random.Generator, height: int, width: int) -> Draft:
    """Everything in a scene of height x width px except the light; equal generator states give equal plans."""
    warp = Warp.random(rng, height, width)
    reach = float(np.hypot(height, width)) / 2 + MARGIN
    quarters, cuts = divide(Rect(-reach, -reach, reach, reach), rng, QUARTER, (MAIN, MAIN, STREET))
    quarters.sort(key=lambda quarter: float(np.hypot(*quarter.centre)))
    waters, lakes = _waters(rng, quarters, min(height, width), reach)
    draft = Draft(height, width, warp, Season(float(rng.random())), waters)
    for quarter, filling in zip(quarters, _deal(rng, quarters, lakes), strict=True):
        filling(draft, quarter, rng)
    _fill_waters(draft, rng)
    for cut in cuts:
        add_road(draft, rng, cut)
        _line_with_trees(draft, rng, cut)
    return draft


def _waters(
    rng: np.random.Generator, quarters: list[Rect], shorter: int, reach: float
) -> tuple[tuple[Water, ...], dict[int, Lake]]:
    """The bodies of water, and the lake of each quarter (by number) that has one.

    There is a river through the middle, or a lake in a quarter well inside the image. A large world always has the
    river; without it, most of it would be dry.
    """
    lakes: dict[int, Lake] = {}
    candidates = [
        number
        for number, quarter in enumerate(quarters)
        if np.hypot(*quarter.centre) < 0.3 * shorter and min(quarter.height, quarter.width) > 110
    ]
    if candidates and len(quarters) > 2 and rng.random() < 0.5:
        number = candidates[int(rng.integers(len(candidates)))]
        radius = min(quarters[number].height, quarters[number].width) * rng.uniform(0.36, 0.44)
        lakes[number] = Lake.random(rng, quarters[number].centre, radius)
    rivers = []
    if not lakes or shorter > LARGE:
        through = rng.uniform(-0.2, 0.2, 2) * shorter
        width = float(rng.uniform(0.11, 0.17) * min(max(shorter, 200), 400))
        rivers.append(River.random(rng, (float(through[0]), float(through[1])), reach * 1.5, width))
    return (*lakes.values(), *rivers), lakes


def _deal(rng: np.random.Generator, quarters: list[Rect], lakes: dict[int, Lake]) -> list[Filling]:
    """A filling for each quarter, nearest first; one of the nearest two without a lake is a suburb."""
    dealt: list[Filling] = []
    while len(dealt) < len(quarters):
        dealt.extend(DECK[i] for i in rng.permutation(len(DECK)))
    dry = [i for i in range(len(quarters)) if i not in lakes]
    if not any(dealt[i] is add_suburb for i in dry[:2]):
        dealt[dry[0]] = add_suburb
    for number in lakes:
        dealt[number] = add_lakeside
    return dealt[: len(quarters)]


def _fill_waters(draft: Draft, rng: np.random.Generator) -> None:
    """Banks, beaches and the water itself."""
    deep = Surface(WATER, pick(rng, DEEP_WATER), 0.04, 0.02)
    bank = Surface(VEGETATION, draft.season.grass(rng), 0.15, 0.07)
    beach = Surface(GROUND, pick(rng, SAND), 0.08, 0.06)
    shore = float(rng.uniform(0.6, 1.8)) * SHORE
    for margin, surface in ((BANK, bank), (shore, beach), (0.0, deep)):
        for water in draft.waters:
            draft.lay(draft.shores, water.outline(margin), surface)
    for water in draft.waters:
        line = water.outline(BANK - 3)
        draft.plant(rng, line[rng.random(len(line)) < 0.3], (3.5, 6.5))


def _line_with_trees(draft: Draft, rng: np.random.Generator, cut: Cut) -> None:
    """An avenue: trees at even steps along one side of some roads."""
    if rng.random() < 0.5:
        return
    start, end = cut.strip.span(cut.axis)
    along = np.arange(start + 8, end - 8, 17.0)
    side = np.full_like(along, cut.strip.span(1 - cut.axis)[1] + 2.0)
    points = np.stack([along, side] if cut.axis == 0 else [side, along], axis=1)
    draft.plant(rng, points[rng.random(len(points)) < 0.8], (3.2, 4.6))
