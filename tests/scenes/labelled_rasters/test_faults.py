"""Polygons that cross themselves."""

import numpy as np
import shapely

from terrazzo.scenes.burnt_polygons import BurntPolygons
from terrazzo.scenes.labelled_rasters.faults import n_without_centre, repaired


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


def test_a_polygon_without_room_for_a_centre_is_counted() -> None:
    """Centres lie at halves: rows 10.1 to 10.4 hold none, 10.4 to 10.6 hold 10.5, and so does an edge at 10.5."""
    sides = [(10.1, 10.4), (10.4, 10.6), (10.5, 10.9), (10.6, 11.4), (10.6, 11.5)]
    flat = np.array([shapely.box(0, low, 9, high) for low, high in sides], np.object_)
    narrow = np.array([shapely.box(low, 0, high, 9) for low, high in sides], np.object_)
    for polygons in (flat, narrow):
        assert [n_without_centre(polygons[[i]]) for i in range(5)] == [1, 0, 0, 1, 0]
        assert n_without_centre(polygons) == 2
    assert n_without_centre(flat[:0]) == 0


def test_a_polygon_that_is_counted_labels_nothing() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 9, (200, 2))
    sides = rng.uniform(0.1, 1, (200, 2))
    shapes = [shapely.box(*at, *(at + side)) for at, side in zip(corners, sides, strict=True)]
    for shape in shapes:
        burnt = BurntPolygons(np.array([shape], np.object_), np.zeros(1, np.uint8)).ids(0, 0, 12, 12)
        assert n_without_centre(np.array([shape])) == int((burnt == 255).all())
