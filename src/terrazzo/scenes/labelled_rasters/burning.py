"""Polygons rasterized on an image's grid, window by window: a pixel belongs to the polygon around its centre.

Polygons are transformed to pixel coordinates once, so rotated grids need no special case, and windows agree with the
whole. Of overlapping polygons the later one in the file wins.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE, ClassSchema
from terrazzo.errors import InputError, LabelError
from terrazzo.pixels.bounds import Bounds, moved
from terrazzo.pixels.rasters.raster import Raster
from terrazzo.pixels.vector_layers import NO_AREAS, LayerRequest, Shapes, VectorLayer, read_layer, reprojection
from terrazzo.scenes.burnt_polygons import BurntPolygons
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.labelled_rasters.checked_boxes import (
    CLASS_FIELD,
    POLYGONS,
    CheckedBoxes,
    InsideBoxes,
    checked_boxes,
    has_boxes,
)
from terrazzo.scenes.labelled_rasters.faults import fault_notes, n_without_centre, repaired
from terrazzo.scenes.labelled_rasters.field_classes import NamedValues, Naming, classes_of_values
from terrazzo.scenes.labelled_rasters.inputs import SceneInputs
from terrazzo.scenes.labelled_rasters.labelling import GridLabels, no_overlap, refuse_unplaced
from terrazzo.scenes.labelled_rasters.matching import LabelledRaster
from terrazzo.system.reporting import Say, how_many

_PIECE = 1000  # polygons hashed at a time


def polygon_labels(inputs: SceneInputs, options: LabelOptions) -> "PolygonLabels":
    """The polygons of a layer with their classes. Raises InputError, LabelError, ClassTableError."""
    boxes = checked_boxes(inputs.labels) if has_boxes(inputs.labels, inputs.layer) else None
    field, name = inputs.class_field, inputs.layer if boxes is None else POLYGONS
    usual = (CLASS_FIELD,) if boxes is not None or inputs.trained is not None else None
    request = LayerRequest(field, "--class-field", name, "--layer", "", usual, True, LabelError)
    layer = read_layer(inputs.labels, request)
    layer = replace(layer, values=tuple((value or "").strip() or None for value in layer.values))
    if options.palette is not None:
        raise InputError(
            f"--palette {options.palette}: is for masks of colours, {inputs.labels} holds polygons; leave it out"
        )
    field, given = layer.field or "", options.given()
    naming = Naming(
        f"--class-field {field}",
        f"the field {field}",
        given,
        options.unknown,
        options.ignore_class,
        options.background,
    )
    if not any(layer.values):
        raise LabelError(
            f"{inputs.labels}: none of its {how_many(len(layer.values), 'polygon')} has a value in the field {field}; "
            "fill in the class of each, or choose another field with --class-field"
        )
    named = classes_of_values(layer.values, naming)
    return PolygonLabels(layer, named, options.background, boxes, inputs.trained is not None)


@dataclass(frozen=True, eq=False)
class PolygonLabels:
    """A layer of polygons as labels of every raster that it overlaps."""

    layer: VectorLayer
    named: NamedValues
    background: str | None = None
    """The class of pixels outside every polygon."""
    boxes: CheckedBoxes | None = None
    """The boxes outside of which nothing is a label; None: there are none."""
    by_hand: bool = False
    """Whether they are corrections of a map: faults of single polygons are then repaired and told."""
    n_outside: int = 0
    """Polygons that lie outside every raster, where they are counted."""

    @property
    def schema(self) -> ClassSchema:
        """The classes."""
        return self.named.schema

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the classes come from, and what is left out."""
        other, outside, path = self.layer.n_other, self.n_outside, self.layer.path
        notes = [*self.named.notes, *([self.boxes.note] if self.boxes else [])]
        if other:
            notes.append(f"left out: {how_many(other, 'feature')} without an area ({NO_AREAS})")
        if outside:
            notes.append(f"left out: {how_many(outside, 'polygon')} of {path} outside the image")
        return (*notes, *(fault_notes(self.layer) if self.by_hand else []))

    @cached_property
    def identity(self) -> str:
        """A hash of the polygons, their CRS, their values and the classes of these."""
        crs = self.layer.crs and self.layer.crs.to_wkt()
        outside: tuple[str, ...] = () if self.background is None else (self.background,)
        outside += () if self.boxes is None else (self.boxes.identity,)
        about = (*outside, self.layer.values, sorted(self.named.ids.items()), crs)
        hasher = blake2b(repr(about).encode(), digest_size=16)
        for start in range(0, len(self.layer.polygons), _PIECE):
            for wkb in shapely.to_wkb(self.layer.polygons[start : start + _PIECE]):
                hasher.update(wkb)
        return hasher.hexdigest()

    @contextmanager
    def on_grid(self, pair: LabelledRaster, raster: Raster, say: Say) -> Iterator[GridLabels]:
        """The polygons on a raster's grid; a change of CRS is reported. Raises LabelError if none overlaps it."""
        refuse_unplaced(raster)
        known = np.array([value is not None for value in self.layer.values])
        ids = np.array([self.named.ids[value] for value in self.layer.values if value is not None], np.uint8)
        reproject = reprojection(self.layer.path, self.layer.crs, raster)
        if reproject.note:
            say(reproject.note)
        polygons = reproject(self.layer.polygons[known])
        finite = _are_finite(polygons)
        if not finite.any():
            raise LabelError(
                f"{self.layer.path}: its coordinates cannot be placed on {raster.path}, as they do not fit the CRS "
                "that it names; correct the CRS of the layer"
            )
        polygons, ids = polygons[finite], ids[finite]
        polygons = repaired(polygons) if self.by_hand else polygons
        bounds: Bounds = tuple(shapely.total_bounds(polygons).tolist())
        outside = IGNORE if self.background is None else self.named.ids[self.background]
        on_image = in_pixels(polygons, raster)
        if self.by_hand and (n_small := n_without_centre(on_image)):
            say(f"{self.layer.path}: {how_many(n_small, 'polygon')} too small to hold the centre of a pixel: no label")
        burnt = BurntPolygons(on_image, ids, outside)
        if not burnt.any_in(0, 0, raster.height, raster.width):
            raise no_overlap(self.layer.path, bounds, raster)
        if self.boxes is None:
            yield burnt
            return
        boxes = reprojection(self.layer.path, self.boxes.layer.crs, raster)(self.boxes.layer.polygons)
        boxes = boxes[_are_finite(boxes)]
        yield InsideBoxes(on_image, ids, outside, in_pixels(boxes, raster))

    def counted_on(self, rasters: Sequence[Raster]) -> "PolygonLabels":
        """The same with the polygons counted that lie outside all of these rasters; all outside are an error later."""
        away = np.ones(len(self.layer.polygons), bool)
        for raster in rasters:
            placed = reprojection(self.layer.path, self.layer.crs, raster)(self.layer.polygons)
            finite = _are_finite(placed)
            left, top, right, bottom = shapely.bounds(in_pixels(placed[finite], raster)).T
            away[finite] &= ~((left < raster.width) & (right > 0) & (top < raster.height) & (bottom > 0))
        return self if away.all() else replace(self, n_outside=int(away.sum()))


def _are_finite(polygons: Shapes) -> NDArray[np.bool_]:
    """(N,) whether a reprojection could place each polygon."""
    finite: NDArray[np.bool_] = np.isfinite(shapely.bounds(polygons)).all(axis=1)
    return finite


def in_pixels(polygons: Shapes, raster: Raster) -> Shapes:
    """Polygons in a raster's CRS as (x, y) in its pixels, from the upper left corner."""
    inverse = ~raster.transform
    there: Shapes = shapely.transform(polygons, lambda points: moved(inverse, points))
    return there
