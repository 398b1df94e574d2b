"""Polygons with fewer corners that still cover the area of their pixels.

A corner is cut off or filled by less than the square of the tolerance (`shapely.coverage_simplify`, after Visvalingam
and Whyatt 1993). Single pixels would become triangles, and discs of a few pixels would grow. So areas that change too
much keep all corners, and so do their borders with others.

Laws: each polygon covers the area of its pixels within OWN_CHANGE, and those of a class together within CLASS_CHANGE.
The polygons stay a valid coverage, and its outer edge stays as it is.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.maps.polygons.outlines import Polygons

OWN_CHANGE, CLASS_CHANGE = 0.05, 0.01
"""The largest change of a polygon's area by simplification, and that of a class, as a share of its pixels."""
SMALL = 32
"""Areas of fewer pixels, in units of the tolerance squared, keep all corners: most would change too much. Trying them
first leaves a tenth fewer vertices, and takes half as long again."""
ROUNDS = 8
"""After so many tries, a coverage whose areas still change too much keeps all corners."""


def simplify(
    polygons: Polygons, class_ids: NDArray[np.uint8], pixels: NDArray[np.float64], tolerance: float
) -> Polygons:
    """A coverage in pixel units (areas,), simplified; `pixels` is the area of each polygon. 0 keeps all corners.

    Nodata may change as it likes. Its borders with classes are bound by these.
    """
    if tolerance == 0:
        return polygons
    takes_part = pixels >= SMALL * tolerance**2
    for _ in range(ROUNDS):
        simplified = polygons.copy()
        if not takes_part.any():
            return simplified
        # Borders with areas that take no part are borders of the coverage: they stay as they are.
        simplified[takes_part] = shapely.coverage_simplify(polygons[takes_part], tolerance, simplify_boundary=False)
        changes_too_much = takes_part & _changed(class_ids, pixels, shapely.area(simplified) - pixels)
        if not changes_too_much.any():
            return simplified
        takes_part &= ~changes_too_much
    return polygons


def _changed(
    class_ids: NDArray[np.uint8], pixels: NDArray[np.float64], change: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The polygons that have changed too much, or have part in too large a change of their class."""
    counts = IGNORE + 1
    whole = np.bincount(class_ids, weights=pixels, minlength=counts)
    by_class = np.bincount(class_ids, weights=change, minlength=counts)
    excess = np.where(np.abs(by_class) > CLASS_CHANGE * whole, np.sign(by_class), 0.0)
    with_class = change * excess[class_ids] > CLASS_CHANGE * pixels
    changed: NDArray[np.bool_] = (class_ids != IGNORE) & ((np.abs(change) > OWN_CHANGE * pixels) | with_class)
    return changed
