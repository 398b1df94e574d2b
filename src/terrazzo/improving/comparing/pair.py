"""Two maps on one grid, read together in strips: the second as it lies, or warped to the first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from terrazzo.errors import InputError
from terrazzo.improving.comparing.matching import UNKNOWN, Matched, Numbers
from terrazzo.maps.areas import ROWS
from terrazzo.maps.outputs.cog import STRIP
from terrazzo.pixels.rasters.gdal import answered, gdal, opened
from terrazzo.pixels.rasters.stacks.alignment import Alignment, alignment, describe, grid_words
from terrazzo.scenes.class_map import ClassMap
from terrazzo.system.reporting import listed

_TOLERANCE = 1e-3
"""Pixels by which GDAL's transform may be off; it does not take 0."""

Strip = tuple[int, Numbers, Numbers]
"""The first row, and the numbers of both maps' classes (h, W): NODATA where a map has none."""


@dataclass(frozen=True)
class MapPair:
    """Two maps and their classes; strips lie on the first one's grid."""

    first: ClassMap
    second: ClassMap
    classes: Matched
    warped: bool

    def strips(self) -> Iterator[Strip]:
        """ROWS rows at a time from the top. Raises InputError at an id without a class, ImageError at a damaged file.

        Memory: STRIP rows of both maps, whatever their height. Strips do not depend on how the files are cut.
        """
        raster = self.first.raster
        with gdal(), opened(self.first.path) as one, opened(self.second.path) as source, self._laid(source) as other:
            for row in range(0, raster.height, STRIP):
                window = Window(0, row, raster.width, min(STRIP, raster.height - row))
                whole = []
                for each, dataset in ((self.first, one), (self.second, other)):
                    with answered(each.path):
                        whole.append(dataset.read(1, window=window))
                for top in range(0, len(whole[0]), ROWS):
                    ids = (strip[top : top + ROWS] for strip in whole)
                    lookups = (self.classes.first, self.classes.second)
                    found, wanted = (lookup[part] for lookup, part in zip(lookups, ids, strict=True))
                    for each, numbers, strip in ((self.first, found, whole[0]), (self.second, wanted, whole[1])):
                        if (numbers == UNKNOWN).any():
                            raise _strange(each, int(strip[top : top + ROWS][numbers == UNKNOWN][0]))
                    yield row + top, found, wanted

    @contextmanager
    def _laid(self, source: Any) -> Iterator[Any]:
        """The second map on the grid of the first, by the nearest pixel."""
        if not self.warped:
            yield source
            return
        grid = self.first.raster
        with WarpedVRT(
            source,
            crs=grid.crs,
            transform=grid.transform,
            width=grid.width,
            height=grid.height,
            resampling=Resampling.nearest,
            tolerance=_TOLERANCE,
            src_nodata=self.second.nodata,
            nodata=self.second.nodata,
        ) as warped:
            yield warped


def lay(first: ClassMap, second: ClassMap, warp: bool) -> tuple[bool, str | None]:
    """Whether the second map has to be warped to the grid of the first, and a note about `warp`.

    Raises InputError where the grids differ without `warp`, a map has no place, or they do not overlap.
    """
    how = alignment(second.raster, first.raster, "classes")
    if how is None:
        return False, "--warp: has no effect, as both maps lie on one grid" if warp else None
    if not warp:
        raise InputError(
            f"{second.path}: lies on another grid ({_grid(second)}) than {first.path} ({_grid(first)}); "
            "map both on one grid, or warp the second to the first with --warp"
        )
    nearest = Alignment(Resampling.nearest, how.covered)
    return True, describe(second.raster, first.raster, nearest)


def _grid(which: ClassMap) -> str:
    """`200 x 300 px of 0.5 m, EPSG:32640, from 500000, 4000000`, its upper left corner."""
    corner = which.raster.transform
    return f"{grid_words(which.raster)}, from {corner.c:.10g}, {corner.f:.10g}"


def _strange(which: ClassMap, number: int) -> InputError:
    known = listed([str(i) for i in which.names])
    return InputError(f"{which.path}: holds the class id {number}, but names the classes {known}; map it again")
