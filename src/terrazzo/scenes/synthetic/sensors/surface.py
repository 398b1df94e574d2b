"""The surface of a world: how high everything reaches, in metres, from the plan that the photo was painted from.

The ground rises from the shores. Roofs are flat, as high as the shadow says that they throw. Trees are half spheres on
stems. Rivers and lakes lie at 0 m, and pools on the ground around them.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from terrazzo.scenes.synthetic.draft import Draft
from terrazzo.scenes.synthetic.materials import BUILDING
from terrazzo.scenes.synthetic.noise import smooth_noise
from terrazzo.scenes.synthetic.paint import SCALE, TREE_HEIGHT, Painting, pixels_of

GSD_M = 0.5
"""Metres a pixel: a car of the world is then 4.3 m long, a house 10 m."""
HILL_M = 6.0
"""About how high the ground rises above the water."""
ROOF_M = (3.0, 20.0)
"""The least and greatest height of a roof above the ground."""
TREE_M = (2.0, 12.0)
"""The least and greatest height of a tree's top above the ground."""
_HILL_PX = 180.0
_SHORE_PX = 40
_ROUGH_M = 0.08


def surface_of(draft: Draft, painting: Painting, rng: np.random.Generator) -> NDArray[np.float32]:
    """Heights (H, W) in metres, as a digital surface model has them, with noise of a few centimetres.

    Law: rivers and lakes are 0; a roof is flat and between the heights of `ROOF_M` above the ground at its middle; a
    tree's top is between those of `TREE_M`.
    """
    water = _waters(draft)
    ground = _ground(water, rng)
    heights = ground.copy()
    roofs, above = _roofs(draft, ground)
    # What the photo shows decides: beneath a crown there is no roof to be seen.
    shown = (painting.ids == BUILDING) & above
    heights[shown] = roofs[shown]
    crowns = painting.crowns
    standing = crowns.bulge > 0
    tops = (crowns.radius * np.float32(TREE_HEIGHT * GSD_M)).clip(*TREE_M)
    below_top = (crowns.radius - crowns.bulge) * np.float32(GSD_M)
    crowned = ground + np.maximum(tops - below_top, np.float32(0.5))
    heights[standing] = np.maximum(crowned, heights)[standing]
    heights += smooth_noise(rng, ground.shape, 1.5) * np.float32(_ROUGH_M)
    heights[water & ~standing & ~shown] = 0
    return heights


def _waters(draft: Draft) -> NDArray[np.bool_]:
    """Where rivers and lakes lie (H, W), bridges over them included."""
    image = Image.new("L", (draft.width * SCALE, draft.height * SCALE), 0)
    drawing = ImageDraw.Draw(image)
    for body in draft.waters:
        drawing.polygon(pixels_of(draft.warp(body.outline(0.0))), fill=1)
    return np.asarray(image)[::SCALE, ::SCALE] > 0


def _ground(water: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """The ground (H, W) in metres: hills of long waves that end at the shores."""
    shape = (water.shape[0], water.shape[1])
    hills = np.float32(HILL_M / 2) * (1 + smooth_noise(rng, shape, _HILL_PX))
    near = Image.fromarray(water.astype(np.uint8) * 255).filter(ImageFilter.BoxBlur(_SHORE_PX))
    wet = np.asarray(near).astype(np.float32) / np.float32(255)
    ground = np.maximum(hills, 0) * np.clip(1 - 2 * wet, 0, 1)
    ground[water] = 0
    return np.asarray(ground, np.float32)


def _roofs(draft: Draft, ground: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The height (H, W) of the topmost roof in metres, and where there is one."""
    image = Image.new("F", (draft.width * SCALE, draft.height * SCALE), -1.0)
    drawing = ImageDraw.Draw(image)
    for building in draft.buildings:
        row = min(max(round(building.row), 0), draft.height - 1)
        col = min(max(round(building.col), 0), draft.width - 1)
        top = float(ground[row, col]) + min(max(building.height * GSD_M, ROOF_M[0]), ROOF_M[1])
        for face in building.faces((0.0, 1.0)):
            drawing.polygon(pixels_of(face.points), fill=top)
    roofs = np.asarray(image)[::SCALE, ::SCALE]
    return roofs, roofs >= 0
