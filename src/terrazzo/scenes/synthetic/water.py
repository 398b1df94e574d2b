"""Rivers and lakes: smooth outlines, and the distance of points from them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo.scenes.synthetic.plane import Points


class Water(Protocol):
    """A body of water in the plane."""

    def distance(self, points: Points) -> NDArray[np.float64]:
        """The distance (N,) in px of each point (N, 2) from the shore; negative in the water."""

    def outline(self, margin: float) -> Points:
        """The shore (M, 2), or the line `margin` px outside it."""


@dataclass(frozen=True)
class River:
    """A meandering band around a centre line: `line` (N, 2) points, `half` (N,) half widths."""

    line: Points
    half: NDArray[np.float64]

    @classmethod
    def random(cls, rng: np.random.Generator, through: tuple[float, float], reach: float, width: float) -> "River":
        """A river about `width` px wide that passes near a point and reaches `reach` px both ways."""
        along = np.arange(-reach, reach, 8.0)
        bend = np.zeros_like(along)
        swell = np.ones_like(along)
        for length, strength in ((420.0, 26.0), (190.0, 9.0)):
            phase, phase_width = rng.uniform(0, 6.283, 2)
            k = 6.283 / (length * rng.uniform(0.8, 1.3))
            bend += strength * (np.sin(k * along + phase) - np.sin(phase))
            swell += 0.13 * np.sin(1.7 * k * along + phase_width)
        # Roads follow the axes of the plane; a diagonal river runs along few of them.
        heading = rng.choice((1.0, 3.0)) * np.pi / 4 + rng.uniform(-0.45, 0.45)
        cosine, sine = np.cos(heading), np.sin(heading)
        rows = through[0] + along * cosine - bend * sine
        cols = through[1] + along * sine + bend * cosine
        return cls(np.stack([rows, cols], axis=1), width / 2 * swell)

    def distance(self, points: Points) -> NDArray[np.float64]:
        """See Water."""
        apart = np.sqrt(((points[:, None, :] - self.line[None]) ** 2).sum(axis=2))
        return np.asarray((apart - self.half[None]).min(axis=1))

    def outline(self, margin: float) -> Points:
        """See Water."""
        ahead = np.gradient(self.line, axis=0)
        normal = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / np.sqrt((ahead**2).sum(axis=1))[:, None]
        offset = normal * (self.half + margin)[:, None]
        return np.concatenate([self.line + offset, (self.line - offset)[::-1]])


@dataclass(frozen=True)
class Lake:
    """A lake around a centre; `radii` (M,) at even steps of the angle."""

    centre: tuple[float, float]
    radii: NDArray[np.float64]

    @classmethod
    def random(cls, rng: np.random.Generator, centre: tuple[float, float], radius: float) -> "Lake":
        """A lake with a few bays, nowhere farther than `radius` from its centre."""
        angles = np.arange(96) * (2 * np.pi / 96)
        radii = np.ones(96)
        for n_lobes, strength in ((1, 0.10), (2, 0.16), (3, 0.10), (5, 0.05)):
            radii += strength * np.sin(n_lobes * angles + rng.uniform(0, 6.283))
        return cls(centre, radii / radii.max() * radius)

    def distance(self, points: Points) -> NDArray[np.float64]:
        """See Water; measured along the line to the centre."""
        rows, cols = points[:, 0] - self.centre[0], points[:, 1] - self.centre[1]
        angle = np.arctan2(cols, rows) % (2 * np.pi)
        step = np.round(angle / (2 * np.pi) * len(self.radii)).astype(np.intp) % len(self.radii)
        return np.asarray(np.sqrt(rows**2 + cols**2) - self.radii[step])

    def outline(self, margin: float) -> Points:
        """See Water."""
        angles = np.arange(len(self.radii)) * (2 * np.pi / len(self.radii))
        radii = self.radii + margin
        return np.stack([self.centre[0] + radii * np.cos(angles), self.centre[1] + radii * np.sin(angles)], axis=1)
