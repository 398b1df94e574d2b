"""A plan and a light become radiance and class ids.

One index image holds the surface of each pixel. Class, colour and texture are looked up by it, so image and mask agree
by construction. Shadows only darken: the ids never depend on the light.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from terrazzo.scenes.synthetic.buildings import Face
from terrazzo.scenes.synthetic.draft import Draft
from terrazzo.scenes.synthetic.light import Light
from terrazzo.scenes.synthetic.materials import VEGETATION, WATER, Surface
from terrazzo.scenes.synthetic.noise import cloudy_noise, grain, smooth_noise, triangle_wave
from terrazzo.scenes.synthetic.plane import Points
from terrazzo.scenes.synthetic.styles import TEMPERATE, Style

SCALE = 2
"""Polygons are drawn on a grid this many times finer than the image, for soft edges in the photo."""

TREE_HEIGHT = 1.5
"""Height of a tree per px of its crown's radius."""


@dataclass
class Canvas:
    """The index image while it is painted: surface numbers, later polygons over earlier ones."""

    height: int
    width: int
    surfaces: list[Surface]
    image: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.image = Image.new("I", (self.width * SCALE, self.height * SCALE), 0)

    def fill(self, faces: Iterable[Face]) -> None:
        """Paint the faces, one over the other."""
        draw = ImageDraw.Draw(self.image)
        for face in faces:
            draw.polygon(pixels_of(face.points), fill=len(self.surfaces))
            self.surfaces.append(face.surface)

    def index(self) -> NDArray[np.int32]:
        """The surface numbers (SCALE * H, SCALE * W)."""
        return np.asarray(self.image)


@dataclass(frozen=True)
class Crowns:
    """Trees from above: their height (H, W), 0 where there is none, and the topmost's colour (H, W, 3) and radius."""

    bulge: NDArray[np.float32]
    color: NDArray[np.float32]
    radius: NDArray[np.float32]
    """(H, W) in px, 0 where there is no tree."""


@dataclass(frozen=True)
class Painting:
    """A planned scene as it looks under a light."""

    radiance: NDArray[np.float32]
    """(H, W, 3) in 0..255 or a little beyond."""
    ids: NDArray[np.uint8]
    """(H, W)"""
    crowns: Crowns


def paint(draft: Draft, light: Light, rng: np.random.Generator, style: Style = TEMPERATE) -> Painting:
    """The scene painted from a plan under a light, in the materials of a style."""
    size = draft.height, draft.width
    canvas = Canvas(*size, [Surface(VEGETATION, (112, 134, 72), 0.15, 0.07)])
    roofs = itertools.chain.from_iterable(building.faces(light.sun) for building in draft.buildings)
    canvas.fill(itertools.chain(draft.land, draft.shores, draft.kerbs, draft.roads, draft.markings, roofs))
    index = canvas.index()
    shown = index[::SCALE, ::SCALE]
    lands = np.array([surface.land for surface in canvas.surfaces], np.uint8)
    ids = lands[shown]
    colors = style.tinted(np.array([surface.color for surface in canvas.surfaces], np.uint8), lands)[index]
    radiance = np.asarray(Image.fromarray(colors).reduce(SCALE)).astype(np.float32)
    radiance *= _texture(canvas.surfaces, shown, rng)[..., None]
    _deepen(radiance, ids == WATER)
    raised = np.array([surface.raised for surface in canvas.surfaces])[shown]
    shade = _shadows(draft, light)
    shade[raised] *= np.float32(0.15)
    radiance *= 1 - shade[..., None] * (np.float32(light.darkness) * np.array((1.0, 0.96, 0.84), np.float32))
    crowns = _crowns(draft, rng, style)
    _blend_crowns(radiance, crowns, light, rng)
    ids[crowns.bulge > 0] = VEGETATION
    return Painting(radiance, ids, crowns)


def pixels_of(points: Points) -> list[tuple[int, int]]:
    """The (col, row) pixels of the drawing at points (row, col) of the scene."""
    return [(col, row) for row, col in np.round(points * SCALE).astype(np.int64).tolist()]


