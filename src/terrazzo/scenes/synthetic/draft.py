"""The drawing board: everything planned so far, in image coordinates and in painting order."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import Color
from terrazzo.scenes.synthetic.buildings import Building, Face
from terrazzo.scenes.synthetic.materials import Season, Surface
from terrazzo.scenes.synthetic.plane import Points, Rect, Warp
from terrazzo.scenes.synthetic.water import Water

ALWAYS_SEEN = 40.0
"""Objects up to this many px outside the image are kept: their shadows and outlines may reach into it."""


@dataclass(frozen=True)
class Tree:
    """A crown: image position, radius in px, colour."""

    row: float
    col: float
    radius: float
    color: Color


@dataclass(frozen=True)
class Caster:
    """A polygon (N, 2) of the image that stands `height` px above the ground and throws a shadow."""

    points: Points
    height: float


@dataclass
class Draft:
    """The lists that planning fills; layers are painted in the order of the fields, trees last."""

    height: int
    width: int
    warp: Warp
    season: Season
    waters: tuple[Water, ...]
    land: list[Face] = field(default_factory=list)
    shores: list[Face] = field(default_factory=list)
    kerbs: list[Face] = field(default_factory=list)
    roads: list[Face] = field(default_factory=list)
    markings: list[Face] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    casters: list[Caster] = field(default_factory=list)

    def lay(self, layer: list[Face], area: Rect | Points, surface: Surface) -> None:
        """Cover a rectangle or polygon of the plane with a surface, if any of it can be seen."""
        if isinstance(area, Rect):
            if area.nearest > self._reach:
                return
            area = area.outline()
        points = self.warp(area)
        low, high = points.min(axis=0), points.max(axis=0)
        if low[0] < self.height and low[1] < self.width and high[0] > 0 and high[1] > 0:
            layer.append(Face(points, surface))

    def build(self, building: Building) -> None:
        """Add a building, if it or its shadow can be seen."""
        if self.seen(building.row, building.col):
            self.buildings.append(building)
            self.casters.extend(Caster(outline, building.height) for outline in building.outlines())

    def plant(self, rng: np.random.Generator, points: Points, radii: tuple[float, float]) -> None:
        """Add a tree at every plane point (N, 2) on dry land, with a radius between the two."""
        points = points[self.dry(points, radii[0])]
        if not len(points):
            return
        for row, col in self.warp(points):
            radius = float(rng.uniform(*radii))
            if self.seen(row, col):
                self.trees.append(Tree(float(row), float(col), radius, self.season.tree(rng)))

    def dry(self, points: Points, margin: float) -> NDArray[np.bool_]:
        """Which of the plane points (N, 2) lie at least `margin` px from all water (N,)."""
        dry = np.ones(len(points), np.bool_)
        for water in self.waters:
            dry &= water.distance(points) > margin
        return dry

    @cached_property
    def _reach(self) -> float:
        """The largest distance from the middle of the plane at which the warp can bend something into the image."""
        return float(np.hypot(self.height, self.width)) / 2 + self.warp.strongest

    def seen(self, row: float, col: float) -> bool:
        """Whether something at this image point can be seen."""
        near = ALWAYS_SEEN
        return bool(-near < row < self.height + near and -near < col < self.width + near)
