"""The true area of each pixel of a raster, in square metres on the ellipsoid of its coordinate reference system (CRS).

Planar areas are wrong where the map's scale is not 1: by a factor of 4 in Web Mercator at 60 degrees, and by
thousandths at a UTM zone's edge. Here a pixel of a geographic CRS is the exact strip between its two latitudes. Any
other pixel is the parallelogram that its sides span in space (x, y, z from the earth's centre). So poles, the date line
and the map's unit need no special treatment.

Beyond the edge of a world map the inverse projection often gives a place that lies elsewhere on the map. So a pixel
counts only if the projection of its place is where the pixel lies. Cylindrical maps go on beyond the date line, and
there a pixel counts too.

Areas are None without a terrestrial CRS: with none at all, a local (engineering) one, or that of another planet.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError

from terrazzo.pixels.bounds import Array, applied

if TYPE_CHECKING:
    from affine import Affine

EARTH_RADII_M = (6.35e6, 6.39e6)
"""The range of the semi-axes of all ellipsoids and spheres in use for the earth, and of no other body."""
NODES = 257
"""Lattice nodes along each side of a raster; areas are interpolated between them."""
EQUAL = 1e-7
"""Pixels of a row whose areas differ by a smaller part are one area."""
ALIKE = 1.25
"""Ground sampling distances that differ by no more than this factor count as equal."""
STEP_M = 50.0
"""Half the length on the ground over which the map's scale is measured; errors: rounding 1e-8, curvature 1e-10."""


class HasWkt(Protocol):
    """A coordinate reference system of any library, such as rasterio's."""

    def to_wkt(self) -> str:
        """The CRS as well-known text."""


@dataclass(frozen=True)
class PixelAreas:
    """The area of each pixel of a raster in m2, by rows.

    Either one exact area for each row, or areas at the nodes of a lattice and bilinear in between. The error is then at
    most (length / 256)^2 / 8 times the second derivative of the map's areal scale. That is one part in 100,000 for
    scenes of 5,000 km in projections made for them, and one in 10 million for 100 km.
    """

    width: int
    rows: Array | None
    """Areas (height,) if they do not change along a row."""
    nodes: Array
    """Areas (n, m) at evenly spaced pixel centres from the first to the last row and column; unused with `rows`."""
    height: int

    def block(self, row0: int, row1: int) -> Array:
        """Areas of the rows row0..row1 - 1: (rows, 1) if they do not change along a row, otherwise (rows, width)."""
        if self.rows is not None:
            return self.rows[row0:row1, None]
        above, row_share = _between(np.arange(row0, row1), self.height, self.nodes.shape[0])
        left, col_share = _between(np.arange(self.width), self.width, self.nodes.shape[1])
        along = self.nodes[above] * (1 - row_share)[:, None] + self.nodes[above + 1] * row_share[:, None]
        block: Array = along[:, left] * (1 - col_share) + along[:, left + 1] * col_share
        return block


def horizontal(crs: pyproj.CRS) -> pyproj.CRS:
    """The CRS without its heights."""
    while crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs


def terrestrial(crs: HasWkt | str | None) -> pyproj.CRS | None:
    """The horizontal CRS on the earth that `crs` is or contains; None if there is none.

    Text that pyproj does not know as a CRS counts as none: areas are left blank rather than guessed. So does one from
    which PROJ knows no way to longitude and latitude, such as a projection with a latitude of origin out of its range.
    """
    if crs is None:
        return None
    try:
        known = pyproj.CRS.from_user_input(crs)
    except CRSError:
        return None
    known = horizontal(known)
    while known.is_bound and known.source_crs is not None:
        known = horizontal(known.source_crs)
    base = known.source_crs if known.is_derived else known
    if base is None or not base.is_geographic or known.ellipsoid is None or not _leads_to(known, base):
        return None
    return known if EARTH_RADII_M[0] <= known.ellipsoid.semi_major_metre <= EARTH_RADII_M[1] else None


