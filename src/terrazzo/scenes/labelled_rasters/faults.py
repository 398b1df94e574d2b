"""Polygons that are drawn wrongly: they cross themselves, a hole lies outside them, or no pixel fits in."""

import numpy as np
import shapely

from terrazzo.pixels.vector_layers import Shapes, VectorLayer
from terrazzo.system.reporting import how_many


def fault_notes(layer: VectorLayer) -> list[str]:
    """A warning that counts the invalid polygons of a layer and names the first; none if all are valid."""
    wrong = np.flatnonzero(~shapely.is_valid(layer.polygons))
    if not len(wrong):
        return []
    first = wrong[0]
    return [
        f"warning: {layer.path}: {how_many(len(wrong), 'polygon')} drawn wrongly, e.g. feature {layer.numbers[first]} "
        f"({shapely.is_valid_reason(layer.polygons[first])}); all that they enclose is taken, look at them"
    ]


def repaired(polygons: Shapes) -> Shapes:
    """The polygons, invalid ones as valid ones that cover all that they enclose.

    Laws: valid polygons stay as they are; both halves of a polygon that crosses itself are kept.
    """
    wrong = ~shapely.is_valid(polygons)
    if not wrong.any():
        return polygons
    fixed = polygons.copy()
    fixed[wrong] = shapely.make_valid(polygons[wrong], method="structure", keep_collapsed=False)
    return fixed


def n_without_centre(polygons: Shapes) -> int:
    """How many polygons, in pixels of an image, are too narrow or too low to hold the centre of a pixel.

    Law: none of these labels a pixel. A slanted one that misses every centre may go uncounted.
    """
    left, top, right, bottom = (shapely.bounds(polygons) - 0.5).T  # centres lie at whole numbers now
    return int(((np.floor(right) < np.ceil(left)) | (np.floor(bottom) < np.ceil(top))).sum())
