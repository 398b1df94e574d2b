"""Label rasters on an image's grid, with ids or colours.

A raster on another grid or in another CRS is warped to the image's by nearest neighbour, window by window. Pixels that
its own mask leaves out (nodata, alpha) have no label.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.errors import ImageError, InputError, LabelError
from terrazzo.pixels.bounds import bounds_of, corners_of, moved
from terrazzo.pixels.masks import Mask, ids_of
from terrazzo.pixels.rasters.gdal import TROUBLE, answered, gdal, opened
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.scenes.contract.mask_classes import Classes
from terrazzo.scenes.labelled_rasters.labelling import no_overlap, refuse_unplaced
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster
from terrazzo.system.reporting import Say

ROWS = 256
"""Rows that are read together."""
_SAME_GRID = 1e-3
"""Grids that differ by less than this share of a pixel are equal."""
_TOLERANCE = 1e-3  # pixels by which GDAL's transform may be off; it does not take 0


@dataclass(frozen=True, eq=False)
class RasterLabels:
    """The label rasters of all images, with their classes."""

    schema: ClassSchema
    """The classes without ignored ones."""
    classes: Classes
    """All classes."""
    unknown: str
    notes: tuple[str, ...]
    identity: str
    keep_nodata: frozenset[Path] = frozenset()
    """The files whose nodata value is a class."""

    @contextmanager
    def on_grid(self, pair: LabelledRaster, raster: Raster, say: Say) -> Iterator["GriddedRaster"]:
        """The labels on a raster's grid."""
        with open_label(pair.labels, raster, say, pair.labels in self.keep_nodata) as values:
            yield GriddedRaster(values, self)