def _leads_to(known: pyproj.CRS, base: pyproj.CRS) -> bool:
    """Whether PROJ knows a way from a CRS to the geographic one that it is derived from."""
    if not known.is_derived:
        return True
    try:
        pyproj.Transformer.from_crs(known, base, always_xy=True)
    except ProjError:
        return False
    return True


def pixel_areas(transform: "Affine", crs: HasWkt | str | None, height: int, width: int) -> PixelAreas | None:
    """The areas of all pixels of a raster; None without a terrestrial CRS.

    `transform` takes (col, row) to (x, y) of the CRS, where x is east or longitude; it may rotate and shear. Pixels
    whose centre lies outside the projection have an area of 0. If its edge crosses the raster, it is as coarse as the
    lattice. Law: the pixels of a whole world add up to the surface of its ellipsoid, within 1 %.
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


def pixel_sides(transform: "Affine", crs: HasWkt | str | None, height: int, width: int) -> tuple[float, float] | None:
    """A pixel's sides (height, width) in metres, at the raster's centre.

    None without a terrestrial CRS, or if the centre lies outside the projection.
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
    """From x, y to longitude, latitude; None if the CRS is geographic."""
    radians: float
    """Radians in one unit of longitude and latitude."""
    half_axis_m: float
    eccentricity2: float
    tolerance: float = 0.0
    """STEP_M in units of the map."""
    period: float | None = None
    """The length in x after which a cylindrical map shows the same place again; None for other maps."""

    @property
    def is_geographic(self) -> bool:
        return self.to_lonlat is None

    def pixel_sizes(self, transform: "Affine", rows: Array, cols: Array, half_step: float) -> Array:
        """The area in m2 of pixels at (rows, cols), any shape, measured over `half_step` pixels to each side.

        At the edge of the projection, where one side lies outside, the other counts twice.
        """
        down, right = self._spans(transform, rows, cols, half_step)
        sizes: Array = np.linalg.norm(np.cross(down, right, axis=0), axis=0) / (2 * half_step) ** 2
        return np.where(np.isfinite(sizes), sizes, 0.0)

    def pixel_sides(self, transform: "Affine", rows: Array, cols: Array, half_step: float) -> tuple[Array, Array]:
        """The sides (height, width) in m of pixels at (rows, cols), any shape, measured likewise."""
        down, right = self._spans(transform, rows, cols, half_step)
        return np.linalg.norm(down, axis=0) / (2 * half_step), np.linalg.norm(right, axis=0) / (2 * half_step)

    def _spans(self, transform: "Affine", rows: Array, cols: Array, half_step: float) -> tuple[Array, Array]:
        """The vectors in space (3, ...), downwards and to the right, over 2 `half_step` pixels around (rows, cols)."""
        middle = self._space(transform, rows, cols, half_step)
        above, below, before, after = (
            self._space(transform, rows + row * half_step, cols + col * half_step, half_step)
            for row, col in ((-1, 0), (1, 0), (0, -1), (0, 1))
        )
        return _across(above, middle, below), _across(before, middle, after)

    def _space(self, transform: "Affine", rows: Array, cols: Array, half_step: float) -> Array:
        """Pixel positions (rows, cols) as x, y, z (3, ...) from the earth's centre in m; NaN outside the projection.

        The projection must come back to within `half_step` pixels or STEP_M, whichever is more. Beyond a map's edge it
        misses by far more, and by less than a metre elsewhere.
        """
        x, y = applied(transform, cols, rows)
        off = ~(np.isfinite(x) & np.isfinite(y))
        if self.to_lonlat is not None:
            reach = max(self.tolerance, half_step * abs(transform.determinant) ** 0.5)
            lon, lat = self.to_lonlat.transform(x, y)
            there = self.to_lonlat.transform(lon, lat, direction="INVERSE")
            off |= ~(np.isfinite(lon) & np.isfinite(lat)) | self._astray((x, y), there, reach)
            x, y = lon, lat
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

    def _astray(self, here: tuple[Array, Array], there: tuple[Array, Array], reach: float) -> NDArray[np.bool_]:
        """Whether two positions on the map lie further apart than `reach`, or one is not on it."""
        with np.errstate(invalid="ignore"):  # infinite off the map
            x, y = (came - went for came, went in zip(there, here, strict=True))
            if self.period is not None:
                x = x - np.round(x / self.period) * self.period
        astray: NDArray[np.bool_] = ~(np.hypot(x, y) <= reach)
        return astray


