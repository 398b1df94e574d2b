"""The plots and lines of degraded scores: where each point of a curve stands, for the report to draw as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from terrazzo.evaluation.degradations import DEGRADATIONS
from terrazzo.evaluation.report_folder import Row


@dataclass(frozen=True)
class Frame:
    """The size of a plot, and where its edges are, in units of its own; y downwards."""

    width: int = 240
    height: int = 132
    left: int = 30
    right: int = 228
    top: int = 8
    bottom: int = 112


FRAME = Frame()
"""That of every plot."""


@dataclass(frozen=True)
class Point:
    """A strength and its score in a plot; x and y in the plot's units, y downwards."""

    strength: float
    mean_iou: float
    accuracy: float
    drop: float
    """Clean minus degraded mean IoU, in points (hundredths)."""
    x: float
    y: float


@dataclass(frozen=True)
class Plot:
    """The curve of one degradation: its points, the clean score among them, from left to right."""

    kind: str
    unit: str
    about: str
    points: tuple[Point, ...]
    clean_y: float
    ticks: tuple[tuple[float, float], ...]
    """Scores and their y."""

    @property
    def line(self) -> str:
        """The points of the curve, as SVG's polyline takes them."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)

    @property
    def degraded(self) -> tuple[Point, ...]:
        """The points without the clean one, in the order of degrade.csv."""
        return tuple(point for point in self.points if not self.is_clean(point))

    def is_clean(self, point: Point) -> bool:
        """Whether the point is that of the clean images."""
        return math.isnan(point.strength)


def plots_of(rows: Sequence[Row]) -> list[Plot]:
    """A plot for each kind among the rows of degrade.csv, all on one scale from 0.

    Strengths stand at equal distances in the order of degrade.csv. The clean images stand first, or where the strength
    would be 0 between strengths of both signs.
    """
    if not rows:
        return []
    clean, of_kinds = rows[0], _by_kind(rows[1:])
    top = max(0.1, math.ceil(10 * max(row["mean_iou"] for row in rows) - 1e-9) / 10)
    return [_plot(kind, found, clean, top) for kind, found in of_kinds.items()]


def degradation_lines(rows: Sequence[Row]) -> list[str]:
    """A line for each kind: its strengths, and the mean IoU at each."""
    of_kinds = _by_kind(rows[1:])
    names = {kind: f"{kind} ({DEGRADATIONS[kind].unit})" for kind in of_kinds}
    width = max(map(len, names.values()), default=0)
    lines = [f"mean IoU of degraded images, strength: score; clean: {rows[0]['mean_iou']:.3f}"] if rows else []
    for kind, found in of_kinds.items():
        cells = (f"{row['strength']:>5g}: {row['mean_iou']:.3f}" for row in found)
        lines.append(f"{names[kind]:{width}}{''.join(cells)}")
    return lines


def _by_kind(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row)
    return found


def _plot(kind: str, rows: Sequence[Row], clean: Row, top: float) -> Plot:
    n_below = sum(row["strength"] < 0 for row in rows)
    ordered = [*rows[:n_below], {**clean, "strength": math.nan}, *rows[n_below:]]
    step = (FRAME.right - FRAME.left) / (len(ordered) - 1)

    def y_of(score: float) -> float:
        return round(FRAME.bottom - (FRAME.bottom - FRAME.top) * score / top, 2)

    points = (
        Point(
            row["strength"],
            row["mean_iou"],
            row["accuracy"],
            100 * (clean["mean_iou"] - row["mean_iou"]),
            round(FRAME.left + step * place, 2),
            y_of(row["mean_iou"]),
        )
        for place, row in enumerate(ordered)
    )
    entry = DEGRADATIONS[kind]
    ticks = tuple((score, y_of(score)) for score in (0, top / 2, top))
    return Plot(kind, entry.unit, entry.about, tuple(points), y_of(clean["mean_iou"]), ticks)
