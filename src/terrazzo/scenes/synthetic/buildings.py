"""Buildings: footprints of one or two wings, and the faces of their roofs as lit by the sun."""

import math
from dataclasses import dataclass, replace

import numpy as np

from terrazzo.classes.schema import Color
from terrazzo.scenes.synthetic.materials import BUILDING, FLAT_ROOFS, TILE_ROOFS, Surface, pick
from terrazzo.scenes.synthetic.plane import Points, Rect

SLOPE_SHADING = 0.27
PARAPET_LIGHT = 1.12


@dataclass(frozen=True)
class Face:
    """A polygon (N, 2) of the image covered by one surface."""

    points: Points
    surface: Surface


@dataclass(frozen=True)
class Building:
    """A building at an image point; wings and details are rectangles in its own axes, rotated by `heading` (radians).

    `style` is gable, hip or flat. `height` in px sets the length of the shadow.
    """

    row: float
    col: float
    heading: float
    wings: tuple[Rect, ...]
    style: str
    roof: Surface
    height: float
    details: tuple[tuple[Rect, Color], ...] = ()

    def outlines(self) -> list[Points]:
        """The wings' footprints in the image, (4, 2) each."""
        return [self._turn(_corners(wing)) for wing in self.wings]

    def faces(self, sun: tuple[float, float]) -> list[Face]:
        """The roof's polygons, under a sun in the direction (row, col), a unit vector."""
        faces = [face for wing in self.wings for face in self._wing_faces(wing, sun)]
        for rect, color in self.details:
            faces.append(Face(self._turn(_corners(rect)), Surface(BUILDING, color, raised=True)))
        return faces

    def _wing_faces(self, wing: Rect, sun: tuple[float, float]) -> list[Face]:
        if self.style == "flat":
            parapet = Face(self._turn(_corners(wing)), replace(self.roof.lit(PARAPET_LIGHT), depth=0.0))
            return [parapet, Face(self._turn(_corners(wing.inset(1.5))), self.roof)]
        axis = wing.long_axis
        (start, end), (near, far) = wing.span(axis), wing.span(1 - axis)
        middle = (near + far) / 2
        hip = (far - near) / 2 if self.style == "hip" else 0.0
        ridge = (start + hip, middle), (end - hip, middle)
        slopes = [
            ([(start, near), (end, near), ridge[1], ridge[0]], (0.0, -1.0)),
            ([(start, far), (end, far), ridge[1], ridge[0]], (0.0, 1.0)),
        ]
        if hip:
            slopes.append(([(start, near), (start, far), ridge[0]], (-1.0, 0.0)))
            slopes.append(([(end, near), (end, far), ridge[1]], (1.0, 0.0)))
        return [self._slope(points, normal, axis, sun) for points, normal in slopes]

    def _slope(
        self, points: list[tuple[float, float]], normal: tuple[float, float], axis: int, sun: tuple[float, float]
    ) -> Face:
        """One slope from (along, across) corners of a wing with its ridge on `axis`; rows of tiles are level."""
        corners = np.array(points, np.float64)
        if axis == 1:
            corners, normal = corners[:, ::-1], (normal[1], normal[0])
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        in_image = (normal[0] * cosine - normal[1] * sine, normal[0] * sine + normal[1] * cosine)
        light = 1 + SLOPE_SHADING * (in_image[0] * sun[0] + in_image[1] * sun[1])
        heading = float(np.arctan2(in_image[1], in_image[0]))
        return Face(self._turn(corners), replace(self.roof.lit(light), heading=heading))

    def _turn(self, points: Points) -> Points:
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        rows = self.row + points[:, 0] * cosine - points[:, 1] * sine
        cols = self.col + points[:, 0] * sine + points[:, 1] * cosine
        return np.stack([rows, cols], axis=1)


def house(rng: np.random.Generator, place: tuple[float, float, float], length: float, depth: float) -> Building:
    """A house of about length x depth px, the first ridge along the heading; one in three is L-shaped."""
    row, col, heading = place
    main = Rect(-length / 2, -depth / 2, length / 2, depth / 2)
    wings: tuple[Rect, ...] = (main,)
    if rng.random() < 0.35:
        wing, side = length * rng.uniform(0.38, 0.48), rng.choice((-1.0, 1.0))
        start = main.top if rng.random() < 0.5 else main.bottom - wing
        reach = side * (depth / 2 + depth * rng.uniform(0.45, 0.7))
        wings = (main, Rect.spanning(0, (start, start + wing), (0.0, float(reach))))
    style = ("gable", "hip", "flat")[int(rng.choice(3, p=(0.5, 0.32, 0.18)))]
    color = pick(rng, FLAT_ROOFS if style == "flat" else TILE_ROOFS)
    roof = Surface(BUILDING, color, 0.05, 0.045, period=3.0, depth=0.0 if style == "flat" else 0.045, raised=True)
    details = []
    if style != "flat" and rng.random() < 0.3:
        details.append((_panel(main, rng), (46, 54, 76)))
    if rng.random() < 0.7:
        at = main.top + length * rng.uniform(0.2, 0.7)
        details.append((Rect(at, -1.0, at + 2.5, 1.5), (150, 120, 108)))
    return Building(row, col, heading, wings, style, roof, float(rng.uniform(7, 13)), tuple(details))


def hall(rng: np.random.Generator, place: tuple[float, float, float], length: float, depth: float) -> Building:
    """A works hall or barn: one large roof, flat or ribbed, with hatches and cooling boxes on it."""
    row, col, heading = place
    main = Rect(-length / 2, -depth / 2, length / 2, depth / 2)
    wings: tuple[Rect, ...] = (main,)
    if rng.random() < 0.3:
        wings = (main, Rect(main.top, main.right - 1, main.top + length * 0.45, main.right + depth * 0.4))
    style = "gable" if rng.random() < 0.4 else "flat"
    roof = Surface(BUILDING, pick(rng, FLAT_ROOFS), 0.06, 0.03, period=4.0, depth=0.06, heading=heading, raised=True)
    details = []
    for _ in range(int(rng.integers(2, 9))):
        at_row, at_col = rng.uniform(-0.42, 0.38) * length, rng.uniform(-0.42, 0.38) * depth
        side = rng.uniform(2.0, 5.0)
        details.append(
            (Rect(at_row, at_col, at_row + side, at_col + side * 1.3), pick(rng, ((200, 200, 198), (84, 86, 90))))
        )
    return Building(row, col, heading, wings, style, roof, float(rng.uniform(10, 18)), tuple(details))


def _panel(main: Rect, rng: np.random.Generator) -> Rect:
    """A field of solar panels on one slope of the main wing."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    across = (side * main.width * 0.14, side * main.width * 0.40)
    return Rect.spanning(0, (main.top * 0.5, main.bottom * rng.uniform(0.1, 0.6)), across)


def _corners(rect: Rect) -> Points:
    return rect.outline(math.inf)
