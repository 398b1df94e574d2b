"""Polygons that are drawn wrongly: they cross themselves, or a hole lies outside them."""

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
