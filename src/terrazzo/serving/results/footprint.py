"""Where a map lies: its outline in longitude and latitude, and its extent in Web Mercator."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
import shapely.affinity
from numpy.typing import NDArray

from terrazzo.pixels.bounds import Bounds, moved
from terrazzo.serving.results.finished import FinishedMap

PARTS = 64
"""A side of the map, which another CRS bends, is a line of this many parts."""
LONLAT, WEB_MERCATOR = "OGC:CRS84", "EPSG:3857"
WORLD = math.pi * 6378137
"""Half the side of Web Mercator's square in metres."""


@dataclass(frozen=True)
class Footprint:
    """The outline of a map in longitude and latitude as GeoJSON, and its west, south, east and north."""

    geometry: dict[str, Any]
    bbox: Bounds
    """West is greater than east where the map crosses the antimeridian (RFC 7946, 5.2)."""

    @property
    def around(self) -> Bounds:
        """The least and greatest longitude and latitude: the whole way round where it crosses the antimeridian."""
        west, south, east, north = self.bbox
        return self.bbox if west <= east else (-180.0, south, 180.0, north)


def footprint(finished: FinishedMap) -> Footprint | None:
    """The outline of a map; None if it lies nowhere on the earth.

    A map across the antimeridian has one polygon on each side (RFC 7946, 3.1.9).
    """
    edge = _edge(finished, LONLAT)
    if edge is None:
        return None
    edge[:, 0] = np.unwrap(edge[:, 0], period=360)
    edge[:, 0] -= 360 * np.floor((edge[:, 0].min() + 180) / 360)
    whole = shapely.orient_polygons(shapely.polygons(edge))
    west, south, east, north = whole.bounds
    if east <= 180:
        return Footprint(_geojson(whole), (west, south, east, north))
    here = shapely.intersection(whole, shapely.box(-180, -90, 180, 90))
    beyond = shapely.intersection(whole, shapely.box(180, -90, 540, 90))
    both = shapely.multipolygons([here, shapely.affinity.translate(beyond, -360)])
    return Footprint(_geojson(shapely.orient_polygons(both)), (west, south, east - 360, north))


def mercator_bounds(finished: FinishedMap) -> Bounds | None:
    """The map's extent in Web Mercator, in metres; None without a place on the earth, or beyond 85 degrees."""
    edge = _edge(finished, WEB_MERCATOR)
    if edge is None:
        return None
    left, bottom = np.maximum(edge.min(axis=0), -WORLD).tolist()
    right, top = np.minimum(edge.max(axis=0), WORLD).tolist()
    return (left, bottom, right, top) if left < right and bottom < top else None


def mercator_pixel(finished: FinishedMap) -> float:
    """The shorter side of the map's middle pixel in metres of Web Mercator. It must lie on the earth."""
    row, col = finished.raster.height / 2, finished.raster.width / 2
    corners = np.array([(col, row), (col + 1, row), (col, row + 1)])
    at = _transformed(finished, corners, WEB_MERCATOR)
    return float(np.hypot(*(at[1:] - at[0]).T).min())


def _edge(finished: FinishedMap, crs: str) -> NDArray[np.float64] | None:
    """The map's outline (n, 2) as (x, y) of another CRS; None where it cannot be placed in it."""
    if finished.ground is None:
        return None
    height, width = finished.raster.height, finished.raster.width
    outline = shapely.get_coordinates(shapely.segmentize(shapely.box(0, 0, width, height), max(height, width) / PARTS))
    edge = _transformed(finished, outline, crs)
    return edge if np.isfinite(edge).all() else None


def _transformed(finished: FinishedMap, pixels: NDArray[np.float64], crs: str) -> NDArray[np.float64]:
    """Points (n, 2) as (column, row) of the map, as (x, y) of another CRS."""
    transformer = pyproj.Transformer.from_crs(finished.ground, crs, always_xy=True)
    return np.column_stack(transformer.transform(*moved(finished.transform, pixels).T))


def _geojson(shape: shapely.Geometry) -> dict[str, Any]:
    return dict(shapely.geometry.mapping(shape))
