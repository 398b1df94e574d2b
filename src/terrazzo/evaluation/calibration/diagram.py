"""The reliability diagrams of the report: where each bin's bars stand, for the page to draw as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Frame:
    """The size of a diagram, and where its edges are, in units of its own; y downwards."""

    width: int = 240
    height: int = 252
    left: int = 32
    right: int = 232
    top: int = 8
    bottom: int = 188
    """Of accuracy 0; the shares of the pixels stand below."""
    shares_top: int = 194
    shares_bottom: int = 224


FRAME = Frame()
"""That of every diagram."""


@dataclass(frozen=True)
class Bar:
    """One bin with pixels: its accuracy as a bar, the gap to its mean confidence, and how many pixels it has."""

    x: float
    width: float
    y: float
    """Of the accuracy."""
    gap_y: float
    gap_height: float
    too_sure: bool
    """Whether the confidence is above the accuracy."""
    share_y: float
    """Of the pixels' bar, which has its full height in the fullest bin."""
    tooltip: str


@dataclass(frozen=True)
class Diagram:
    """One reliability diagram."""

    title: str
    ece: float
    bars: tuple[Bar, ...]


def diagrams_of(found: Mapping[str, Any] | None) -> list[Diagram]:
    """The diagrams of the entry `calibration` of scores.json: before and after the temperature, or one without it."""
    if found is None:
        return []
    if "bins_uncalibrated" not in found:
        return [_diagram("no temperature", found["ece"], found["bins"])]
    before = _diagram("before: temperature 1", found["ece_uncalibrated"], found["bins_uncalibrated"])
    return [before, _diagram(f"after: temperature {found['temperature']:.3g}", found["ece"], found["bins"])]


def _diagram(title: str, ece: float, bins: Sequence[Mapping[str, Any]]) -> Diagram:
    counts = [each["pixels"] for each in bins]
    total, most = sum(counts), max(counts)
    step = (FRAME.right - FRAME.left) / len(bins)

    def y_of(share: float) -> float:
        return round(FRAME.bottom - (FRAME.bottom - FRAME.top) * share, 2)

    bars = []
    for number, each in enumerate(bins):
        if not each["pixels"]:
            continue
        accuracy, confidence, share = each["accuracy"], each["confidence"], each["pixels"] / total
        height = (FRAME.shares_bottom - FRAME.shares_top) * each["pixels"] / most
        upper, lower = y_of(max(accuracy, confidence)), y_of(min(accuracy, confidence))
        bars.append(
            Bar(
                x=round(FRAME.left + number * step, 2),
                width=round(step, 2),
                y=y_of(accuracy),
                gap_y=upper,
                gap_height=round(lower - upper, 2),
                too_sure=confidence > accuracy,
                share_y=round(FRAME.shares_bottom - height, 2),
                tooltip=f"confidence {confidence:.3f}, accuracy {accuracy:.3f}, {100 * share:.1f} % of the pixels",
            )
        )
    return Diagram(title, ece, tuple(bars))
