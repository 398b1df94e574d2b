"""Near infrared and heights of the synthetic world: what plants, water, roofs and trees look like to other sensors."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from terrazzo.scenes.synthetic import render
from terrazzo.scenes.synthetic.buildings import Building
from terrazzo.scenes.synthetic.light import Light
from terrazzo.scenes.synthetic.materials import BUILDING, GROUND, ROAD, VEGETATION, WATER, Surface
from terrazzo.scenes.synthetic.paint import TREE_HEIGHT, Painting, paint
from terrazzo.scenes.synthetic.plane import Rect
from terrazzo.scenes.synthetic.render import Sensed, render_sensed
from terrazzo.scenes.synthetic.sensors.surface import GSD_M, ROOF_M, TREE_M, surface_of
from terrazzo.scenes.synthetic.world import plan

SEEDS = (1, 4, 6)
ROUGH_M = 0.09
"""The noise of a surface model, at most."""


@cache
def sensed(seed: int) -> Sensed:
    return render_sensed(seed, 257, 331)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_photo_and_ids_are_those_of_the_photo_alone(seed: int) -> None:
    photo, ids = render(seed, 257, 331)
    np.testing.assert_array_equal(sensed(seed).photo, photo)
    np.testing.assert_array_equal(sensed(seed).ids, ids)


def test_the_same_seed_gives_the_same_bands_and_another_seed_others() -> None:
    one, again, other = render_sensed(2, 90, 101), render_sensed(2, 90, 101), render_sensed(3, 90, 101)
    np.testing.assert_array_equal(one.infrared, again.infrared)
    np.testing.assert_array_equal(one.surface, again.surface)
    assert (one.infrared.shape, one.infrared.dtype) == ((90, 101), np.uint8)
    assert (one.surface.shape, one.surface.dtype) == ((90, 101), np.float32)
    assert np.abs(one.surface - other.surface).mean() > 0.5


# --- near infrared


@pytest.mark.parametrize("seed", SEEDS)
def test_plants_are_bright_in_the_infrared_and_water_is_dark(seed: int) -> None:
    scene = sensed(seed)
    infrared, red = scene.infrared.astype(float), scene.photo[..., 0].astype(float)
    ndvi = (infrared - red) / np.maximum(infrared + red, 1)
    means = {land: float(ndvi[scene.ids == land].mean()) for land in range(5)}
    assert means[VEGETATION] > 0.2
    assert means[WATER] < -0.2
    assert max(abs(means[land]) for land in (BUILDING, ROAD, GROUND)) < 0.1
    darkest = max(infrared[scene.ids == WATER].mean(), 0)
    assert darkest < 0.5 * min(infrared[scene.ids == land].mean() for land in (BUILDING, ROAD, VEGETATION, GROUND))


# --- heights


@pytest.mark.parametrize("seed", SEEDS)
def test_rivers_and_lakes_lie_at_0_and_nothing_below(seed: int) -> None:
    scene = sensed(seed)
    assert np.median(scene.surface[scene.ids == WATER]) == 0
    assert scene.surface.min() > -ROUGH_M


@pytest.mark.parametrize("seed", SEEDS)
def test_roofs_stand_above_the_ground_around_them(seed: int) -> None:
    """At the edge of a roof the surface jumps by at least the least height of a house, less the slope of the ground."""
    scene = sensed(seed)
    roof = scene.ids == BUILDING
    edge = roof[:, 1:] & np.isin(scene.ids[:, :-1], (ROAD, GROUND))
    jumps = (scene.surface[:, 1:] - scene.surface[:, :-1])[edge]
    assert len(jumps) > 50
    assert np.percentile(jumps, 5) > ROOF_M[0] - 0.5
    assert np.percentile(jumps, 95) < ROOF_M[1]


@cache
def flat_world() -> tuple[Painting, NDArray[np.float32], Building]:
    """A plan of which only one flat roof and the trees are left, and its surface."""
    draft = plan(generator(9), 200, 260)
    roof = Surface(BUILDING, (120, 120, 120), raised=True)
    house = Building(100.0, 120.0, 0.3, (Rect(-20, -12, 20, 12),), "flat", roof, height=16.0)
    draft.buildings[:] = [house]
    draft.casters[:] = []
    draft.waters = ()
    draft.trees[:] = [tree for tree in draft.trees if np.hypot(tree.row - 100, tree.col - 120) > 60]
    painting = paint(draft, Light((0.6, 0.8), 1.2, 0.6), generator(1))
    return painting, surface_of(draft, painting, generator(2)), house


def test_a_roof_is_flat_and_as_high_as_its_shadow_says() -> None:
    """16 px of 0.5 m are 8 m above the ground at its middle, over the whole roof."""
    painting, surface, _ = flat_world()
    roof = surface[painting.ids == BUILDING]
    assert len(roof) > 900
    assert np.ptp(roof) < 2 * ROUGH_M
    around = surface[75:126, 85:156][painting.ids[75:126, 85:156] != BUILDING]
    assert float(np.median(roof) - np.median(around)) == pytest.approx(16 * GSD_M, abs=1.5)


def test_tops_of_trees_are_2_to_12_m_high_and_as_high_as_their_shadows_say() -> None:
    painting, surface, _ = flat_world()
    crowns = painting.crowns
    tops = crowns.bulge > 0.98 * crowns.radius
    tops &= crowns.radius > 0
    assert tops.sum() > 100
    ground = np.median(surface[(crowns.bulge == 0) & (painting.ids != BUILDING)])
    above = surface[tops] - ground
    expected = np.clip(crowns.radius[tops] * TREE_HEIGHT * GSD_M, *TREE_M)
    assert np.abs(np.median(above - expected)) < 2  # the ground rises and falls by a few metres
    assert expected.min() >= TREE_M[0]
    assert expected.max() <= TREE_M[1]
