"""What labels are to the one who cuts: classes, and for each raster the ids on its own grid, window by window."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.bounds import Bounds, bounds_of
from terrazzo.pixels.rasters import Raster
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster
from terrazzo.system.reporting import Say


class GridLabels(Protocol):
    """The labels of one raster."""

    def ids(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Class ids (height, width) of the raster's pixels from (row, col) on; 255 where there is no label."""

    def notes(self) -> list[str]:
        """What is to be told of what was read so far."""


class Labelling(Protocol):
    """The labels of all rasters."""

    @property
    def schema(self) -> ClassSchema:
        """Their classes."""

    @property
    def notes(self) -> Sequence[str]:
        """Where the classes come from, and what is left out."""

    @property
    def identity(self) -> str:
        """What tells these labels from others or changed ones."""

    def on_grid(self, pair: LabelledRaster, raster: Raster, say: Say) -> AbstractContextManager[GridLabels]:
        """The labels on a raster's grid. Raises LabelError where they do not overlap it."""


def refuse_unplaced(raster: Raster) -> None:
    """Raise InputError where ground control points alone say where a raster lies: nothing can be laid on it."""
    if raster.transform.is_identity and raster.gcps:
        raise InputError(
            f"{raster.path}: is placed by ground control points alone, so that no labels can be laid on it; "
            "give it a grid first, as `gdalwarp` does"
        )


def no_overlap(labels: object, label_bounds: Bounds, raster: Raster) -> LabelError:
    """The error that labels and image lie apart, with both extents in the image's coordinates."""
    where = f" in {raster.crs.to_string()[:60]}" if raster.crs is not None else ""
    return LabelError(
        f"{labels}: does not overlap {raster.path}: the labels span {_extent(label_bounds)}, the image "
        f"{_extent(bounds_of(raster))} (left, bottom, right, top{where}); give the labels of this place, "
        "or mend the CRS"
    )


def _extent(bounds: Bounds) -> str:
    return "(" + ", ".join(f"{value:.10g}" for value in bounds) + ")"
