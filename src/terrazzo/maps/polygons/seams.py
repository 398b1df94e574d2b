"""Areas joined across strips: a polygon is finished once no part of it continues below.

Memory is for a strip's polygons and the open areas. An open area with more vertices than a limit is cut along the
strip's lower line and returned; its continuation is another area. Figures are those of each part, so the parts of an
area add up to the whole.
"""

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.maps.polygons.rows import Features, join_features
from terrazzo.maps.polygons.strips import StripParts


@dataclass(eq=False)
class _OpenArea:
    """An area that continues below the strips seen so far."""

    class_id: int
    first: int
    figures: NDArray[np.float64]
    parts: list[shapely.Polygon] = field(default_factory=list)
    vertices: int = 0
    joined: "_OpenArea | None" = None
    """The area that has absorbed this one."""

    def whole(self) -> "_OpenArea":
        """The area that this one is now part of."""
        area = self
        while area.joined is not None:
            area = area.joined
        return area

    def take_in(self, other: "_OpenArea") -> "_OpenArea":
        """The two as one; the shorter list is added to the longer one, so that many short arms are cheap."""
        if len(other.parts) > len(self.parts):
            return other.take_in(self)
        self.first = min(self.first, other.first)
        self.figures = self.figures + other.figures
        self.parts += other.parts
        self.vertices += other.vertices
        other.parts, other.joined = [], self
        return self


class Seams:
    """Takes the parts of strip after strip, and returns the polygons that each finishes.

    The order is fixed: areas within the strip by their first pixel, then areas that end here, then areas that are cut.
    """

    def __init__(self, max_vertices: int) -> None:
        self._max_vertices = max_vertices
        self._open: dict[int, _OpenArea] = {}  # by the number of the area with which they touch the strip's lower line
        self._bottom: NDArray[np.int64] | None = None

    def add(self, strip: StripParts) -> Features:
        """The polygons, in pixel units, that the next strip finishes."""
        shared = np.zeros(len(strip.polygons), np.bool_)
        shared[strip.top[strip.up]] = True
        shared[strip.bottom[strip.down]] = True
        here = self._areas(strip, np.flatnonzero(shared))
        self._open = {label: here[label].whole() for label in np.unique(strip.bottom[strip.down]).tolist()}
        self._bottom = strip.bottom

        every = {id(area): area for area in (area.whole() for area in here.values())}
        going_on = {id(area): area for area in self._open.values()}
        ended = [area for key, area in every.items() if key not in going_on]
        cut = [area for area in going_on.values() if area.vertices > self._max_vertices]
        self._open = {label: area for label, area in self._open.items() if area not in cut}
        alone = np.flatnonzero(~shared & (strip.class_ids != IGNORE))
        return join_features(
            [
                Features(strip.polygons[alone], strip.class_ids[alone], strip.figures[alone]),
                _finished(ended, strip),
                _finished(cut, strip, cut=len(cut)),
            ]
        )

    def _areas(self, strip: StripParts, labels: NDArray[np.int64]) -> dict[int, _OpenArea]:
        """The open areas of the strip's parts with these numbers, with the parts added."""
        here: dict[int, _OpenArea] = {}
        if self._bottom is not None:
            pairs = np.unique(np.stack([self._bottom[strip.up], strip.top[strip.up]]), axis=1)
            for above, label in pairs.T.tolist():
                if above in self._open:
                    area = self._open[above].whole()
                    known = here[label].whole() if label in here else area
                    here[label] = known if known is area else known.take_in(area)
        for label in labels.tolist():
            first = int(strip.firsts[label])
            new = _OpenArea(int(strip.class_ids[label]), first, np.zeros(strip.figures.shape[1]))
            area = here.setdefault(label, new).whole()
            area.figures = area.figures + strip.figures[label]
            area.parts.append(strip.polygons[label])
            area.vertices += int(shapely.get_num_coordinates(strip.polygons[label]))
        return here


def _finished(areas: list[_OpenArea], strip: StripParts, cut: int = 0) -> Features:
    """The areas as one polygon each, ordered by their first pixel, with figures like the strip's."""
    areas = sorted(areas, key=lambda area: area.first)
    polygons = np.empty(len(areas), np.object_)
    for i, area in enumerate(areas):
        polygons[i] = area.parts[0] if len(area.parts) == 1 else shapely.coverage_union_all(area.parts)
    figures = np.array([area.figures for area in areas]).reshape(-1, strip.figures.shape[1])
    return Features(polygons, np.array([area.class_id for area in areas], strip.class_ids.dtype), figures, cut)
