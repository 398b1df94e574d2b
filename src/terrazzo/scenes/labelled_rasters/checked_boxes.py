"""The boxes of a file that `suggest` wrote: only ground that somebody looked at is a label.

Such a file has a layer `polygons`, the model's own, and a layer `boxes` with a field `checked`. Law: a pixel outside
every checked box has no label, whatever the polygons say.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import LabelError
from terrazzo.pixels.vector_layers import LayerRequest, Shapes, VectorLayer, read_layer
from terrazzo.scenes.burnt_polygons import BurntPolygons
from terrazzo.scenes.labelled_rasters.checked_crops import CHECKED, YES
from terrazzo.system.reporting import how_many

BOXES, POLYGONS = "boxes", "polygons"
"""The layers."""
CLASS_FIELD = "class"
"""The field of the polygons, where none is given."""
_SUFFIX = ".gpkg"
_NO = ("false", "f", "no", "n", "0", "")


@dataclass(frozen=True, eq=False)
class CheckedBoxes:
    """The boxes of a file that are checked, in its own coordinates."""

    layer: VectorLayer
    """The checked ones alone."""
    n_boxes: int
    """All boxes."""

    @property
    def note(self) -> str:
        """How many boxes are checked."""
        checked = f"{len(self.layer.polygons)} of {how_many(self.n_boxes, 'box')} checked"
        return f"{self.layer.path}: {checked}; nothing outside them is a label, and inside what no polygon covers"

    @cached_property
    def identity(self) -> str:
        """A hash of the checked boxes."""
        return blake2b(b"".join(shapely.to_wkb(self.layer.polygons)), digest_size=16).hexdigest()


def has_boxes(path: Path, layer: str | None) -> bool:
    """Whether a file is one of `suggest`, of which `layer`, or no layer by name, is asked for."""
    if path.suffix.lower() != _SUFFIX or not path.is_file() or layer not in (None, POLYGONS):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of damaged files, which are refused when they are read
            names = {str(name) for name, _ in pyogrio.list_layers(path)}
            return {BOXES, POLYGONS} <= names and CHECKED in pyogrio.read_info(path, layer=BOXES)["fields"]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        return False  # what is wrong with the file is said when its polygons are read


def checked_boxes(path: Path) -> CheckedBoxes:
    """The checked boxes of a file. Raises LabelError where there are none, or at a word that is neither yes nor no."""
    boxes = read_layer(path, LayerRequest(CHECKED, "--class-field", BOXES, "--layer", error=LabelError))
    words = [(value or "").strip().casefold() for value in boxes.values]
    for number, word in zip(boxes.numbers.tolist(), words, strict=True):
        if word not in (*YES, *_NO):
            raise LabelError(
                f"{path}: box {number} of its layer {BOXES} has {CHECKED} = {word!r}; expected true or false"
            )
    is_checked = np.array([word in YES for word in words])
    if not is_checked.any():
        raise LabelError(
            f"{path}: none of its {how_many(len(words), 'box')} is checked, and polygons that nobody looked at are no "
            f"labels; correct the polygons of a box, then set its field {CHECKED} to true"
        )
    kept = np.flatnonzero(is_checked)
    values = tuple(boxes.values[i] for i in kept)
    layer = VectorLayer(path, boxes.crs, boxes.polygons[kept], boxes.field, boxes.numbers[kept], values, boxes.n_other)
    return CheckedBoxes(layer, len(words))


class InsideBoxes:
    """The ids of polygons on an image's grid inside checked boxes; elsewhere there is no label.

    Polygons and boxes are in pixels of the image, `ids` those of the polygons, `outside` that of pixels in none.
    """

    def __init__(self, polygons: Shapes, ids: NDArray[np.uint8], outside: int, boxes: Shapes) -> None:
        tree = shapely.STRtree(boxes)
        polygon, box = tree.query(polygons, predicate="intersects")
        kept = np.zeros(len(polygons), bool)
        kept[polygon[~shapely.touches(polygons[polygon], boxes[box])]] = True
        self._n_left_out = int((~kept).sum())
        self._burnt = BurntPolygons(polygons[kept], ids[kept], outside)
        self._boxes = BurntPolygons(boxes, np.zeros(len(boxes), np.uint8))

    def ids(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Class ids (height, width) of the window at (row, col); 255 outside the boxes and where there is no label."""
        inside = self._boxes.ids(row, col, height, width) != IGNORE
        ids = self._burnt.ids(row, col, height, width, inside)
        ids[~inside] = IGNORE
        return ids

    def notes(self) -> list[str]:
        """The polygons outside the boxes, and pixels in polygons of different classes, counted."""
        n = self._n_left_out
        return [*([f"left out: {how_many(n, 'polygon')} outside the checked boxes"] if n else []), *self._burnt.notes()]
