"""The true area of each pixel of a raster, in square metres on the ellipsoid of its coordinate reference system (CRS).

Planar areas are wrong where the map's scale is not 1: by a factor of 4 in Web Mercator at 60 degrees, by thousandths
at the rim of a UTM zone. Here a pixel of a geographic CRS is the exact strip between its two latitudes, and any other
pixel is the parallelogram that its sides span in space (x, y, z from the earth's centre), which knows neither
poles nor the date line nor the unit of the map.

Areas are None where there is no terrestrial CRS: none at all, a local (engineering) one, or another planet's.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

if TYPE_CHECKING:
    from affine import Affine

EARTH_RADII_M = (6.35e6, 6.39e6)
"""Between these lie the half axes of every ellipsoid and sphere in use for the earth, and of no other body."""
NODES = 257
"""Lattice nodes along each side of a raster, between which areas are interpolated."""
ALIKE = 1.25
"""Ground sampling distances within this factor are taken for one."""
EQUAL = 1e-7
"""Pixels of a row whose areas differ by a smaller part are one area."""
STEP_M = 50.0
"""Half the length on the ground over which the map's scale is measured: rounding weighs 1e-8, curvature 1e-10."""

Array = NDArray[np.float64]


class HasWkt(Protocol):
    """A coordinate reference system of any library, rasterio's for one."""

    def to_wkt(self) -> str:
        """The CRS as well-known text."""


@dataclass(frozen=True)
class PixelAreas:
    """The area of each pixel of a raster in m2, handed out by rows.

    Either one area a row, exact; or areas at the nodes of a lattice, bilinear in between. Then the error is at most
    (length / 256)^2 / 8 times the second derivative of the map's areal scale: one part in 100,000 for scenes up to
    5,000 km long in the projections made for such scenes, one in 10 million for 100 km.
    """

    width: int
    rows: Array | None
    """Areas (height,) where they do not change along a row."""
    nodes: Array
    """Areas (n, m) at pixel centres evenly spread from the first to the last row and column; unused beside `rows`."""
    height: int

    def block(self, row0: int, row1: int) -> Array:
        """Areas of the rows row0..row1 - 1: (rows, 1) where they do not change along a row, else (rows, width)."""
        if self.rows is not None:
            return self.rows[row0:row1, None]
        above, row_share = _between(np.arange(row0, row1), self.height, self.nodes.shape[0])
        left, col_share = _between(np.arange(self.width), self.width, self.nodes.shape[1])
        along = self.nodes[above] * (1 - row_share)[:, None] + self.nodes[above + 1] * row_share[:, None]
        block: Array = along[:, left] * (1 - col_share) + along[:, left + 1] * col_share
        return block


def terrestrial(crs: HasWkt | str | None) -> pyproj.CRS | None:
    """The horizontal CRS on the earth that `crs` is or contains; None where there is none.

    Text that is no CRS to this library counts as none: areas are left blank rather than guessed.
    """
    if crs is None:
        return None
    try:
        known = pyproj.CRS.from_user_input(crs)
    except CRSError:
        return None
    while known.is_compound or known.is_bound:
        inner = known.sub_crs_list[0] if known.is_compound else known.source_crs
        if inner is None:
            return None
        known = inner
    base = known.source_crs if known.is_derived else known
    if base is None or not base.is_geographic or known.ellipsoid is None:
        return None
    return known if EARTH_RADII_M[0] <= known.ellipsoid.semi_major_metre <= EARTH_RADII_M[1] else None


def pixel_areas(transform: "Affine", crs: HasWkt | str | None, height: int, width: int) -> PixelAreas | None:
    """The areas of all pixels of a raster; None without a terrestrial CRS.

    `transform` takes (col, row) to the CRS' (x, y), x being east or longitude; it may rotate and shear. What lies
    outside the projection has no area (0); at a rim inside the raster this is as coarse as the lattice.
    """
    earth = _earth(crs)
    if earth is None:
        return None
    if earth.is_geographic and transform.b == 0 and transform.d == 0:
        return PixelAreas(width, _bands(transform, earth, height), np.zeros((2, 2)), height)
    rows, cols = _spread(height), _spread(width)
    half_step = _half_step(transform, earth, height, width)
    nodes = earth.pixel_sizes(transform, *np.meshgrid(rows, cols, indexing="ij"), half_step)
    if (np.ptp(nodes, axis=1) <= EQUAL * nodes.max(axis=1)).all():
        every = np.arange(height, dtype=np.float64) + 0.5
        middle = earth.pixel_sizes(transform, every, np.full(height, width / 2), half_step)
        return PixelAreas(width, middle, nodes, height)
    return PixelAreas(width, None, nodes, height)


def row_areas(transform: "Affine", crs: HasWkt | str | None, height: int, width: int) -> Array | None:
    """The area of one pixel in each row (height,), in m2: the row's mean where it changes along the row.

    None without a terrestrial CRS.
    """
    areas = pixel_areas(transform, crs, height, width)
    if areas is None:
        return None
    means = [areas.block(row, min(row + 64, height)).mean(axis=1) for row in range(0, height, 64)]
    return np.concatenate(means)


def pixel_sides(transform: "Affine", crs: HasWkt | str | None, height: int, width: int) -> tuple[float, float] | None:
    """A pixel's sides (along the rows downwards, along the columns) in metres, at the raster's centre.

    None without a terrestrial CRS, and where the centre lies outside the projection.
    """
    earth = _earth(crs)
    if earth is None:
        return None
    rows, cols = np.array(height / 2), np.array(width / 2)
    sides = earth.pixel_sides(transform, rows, cols, _half_step(transform, earth, height, width))
    down, right = (float(side) for side in sides)
    return (down, right) if down > 0 and right > 0 else None