class GriddedRaster:
    """The ids of a label raster on an image's grid."""

    def __init__(self, values: "LabelValues", labels: RasterLabels) -> None:
        self._values, self._labels = values, labels
        names, left = labels.classes.schema.names, labels.schema.names
        self._closing = np.full(IGNORE + 1, IGNORE, np.uint8)
        self._closing[: len(names)] = [left.index(name) if name in left else IGNORE for name in names]

    def ids(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Class ids (height, width) of the window at (row, col); 255 where there is no label."""
        values, valid = self._values.read(row, col, height, width)
        values[~valid] = values[valid][0] if valid.any() else 0  # invalid values need not belong to a class
        if not valid.any():
            return np.full((height, width), IGNORE, np.uint8)
        mask = Mask(str(self._values.path), values)
        ids = self._closing[
            ids_of(mask, self._labels.classes.schema, self._labels.unknown, self._labels.classes.label_ids)
        ]
        ids[~valid] = IGNORE
        return ids

    def notes(self) -> list[str]:
        """No notes."""
        return []


@dataclass(frozen=True, eq=False)
class LabelValues:
    """The stored values of a label raster on an image's grid."""

    path: Path
    dataset: Any
    bands: tuple[int, ...]
    """The band of ids, or red, green and blue."""
    masked: bool

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Ids (height, width) or colours (height, width, 3) of the window at (row, col), and the valid ones."""
        window = Window(col, row, width, height)
        try:
            values = self.dataset.read(list(self.bands), window=window)
            valid = self._valid(window) if self.masked else np.ones((height, width), bool)
        except TROUBLE as error:
            raise ImageError(
                f"{self.path}: the labels of rows {row} to {row + height - 1} cannot be read; the file is damaged, "
                "copy or make it again"
            ) from error
        pixels = values[0] if len(self.bands) == 1 else np.ascontiguousarray(values.transpose(1, 2, 0))
        return pixels.astype(np.int32) if pixels.ndim == 2 and pixels.dtype != np.uint8 else pixels, valid

    def _valid(self, window: Window) -> NDArray[np.bool_]:
        """Which pixels the file has a label for, by its mask; of a warped file, by the alpha that warping made."""
        if isinstance(self.dataset, WarpedVRT):
            # rasterio's own mask passes over an alpha band that is not of 8 or 16 unsigned bits.
            return np.asarray(self.dataset.read(self.dataset.count, window=window) > 0)
        return np.asarray(self.dataset.dataset_mask(window=window) > 0)

    def valid_values(self, height: int, width: int) -> Iterator[NDArray[Any]]:
        """The valid values (n,) or (n, 3) of the whole grid, `ROWS` at a time."""
        for row in range(0, height, ROWS):
            values, valid = self.read(row, 0, min(ROWS, height - row), width)
            if valid.any():
                yield values[valid]


@contextmanager
def open_label(path: Path, raster: Raster, say: Say, keep_nodata: bool = False) -> Iterator[LabelValues]:
    """The values of a label raster on an image's grid; warping is reported. Raises InputError, LabelError.

    With `keep_nodata`, its nodata value is a value like any other.
    """
    label = read_raster(path)
    bands = label_bands(label)
    with gdal(), ExitStack() as stack:
        dataset = stack.enter_context(opened(path))
        # GDAL takes the value at its word, so a file that marks a class as nodata is read without its mask.
        unmasked = keep_nodata and MaskFlags.nodata in dataset.mask_flag_enums[0]
        if _same_grid(label, raster):
            yield LabelValues(path, dataset, bands, label.masked and not unmasked)
            return
        _check_overlap(label, raster)
        say(
            f"{path}: lies on another grid ({label.height} x {label.width} px, {_crs(label)}) and is warped to that of "
            f"{raster.path.name} ({raster.height} x {raster.width} px, {_crs(raster)}) by nearest neighbour"
        )
        with answered(path, "warp it to the image's grid first"):
            warped = WarpedVRT(
                dataset,
                crs=raster.crs,
                transform=raster.transform,
                width=raster.width,
                height=raster.height,
                resampling=Resampling.nearest,
                tolerance=_TOLERANCE,
                add_alpha="alpha" not in label.colors,
                **({"src_nodata": None} if unmasked else {}),
            )
        yield LabelValues(path, stack.enter_context(warped), bands, True)


def label_bands(label: Raster) -> tuple[int, ...]:
    """The band of ids, or red, green and blue. Raises InputError if a raster has neither."""
    kinds = [i for i, color in enumerate(label.colors, start=1) if color != "alpha"]
    whole = np.dtype(label.dtype).kind in "iu"
    if whole and (label.palette is not None or len(kinds) == 1):
        return (1,)
    if label.dtype == "uint8" and len(kinds) == 3:
        return tuple(kinds)
    raise InputError(
        f"{label.path}: has {len(kinds)} bands of {label.dtype}, which are no labels; "
        "expected one band of whole numbers, or red, green and blue of 8 bits"
    )


def is_color(label: Raster) -> bool:
    """Whether a label raster holds colours; else ids."""
    return len(label_bands(label)) == 3


def identity_of(labels: Iterable[Raster], classes: Classes) -> str:
    """A text that changes with the label rasters or with the classes of their values."""
    return repr(([label.identity for label in labels], classes.label_ids, classes.schema.to_dict()))


def _same_grid(label: Raster, raster: Raster) -> bool:
    if (label.height, label.width) != (raster.height, raster.width):
        return False
    if label.crs is None or raster.crs is None:
        return label.transform.is_identity or raster.transform.is_identity or _near(label, raster)
    return label.crs == raster.crs and _near(label, raster)


def _near(label: Raster, raster: Raster) -> bool:
    """Whether the corners of two grids of one size coincide."""
    corners = corners_of(raster)
    there = moved(~raster.transform, moved(label.transform, corners))
    return bool((np.abs(there - corners) < _SAME_GRID).all())


def _check_overlap(label: Raster, raster: Raster) -> None:
    """Raise InputError or LabelError if a label raster cannot be placed on the image, or lies elsewhere."""
    for one in (raster, label):
        refuse_unplaced(one)
        if one.crs is None:
            raise LabelError(
                f"{label.path}: {label.height} x {label.width} px of labels for {raster.path} of {raster.height} x "
                f"{raster.width} px, and {one.path.name} has no CRS to place it by; give labels on the image's grid"
            )
    try:
        left, bottom, right, top = transform_bounds(label.crs, raster.crs, *bounds_of(label))
    except TROUBLE as error:
        raise InputError(
            f"{label.path}: cannot be warped from {_crs(label)} to {_crs(raster)}, the CRS of {raster.path}; "
            "warp it first"
        ) from error
    image = bounds_of(raster)
    if left >= image[2] or right <= image[0] or bottom >= image[3] or top <= image[1]:
        raise no_overlap(label.path, (left, bottom, right, top), raster)


def _crs(raster: Raster) -> str:
    return "no CRS" if raster.crs is None else raster.crs.to_string()[:60]
