"""The flat plane on which a world is planned with straight lines, and the warp that bends it into the image.

Plane and image coordinates are (row, col) in pixels, float64. Axis 0 runs along the rows, axis 1 along the columns.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Rect:
    """An upright rectangle of the plane."""

    top: float
    left: float
    bottom: float
    right: float

    @classmethod
    def spanning(cls, axis: int, along: tuple[float, float], across: tuple[float, float]) -> "Rect":
        """The rectangle that covers `along` on the axis and `across` on the other; ends in any order."""
        (a0, a1), (c0, c1) = sorted(along), sorted(across)
        return cls(a0, c0, a1, c1) if axis == 0 else cls(c0, a0, c1, a1)

    @property
    def height(self) -> float:
        """Extent in rows."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """Extent in columns."""
        return self.right - self.left

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, (row, col)."""
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2

    @property
    def nearest(self) -> float:
        """The distance of the rectangle from the middle of the plane."""
        row = max(self.top, -self.bottom, 0.0)
        col = max(self.left, -self.right, 0.0)
        return math.hypot(row, col)

    @property
    def long_axis(self) -> int:
        """The axis of the longer side."""
        return 0 if self.height > self.width else 1

    def span(self, axis: int) -> tuple[float, float]:
        """Where the rectangle begins and ends on an axis."""
        return (self.top, self.bottom) if axis == 0 else (self.left, self.right)

    def inset(self, by: float) -> "Rect":
        """The rectangle shrunk by `by` pixels on every side, at most to its middle; negative values grow it."""
        rows, cols = min(by, self.height / 2), min(by, self.width / 2)
        return Rect(self.top + rows, self.left + cols, self.bottom - rows, self.right - cols)

    def outline(self, step: float = 10.0) -> Points:
        """The border as points (N, 2) at most `step` apart, so that a warp can bend the sides."""
        corners = [(self.top, self.left), (self.top, self.right), (self.bottom, self.right), (self.bottom, self.left)]
        if max(self.height, self.width) <= step:
            return np.array(corners, np.float64)
        return dense(np.array([*corners, corners[0]], np.float64), step)[:-1]

    def scatter(self, rng: np.random.Generator, spacing: float) -> Points:
        """Points (N, 2) on a jittered lattice: even cover without rows."""
        rows = np.arange(self.top + spacing / 2, self.bottom, spacing)
        cols = np.arange(self.left + spacing / 2, self.right, spacing)
        lattice = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
        return lattice + rng.uniform(-0.45, 0.45, lattice.shape) * spacing


@dataclass(frozen=True)
class Cut:
    """A strip that `divide` left free between two parts; it runs along `axis`."""

    strip: Rect
    axis: int


def dense(line: Points, step: float) -> Points:
    """The polyline (N, 2) with points at most `step` apart."""
    pieces = []
    for start, end in itertools.pairwise(line):
        length = max(abs(float(end[0] - start[0])), abs(float(end[1] - start[1])))
        n = max(1, math.ceil(length / step))
        pieces.append(start + (end - start) * (np.arange(n) / n)[:, None])
    return np.concatenate([*pieces, line[-1:]])


def divide(rect: Rect, rng: np.random.Generator, longest: float, gaps: Sequence[float]) -> tuple[list[Rect], list[Cut]]:
    """The rectangle cut in two repeatedly until no side is much longer than `longest`.

    A cut at depth d is `gaps[d]` wide (the last gap beyond) and ends at the border of what it cuts, so the free strips
    are connected to each other and to the border.
    """
    parts: list[Rect] = []
    cuts: list[Cut] = []
    waiting = [(rect, 0)]
    while waiting:
        piece, depth = waiting.pop()
        across = piece.long_axis
        start, end = piece.span(across)
        if end - start <= longest * rng.uniform(0.9, 1.2):
            parts.append(piece)
            continue
        along = piece.span(1 - across)
        half = gaps[min(depth, len(gaps) - 1)] / 2
        middle = start + (end - start) * rng.uniform(0.38, 0.62)
        cuts.append(Cut(Rect.spanning(across, (middle - half, middle + half), along), 1 - across))
        waiting.append((Rect.spanning(across, (start, middle - half), along), depth + 1))
        waiting.append((Rect.spanning(across, (middle + half, end), along), depth + 1))
    return parts, cuts


@dataclass(frozen=True)
class Warp:
    """Plane points to image points: a rotation about the image's centre, then a few long waves.

    Results are rounded to 1/16 px, because the last digit of a sine differs between machines.
    """

    centre: tuple[float, float]
    angle: float
    waves: tuple[tuple[float, float, float, float, float], ...]

    @classmethod
    def random(cls, rng: np.random.Generator, height: int, width: int) -> "Warp":
        """A warp for an image of that size: any turn, three waves of 350 to 800 px."""
        waves = []
        for _ in range(3):
            length, heading, phase, push = rng.uniform((350, 0, 0, 0), (800, 6.283, 6.283, 6.283))
            strength = length * rng.uniform(0.012, 0.03)
            k = 6.283 / length
            waves.append(
                (k * np.cos(heading), k * np.sin(heading), phase, strength * np.cos(push), strength * np.sin(push))
            )
        return cls((height / 2, width / 2), float(rng.uniform(0, 6.283)), tuple(waves))

    def __call__(self, points: Points) -> Points:
        """Plane points (N, 2) in the image, rounded to 1/16 px."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        row = points[:, 0] * cosine - points[:, 1] * sine
        col = points[:, 0] * sine + points[:, 1] * cosine
        bent_row, bent_col = row + self.centre[0], col + self.centre[1]
        for k_row, k_col, phase, push_row, push_col in self.waves:
            swing = np.sin(k_row * row + k_col * col + phase)
            bent_row = bent_row + push_row * swing
            bent_col = bent_col + push_col * swing
        bent = np.empty_like(points)
        bent[:, 0], bent[:, 1] = bent_row, bent_col
        return np.round(bent * 16) / 16

    @property
    def strongest(self) -> float:
        """The largest distance by which the waves move a point, px."""
        return sum(math.hypot(push_row, push_col) for *_, push_row, push_col in self.waves)

    def place(self, point: tuple[float, float], heading: float) -> tuple[float, float, float]:
        """The image position (row, col) of a plane point, and the image direction of a plane heading (radians)."""
        ahead = (point[0] + 8 * np.cos(heading), point[1] + 8 * np.sin(heading))
        here, there = self(np.array([point, ahead], np.float64))
        return float(here[0]), float(here[1]), float(np.arctan2(there[1] - here[1], there[0] - here[0]))