def _across(before: Array, middle: Array, after: Array) -> Array:
    """The vectors (3, ...) from `before` to `after`; where one of them is NaN, twice the other half."""
    whole = after - before
    half = np.where(np.isnan(after), middle - before, after - middle)
    return np.where(np.isnan(whole), 2 * half, whole)


def _period(crs: pyproj.CRS, to_lonlat: pyproj.Transformer, degree: float) -> float | None:
    """The length in x of 360 degrees if x is proportional to longitude at every latitude; None otherwise."""
    if crs.is_geographic:
        return 360.0 * degree
    lon = np.arange(-180.0, 180.0) * degree
    steps = []
    for lat in (-40.0, 0.0, 55.0):
        x, _ = to_lonlat.transform(lon, np.full_like(lon, lat * degree), direction="INVERSE")
        if not np.isfinite(x).all():
            return None
        steps.append(float(np.median(np.diff(x))))
    same = np.ptp(steps) <= EQUAL * abs(steps[1])
    return 360.0 * abs(steps[1]) if same and steps[1] else None


def _earth(crs: HasWkt | str | None) -> _Earth | None:
    """The ellipsoid of a terrestrial CRS; None for others."""
    known = terrestrial(crs)
    base = known and (known.source_crs if known.is_derived else known)
    if known is None or base is None or known.ellipsoid is None:
        return None
    transformer = pyproj.Transformer.from_crs(known, base, always_xy=True) if known.is_derived else None
    inverse = known.ellipsoid.inverse_flattening
    flattening = 1 / inverse if inverse else 0.0
    radians = base.axis_info[0].unit_conversion_factor if base.axis_info else np.pi / 180
    period = None if transformer is None else _period(known, transformer, np.pi / 180 / radians)
    unit = known.axis_info[0].unit_conversion_factor if known.axis_info else 1.0
    tolerance = STEP_M / unit / (known.ellipsoid.semi_major_metre if known.is_geographic else 1)
    return _Earth(
        transformer, radians, known.ellipsoid.semi_major_metre, flattening * (2 - flattening), tolerance, period
    )


def _bands(transform: "Affine", earth: _Earth, height: int) -> Array:
    """The area of one pixel in each row (height,) of an upright raster in longitude and latitude.

    The integral of a^2 (1 - e^2) cos(lat) / (1 - e^2 sin^2(lat))^2 over the row's latitudes, by 16 Gauss points. It is
    exact to the last digits for rows of any height; the difference of two closed forms is not for narrow ones.
    Latitudes beyond a pole have no area.
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
    """The number of pixels that make STEP_M on the ground in the raster's middle; at least half a pixel."""
    middle = float(earth.pixel_sizes(transform, np.array(height / 2), np.array(width / 2), 0.5))
    return max(0.5, STEP_M / np.sqrt(middle)) if middle > 0 else 0.5


def _spread(length: int) -> Array:
    """At most NODES and at least two pixel centres, from the first to the last of `length` pixels."""
    return np.linspace(0.5, max(length, 2) - 0.5, min(NODES, max(length, 2)), dtype=np.float64)


def _between(places: NDArray[np.int64], length: int, nodes: int) -> tuple[NDArray[np.int64], Array]:
    """For pixels along an axis: the node before each, and the weight (0..1) of the node after it."""
    position = places.astype(np.float64) * ((nodes - 1) / (max(length, 2) - 1))
    before: NDArray[np.int64] = np.minimum(position.astype(np.int64), nodes - 2)
    share: Array = position - before
    return before, share
