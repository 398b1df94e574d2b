"""Labels as cutting sees them: classes, and for each raster the ids on its own grid, window by window."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.bounds import Bounds, bounds_of
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster
from terrazzo.system.reporting import Say


class GridLabels(Protocol):
    """The labels of one raster."""

    def ids(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Class ids (height, width) of the window at (row, col); 255 where there is no label."""

    def notes(self) -> list[str]:
        """Notes on what was read so far."""


class Labelling(Protocol):
    """The labels of all rasters."""

    @property
    def schema(self) -> ClassSchema:
        """The classes."""

    @property
    def notes(self) -> Sequence[str]:
        """Where the classes come from, and what is left out."""

    @property
    def identity(self) -> str:
        """A text that changes with the labels and their classes."""

    def on_grid(self, pair: LabelledRaster, raster: Raster, say: Say) -> AbstractContextManager[GridLabels]:
        """The labels on a raster's grid. Raises LabelError if they do not overlap it."""


def refuse_unplaced(raster: Raster) -> None:
    """Raise InputError if a raster is placed by ground control points alone: it has no grid for labels."""
    if raster.transform.is_identity and raster.gcps:
        raise InputError(
            f"{raster.path}: is placed by ground control points alone, so it has no grid for labels; "
            "give it a grid first, as `gdalwarp` does"
        )


def no_overlap(labels: object, label_bounds: Bounds, raster: Raster) -> LabelError:
    """The error for labels that do not overlap the image, with both extents in the image's coordinates."""
    where = f" in {raster.crs.to_string()[:60]}" if raster.crs is not None else ""
    return LabelError(
        f"{labels}: does not overlap {raster.path}: the labels span {_extent(label_bounds)}, the image "
        f"{_extent(bounds_of(raster))} (left, bottom, right, top{where}); give the labels of this place, "
        "or correct the CRS"
    )


def _extent(bounds: Bounds) -> str:
    return "(" + ", ".join(f"{value:.10g}" for value in bounds) + ")"
