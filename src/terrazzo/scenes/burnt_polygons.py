"""Polygons in pixel coordinates, rasterized window by window: a pixel belongs to the polygon around its centre.

Of overlapping polygons the later one wins. Layers of a GIS and annotations of pictures are drawn by this code alone.
"""

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from terrazzo.classes.schema import IGNORE
from terrazzo.pixels.rasters.gdal import gdal
from terrazzo.scenes.overlaps import overlap_notes


class BurntPolygons:
    """Polygons with an id each, (x, y) in pixels from the upper left corner, rasterized on request."""

    def __init__(self, polygons: NDArray[np.object_], ids: NDArray[np.uint8], outside: int = IGNORE) -> None:
        self._polygons, self._ids, self._outside = polygons, ids, outside
        self._tree = shapely.STRtree(polygons)
        self.n_twice = 0
        """Pixels so far that lie in polygons of different ids."""

    def any_in(self, row: int, col: int, height: int, width: int) -> bool:
        """Whether any polygon meets the window."""
        window = shapely.box(col, row, col + width, row + height)
        return len(self._tree.query(window, predicate="intersects")) > 0

    def ids(
        self, row: int, col: int, height: int, width: int, counted: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """Ids (height, width) of the window at (row, col); `outside` where no polygon covers a pixel's centre.

        Overlaps are counted at the `counted` pixels (height, width); None: at all.
        """
        found = np.sort(self._tree.query(shapely.box(col, row, col + width, row + height)))
        ids = np.full((height, width), self._outside, np.uint8)
        if len(found) == 0:
            return ids
        place = Affine.translation(col, row)
        with gdal():
            _burn(ids, zip(self._polygons[found], self._ids[found].tolist(), strict=True), place)
            classes = np.unique(self._ids[found])
            if len(classes) > 1:
                covered = np.zeros((height, width), np.uint16)
                for one in classes:
                    here = np.zeros((height, width), np.uint8)
                    _burn(here, ((shape, 1) for shape in self._polygons[found[self._ids[found] == one]]), place)
                    covered += here
                twice = covered > 1
                self.n_twice += int((twice if counted is None else twice & counted).sum())
        return ids

    def notes(self) -> list[str]:
        """The number of pixels in polygons of different classes, if there are any."""
        return overlap_notes(self.n_twice)


def _burn(into: NDArray[np.uint8], shapes: Iterable[tuple[shapely.Geometry, int]], place: Affine) -> None:
    rasterize(shapes, out=into, transform=place, all_touched=False)