def _texture(surfaces: list[Surface], shown: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The factor (H, W) around 1 by which mottling, speckles and furrows change the colour."""
    shape = (shown.shape[0], shown.shape[1])
    coarse = cloudy_noise(rng, shape, 44.0, 4)
    factor = 1 + coarse * _column([surface.mottle for surface in surfaces])[shown]
    factor += grain(rng, shape) * _column([surface.speckle for surface in surfaces])[shown]
    steps = [
        (np.cos(surface.heading) / surface.period, np.sin(surface.heading) / surface.period) for surface in surfaces
    ]
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    cols = np.arange(shape[1], dtype=np.float32)[None]
    # The furrows bend a little with the ground, in parts of their period.
    phase = rows * _column([row for row, _ in steps])[shown] + cols * _column([col for _, col in steps])[shown]
    phase += smooth_noise(rng, shape, 90.0) * np.float32(0.8)
    factor += triangle_wave(phase) * _column([surface.depth for surface in surfaces])[shown]
    return factor


def _column(values: list[float]) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def _deepen(radiance: NDArray[np.float32], water: NDArray[np.bool_]) -> None:
    """Make water near a shore brown and brighter, as if shallow."""
    if not water.any():
        return
    open_water = Image.fromarray(water.astype(np.uint8) * 255).filter(ImageFilter.BoxBlur(7))
    shallow = 1 - np.asarray(open_water).astype(np.float32) / 255
    shallow *= water
    radiance += (shallow * np.float32(0.8))[..., None] * np.array((34, 30, 14), np.float32)


def _shadows(draft: Draft, light: Light) -> NDArray[np.float32]:
    """The share (H, W) of each pixel in cast shadow, 0..1."""
    image = Image.new("L", (draft.width * SCALE, draft.height * SCALE), 0)
    draw = ImageDraw.Draw(image)
    for caster in draft.casters:
        tip = caster.points + np.array(light.shadow_of(caster.height))
        draw.polygon(pixels_of(tip), fill=255)
        for i in range(len(tip)):
            quad = np.stack([caster.points[i - 1], caster.points[i], tip[i], tip[i - 1]])
            draw.polygon(pixels_of(quad), fill=255)
    for tree in draft.trees:
        row, col = light.shadow_of(tree.radius * TREE_HEIGHT)
        radius = tree.radius * 0.95
        for part in (0.45, 1.0):
            at_row, at_col = tree.row + row * part, tree.col + col * part
            box = (at_col - radius, at_row - radius, at_col + radius, at_row + radius)
            draw.ellipse([round(value * SCALE) for value in box], fill=255)
    soft = image.reduce(SCALE).filter(ImageFilter.BoxBlur(0.6))
    return np.asarray(soft).astype(np.float32) / np.float32(255)


def _crowns(draft: Draft, rng: np.random.Generator, style: Style) -> Crowns:
    """Every tree's half sphere, the highest on top, with ragged edges."""
    shape = (draft.height, draft.width)
    bulge = np.zeros(shape, np.float32)
    color, radius = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    ragged = smooth_noise(rng, shape, 2.6) * np.float32(0.30)
    leaves = style.tinted(
        np.array([tree.color for tree in draft.trees], np.uint8).reshape(-1, 3),
        np.full(len(draft.trees), VEGETATION, np.uint8),
    )
    for tree, leaf in zip(draft.trees, leaves, strict=True):
        top, left = max(0, int(tree.row - tree.radius)), max(0, int(tree.col - tree.radius))
        bottom, right = int(tree.row + tree.radius) + 2, int(tree.col + tree.radius) + 2
        window = slice(top, max(top, bottom)), slice(left, max(left, right))
        if not bulge[window].size:
            continue
        rows = np.arange(top, top + bulge[window].shape[0], dtype=np.float32)[:, None] - np.float32(tree.row)
        cols = np.arange(left, left + bulge[window].shape[1], dtype=np.float32)[None] - np.float32(tree.col)
        inside = 1 - (rows * rows + cols * cols) / np.float32(tree.radius**2) + ragged[window]
        height = np.sqrt(np.maximum(inside, 0)) * np.float32(tree.radius)
        higher = height > bulge[window]
        bulge[window][higher] = height[higher]
        color[window][higher] = leaf
        radius[window][higher] = tree.radius
    return Crowns(bulge, color, radius)


def _blend_crowns(radiance: NDArray[np.float32], crowns: Crowns, light: Light, rng: np.random.Generator) -> None:
    """Paint the crowns over the ground: bright towards the sun, dark away from it, leafy in between."""
    bulge = crowns.bulge
    down, right = np.zeros_like(bulge), np.zeros_like(bulge)
    down[1:-1] = bulge[2:] - bulge[:-2]
    right[:, 1:-1] = bulge[:, 2:] - bulge[:, :-2]
    slope = -(down * np.float32(light.sun[0]) + right * np.float32(light.sun[1]))
    shade = 1 + np.clip(slope * np.float32(0.16), np.float32(-0.5), np.float32(0.4))
    shade += smooth_noise(rng, (bulge.shape[0], bulge.shape[1]), 1.8) * np.float32(0.16)
    cover = np.minimum(bulge, 1)[..., None]
    radiance *= 1 - cover
    radiance += crowns.color * shade[..., None] * cover
