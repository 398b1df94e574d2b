"""Polygons that cross themselves."""

import numpy as np
import shapely

from terrazzo.scenes.labelled_rasters.faults import repaired


def test_valid_polygons_stay_as_they_are() -> None:
    square = shapely.box(0, 0, 2, 2)
    assert repaired(np.array([square], np.object_))[0] is square


def test_both_halves_and_what_is_enclosed_twice_are_kept() -> None:
    bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])  # two triangles of area 1
    # A square of side 4 whose outline runs around a part of it, a square of side 2, once more.
    twice = shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (2, 0), (2, 2), (0, 2)])
    fixed = repaired(np.array([bow_tie, twice], np.object_))
    assert shapely.is_valid(fixed).all()
    assert shapely.area(fixed).tolist() == [2, 16]
