"""Where a map lies."""

import math
from dataclasses import replace

import numpy as np
import pyproj
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import footprint, mercator_bounds, mercator_pixel


def elsewhere(finished: FinishedMap, crs: str, transform: Affine, height: int, width: int) -> FinishedMap:
    """The same map on another grid."""
    moved = replace(finished)
    grid = replace(finished.raster, crs=CRS.from_user_input(crs), transform=transform, height=height, width=width)
    moved.__dict__["raster"] = grid
    return moved


def test_the_outline_is_that_of_the_corners_and_of_points_between(placed: FinishedMap) -> None:
    """500,000 E is the middle of zone 18, 75 degrees west. The right edge is 300 m east of it, the top 350 m up."""
    place = footprint(placed)
    assert place is not None
    to_lonlat = pyproj.Transformer.from_crs(32618, 4326, always_xy=True)
    west, south, east, north = place.bbox
    assert west == pytest.approx(-75)
    assert south == pytest.approx(to_lonlat.transform(500_000, 3_999_650)[1])
    assert (east, north) == pytest.approx((to_lonlat.transform(500_300, 4_000_000)[0], north))
    (ring,) = place.geometry["coordinates"]
    assert place.geometry["type"] == "Polygon"
    assert ring[0] == ring[-1]
    assert len(ring) > 4 * 50  # 64 parts for the longer sides, 55 for the others
    corners = [to_lonlat.transform(x, y) for x in (500_000, 500_300) for y in (3_999_650, 4_000_000)]
    for corner in corners:
        assert min(math.dist(corner, point) for point in ring) < 1e-9


def test_the_outline_turns_counter_clockwise(placed: FinishedMap) -> None:
    place = footprint(placed)
    assert place is not None
    x, y = np.array(place.geometry["coordinates"][0]).T
    assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0


def test_a_map_across_the_antimeridian_has_a_polygon_on_each_side(placed: FinishedMap) -> None:
    """Longitudes 178 to 182 and latitudes 8 to 10: 2 degrees on each side, west greater than east (RFC 7946, 5.2)."""
    across = elsewhere(placed, "EPSG:4326", Affine(0.02, 0, 178, 0, -0.02, 10), 100, 200)
    place = footprint(across)
    assert place is not None
    assert place.bbox == pytest.approx((178, 8, -178, 10))
    assert place.around == pytest.approx((-180, 8, 180, 10))
    assert place.geometry["type"] == "MultiPolygon"
    spans = sorted((min(x for x, _ in ring), max(x for x, _ in ring)) for (ring,) in place.geometry["coordinates"])
    assert spans == [pytest.approx((-180, -178)), pytest.approx((178, 180))]


def test_a_photo_has_none(photo: FinishedMap) -> None:
    assert footprint(photo) is None
    assert mercator_bounds(photo) is None


def test_the_extent_in_web_mercator(placed: FinishedMap) -> None:
    """x is the longitude times the radius; y at latitude p is R ln tan(45 degrees + p / 2)."""
    place, bounds = footprint(placed), mercator_bounds(placed)
    assert place is not None
    assert bounds is not None
    radius, (west, south, east, north) = 6378137, place.bbox
    assert bounds[0] == pytest.approx(radius * math.radians(west))
    assert bounds[2] == pytest.approx(radius * math.radians(east))
    assert bounds[1] == pytest.approx(radius * math.log(math.tan(math.pi / 4 + math.radians(south) / 2)))
    assert bounds[3] == pytest.approx(radius * math.log(math.tan(math.pi / 4 + math.radians(north) / 2)))


def test_a_pixel_grows_with_the_latitude(placed: FinishedMap) -> None:
    """Web Mercator enlarges by about 1 / cos(latitude), UTM by 0.9996: 0.5 / 0.9996 / cos(36.14) = 0.6194."""
    assert mercator_pixel(placed) == pytest.approx(0.5 / 0.9996 / math.cos(math.radians(36.143)), rel=0.005)


def test_beyond_85_degrees_there_is_no_web_mercator(placed: FinishedMap) -> None:
    polar = elsewhere(placed, "EPSG:4326", Affine(0.01, 0, 10, 0, -0.01, 88), 100, 200)
    assert mercator_bounds(polar) is None
    assert footprint(polar) is not None