@dataclass(frozen=True)
class _Earth:
    """An ellipsoid, and the way from a map's coordinates to it."""

    to_lonlat: pyproj.Transformer | None
    """From x, y to longitude, latitude; None where the CRS is geographic, so that they are that already."""
    radians: float
    """Radians in one unit of longitude and latitude."""
    half_axis_m: float
    eccentricity2: float

    @property
    def is_geographic(self) -> bool:
        return self.to_lonlat is None

    def pixel_sizes(self, transform: "Affine", rows: Array, cols: Array, half_step: float) -> Array:
        """The area in m2 of pixels around (rows, cols), any shape, from the ground `half_step` pixels to each side."""
        down = self._space(transform, rows + half_step, cols) - self._space(transform, rows - half_step, cols)
        right = self._space(transform, rows, cols + half_step) - self._space(transform, rows, cols - half_step)
        sizes: Array = np.linalg.norm(np.cross(down, right, axis=0), axis=0) / (2 * half_step) ** 2
        return np.where(np.isfinite(sizes), sizes, 0.0)

    def pixel_sides(self, transform: "Affine", rows: Array, cols: Array, half_step: float) -> tuple[Array, Array]:
        """The sides in m (downwards, to the right) of pixels around (rows, cols), any shape, measured likewise."""
        down = self._space(transform, rows + half_step, cols) - self._space(transform, rows - half_step, cols)
        right = self._space(transform, rows, cols + half_step) - self._space(transform, rows, cols - half_step)
        return np.linalg.norm(down, axis=0) / (2 * half_step), np.linalg.norm(right, axis=0) / (2 * half_step)

    def _space(self, transform: "Affine", rows: Array, cols: Array) -> Array:
        """Points (row, col) as x, y, z from the earth's centre in metres (3, ...); NaN outside the projection."""
        x = transform.a * cols + transform.b * rows + transform.c
        y = transform.d * cols + transform.e * rows + transform.f
        if self.to_lonlat is not None:
            x, y = self.to_lonlat.transform(x, y)
        off = ~(np.isfinite(x) & np.isfinite(y))
        lon = np.where(off, np.nan, x) * self.radians
        lat = np.where(off, np.nan, y) * self.radians
        normal = self.half_axis_m / np.sqrt(1 - self.eccentricity2 * np.sin(lat) ** 2)
        return np.stack(
            [
                normal * np.cos(lat) * np.cos(lon),
                normal * np.cos(lat) * np.sin(lon),
                normal * (1 - self.eccentricity2) * np.sin(lat),
            ]
        )


def _earth(crs: HasWkt | str | None) -> _Earth | None:
    """The earth that a CRS describes, or None where it describes none."""
    known = terrestrial(crs)
    base = known and (known.source_crs if known.is_derived else known)
    if known is None or base is None or known.ellipsoid is None:
        return None
    transformer = pyproj.Transformer.from_crs(known, base, always_xy=True) if known.is_derived else None
    inverse = known.ellipsoid.inverse_flattening
    flattening = 1 / inverse if inverse else 0.0
    radians = base.axis_info[0].unit_conversion_factor if base.axis_info else np.pi / 180
    return _Earth(transformer, radians, known.ellipsoid.semi_major_metre, flattening * (2 - flattening))


def _bands(transform: "Affine", earth: _Earth, height: int) -> Array:
    """The area of one pixel in each row (height,) of an upright raster in longitude and latitude.

    The integral of a^2 (1 - e^2) cos(lat) / (1 - e^2 sin^2(lat))^2 over the row's latitudes, by 16 Gauss points:
    exact to the last digits for rows of any height, where the difference of two closed forms is not for low ones.
    Latitudes behind a pole hold no area.
    """
    edges = (transform.f + transform.e * np.arange(height + 1)) * earth.radians
    edges = np.clip(edges, -np.pi / 2, np.pi / 2)
    points, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    lat = edges[:-1, None] + half * (points + 1)
    e2 = earth.eccentricity2
    density = earth.half_axis_m**2 * (1 - e2) * np.cos(lat) / (1 - e2 * np.sin(lat) ** 2) ** 2
    bands: Array = (density * weights).sum(axis=1) * np.abs(half[:, 0]) * abs(transform.a) * earth.radians
    return bands


def _half_step(transform: "Affine", earth: _Earth, height: int, width: int) -> float:
    """How many pixels are STEP_M on the ground, judged in the raster's middle; at least half a pixel."""
    middle = float(earth.pixel_sizes(transform, np.array(height / 2), np.array(width / 2), 0.5))
    return max(0.5, STEP_M / np.sqrt(middle)) if middle > 0 else 0.5


def _spread(length: int) -> Array:
    """At most NODES pixel centres from the first to the last of `length` pixels; at least two places."""
    return np.linspace(0.5, max(length, 2) - 0.5, min(NODES, max(length, 2)), dtype=np.float64)


def _between(places: NDArray[np.int64], length: int, nodes: int) -> tuple[NDArray[np.int64], Array]:
    """For pixels of an axis: the node before each, and the share (0..1) of the node behind it."""
    position = places.astype(np.float64) * ((nodes - 1) / (max(length, 2) - 1))
    before: NDArray[np.int64] = np.minimum(position.astype(np.int64), nodes - 2)
    share: Array = position - before
    return before, share
