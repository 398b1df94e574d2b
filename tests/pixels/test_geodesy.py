"""Areas of pixels against the ellipsoid's closed formula, pyproj's geodesic polygons and numbers worked by hand."""

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS as RasterioCrs  # noqa: N811

from terrazzo.pixels.geodesy import PixelAreas, pixel_areas

WORLD = Affine(1, 0, -180, 0, -1, 90)
US_FOOT_M = 1200 / 3937
MARS = "+proj=longlat +a=3396190 +b=3376200 +no_defs"
LOCAL = 'LOCAL_CS["survey grid",UNIT["metre",1]]'


def polygon_area(transform: Affine, crs: str, row: int, col: int, size: int) -> float:
    """m2 of a block of size x size pixels around a pixel, by pyproj, a vertex at every twentieth of a side."""
    along = np.linspace(0, 1, 20, endpoint=False)
    zero, one = np.zeros(20), np.ones(20)
    cols = col + 0.5 - size / 2 + size * np.concatenate([along, one, 1 - along, zero])
    rows = row + 0.5 - size / 2 + size * np.concatenate([zero, along, one, 1 - along])
    known = pyproj.CRS(crs)
    x = transform.a * cols + transform.b * rows + transform.c
    y = transform.d * cols + transform.e * rows + transform.f
    lonlat = pyproj.Transformer.from_crs(known, known.geodetic_crs, always_xy=True).transform(x, y)
    geod = known.get_geod()
    assert geod is not None
    return abs(geod.polygon_area_perimeter(*lonlat)[0])


def at(areas: PixelAreas | None, row: int, col: int) -> float:
    assert areas is not None
    block = areas.block(row, row + 1)
    assert block.shape in ((1, 1), (1, areas.width))
    return float(block[0, min(col, block.shape[1] - 1)])


def rows(transform: Affine, crs: RasterioCrs | str, height: int, width: int) -> np.ndarray:
    """The area of one pixel in each row (height,), in m2: the row's mean where it changes along the row."""
    areas = pixel_areas(transform, crs, height, width)
    assert areas is not None
    return areas.block(0, height).mean(axis=1)


@pytest.mark.parametrize("degrees", [1.0, 7.5, 90.0])
def test_the_whole_earth_is_the_surface_of_its_ellipsoid(degrees: float) -> None:
    """2 pi a^2 (1 + (1 - e^2) / e artanh(e)), the closed formula of an oblate ellipsoid."""
    a, b = 6378137.0, 6356752.314245179
    e = np.sqrt(1 - (b / a) ** 2)
    surface = 2 * np.pi * a**2 * (1 + (1 - e**2) / e * np.arctanh(e))
    height, width = round(180 / degrees), round(360 / degrees)
    areas = rows(Affine(degrees, 0, -180, 0, -degrees, 90), "EPSG:4326", height, width)
    assert areas.sum() * width == pytest.approx(surface, rel=1e-13)
    np.testing.assert_allclose(areas, areas[::-1], rtol=1e-13)


ELLIPSOID, SPHERE = "+datum=WGS84", "+R=6371007.181"


@pytest.mark.parametrize("figure", [ELLIPSOID, SPHERE])
@pytest.mark.parametrize("name", ["sinu", "sinu +lon_0=150", "moll", "robin", "igh", "eck4", "eqearth", "hammer"])
@pytest.mark.parametrize("width", [180, 400])
def test_a_whole_world_is_one_earth_whatever_lies_around_it_on_the_map(name: str, figure: str, width: int) -> None:
    """Beyond the map's edge the inverse of a sinusoidal map goes around the earth again: 1.65 Earths were counted."""
    crs = pyproj.CRS.from_user_input(f"+proj={name} {figure} +type=crs")
    to_map = pyproj.Transformer.from_crs(crs.source_crs, crs, always_xy=True)
    lon, lat = np.meshgrid(np.linspace(-180, 180, 361), np.linspace(-90, 90, 181))
    x, y = to_map.transform(lon.clip(-179.9999, 179.9999), lat.clip(-89.9999, 89.9999))
    west, east, south, north = x.min() * 1.02, x.max() * 1.02, y.min() * 1.02, y.max() * 1.02
    height = round(width * (north - south) / (east - west))
    transform = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
    areas = pixel_areas(transform, crs.to_wkt(), height, width)
    assert areas is not None
    block = np.broadcast_to(areas.block(0, height), (height, width))
    surface = 4 * np.pi * 6371007.181**2 if figure == SPHERE else 510_065_621_724_088.0
    assert block.sum() == pytest.approx(surface, rel=0.01 if width == 180 else 0.002)
    assert (block[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all(), "the corners lie outside the world"


@pytest.mark.parametrize(("crs", "lap"), [("EPSG:3857", 2 * np.pi * 6378137), ("EPSG:4087", 2 * np.pi * 6378137)])
def test_a_cylindrical_map_goes_on_beyond_the_date_line(crs: str, lap: float) -> None:
    """Fiji lies on both sides of it; a pixel a whole lap further east shows the same ground."""
    grid = Affine(1000, 0, lap / 2 - 20_000, 0, -1000, -1_900_000)
    here, further = (rows(grid @ Affine.translation(lap / 1000 * n, 0), crs, 30, 40) for n in (0, 1))
    assert (here > 0).all()
    np.testing.assert_allclose(here, further, rtol=1e-9)


def test_a_rotated_pole_counts_longitudes_beyond_180_degrees() -> None:
    crs = "+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 +R=6371229 +type=crs"
    here, further = (rows(Affine(0.5, 0, left, 0, -0.5, 10), crs, 20, 30) for left in (-15, 345))
    assert (here > 0).all()
    np.testing.assert_allclose(here, further, rtol=1e-9)


def test_on_a_sphere_a_band_is_2_pi_r_times_its_height() -> None:
    """Archimedes: from 30 degrees to the pole the height is r (1 - sin 30) = r / 2. Here one pixel of 120 degrees."""
    areas = rows(Affine(120, 0, -180, 0, -60, 90), "+proj=longlat +R=6371000 +no_defs", 1, 3)
    assert areas[0] == pytest.approx(np.pi * 6371000**2 / 3, rel=1e-12)


def test_rows_behind_a_pole_and_upside_down_rasters() -> None:
    beyond = rows(Affine(1, 0, -180, 0, -1, 92), "EPSG:4326", 184, 360)
    upright = rows(WORLD, "EPSG:4326", 180, 360)
    assert beyond[:2].tolist() == [0, 0]
    np.testing.assert_allclose(beyond[2:182], upright, rtol=1e-12)
    upside_down = rows(Affine(1, 0, -180, 0, 1, -90), "EPSG:4326", 180, 360)
    np.testing.assert_allclose(upside_down, upright[::-1], rtol=1e-12)


def test_web_mercator_at_60_degrees_is_a_quarter() -> None:
    """On a sphere exactly cos(60)^2 = 1/4; the ellipsoid makes it a third of a percent more. At the equator 0.9933."""
    _, y = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(10, 60)
    transform = Affine(2, 0, 1_113_194, 0, -2, y + 7)
    areas = rows(transform, "EPSG:3857", 7, 5) / 4
    assert areas == pytest.approx(0.25, rel=0.004)
    assert areas[3] * 4 == pytest.approx(polygon_area(transform, "EPSG:3857", 3, 2, 100) / 10_000, rel=1e-6)
    equator = rows(Affine(2, 0, 0, 0, -2, 2), "EPSG:3857", 2, 2) / 4
    assert equator == pytest.approx(1 - 0.00669438, rel=1e-6)


def test_a_us_survey_foot_is_1200_3937ths_of_a_metre() -> None:
    """New York, Long Island: the zone's scale stays within 1 part in 10,000 of 1, a square foot within 2."""
    areas = rows(Affine(3, 0, 985_000, 0, -3, 200_000), "EPSG:2263", 11, 17)
    assert areas == pytest.approx(9 * US_FOOT_M**2, rel=2e-4)
    assert areas[0] != pytest.approx(9 * US_FOOT_M**2, rel=1e-6)


def test_a_utm_zone_is_too_small_in_its_middle_and_too_large_at_its_rim() -> None:
    """Scale 0.9996 on the central meridian: the ground is 1 / 0.9996^2 of the map. At 180 km from it, about 1."""
    middle = pixel_areas(Affine(10, 0, 499_900, 0, -10, 5_000_000), "EPSG:32633", 21, 20)
    assert at(middle, 10, 10) == pytest.approx(100 / 0.9996**2, rel=1e-7)
    assert at(pixel_areas(Affine(10, 0, 680_000, 0, -10, 5e6), "EPSG:32633", 21, 20), 10, 10) == pytest.approx(
        100, rel=1e-4
    )


@pytest.mark.parametrize(
    ("crs", "transform", "shape", "bound"),
    [
        ("EPSG:32633", Affine(100, 30, 400_000, 40, -100, 5_000_000), (300, 410), 1e-7),  # rotated and sheared
        ("EPSG:32633", Affine(1000, 0, 166_000, 0, -1000, 5_000_000), (700, 670), 1e-6),  # a whole zone
        ("EPSG:4326", Affine(0.01, 0.005, 10, 0.004, -0.01, 60), (200, 310), 1e-7),  # rotated degrees
        ("EPSG:3034", Affine(12_500, 0, 2_500_000, 0, -12_500, 5_500_000), (400, 400), 1e-5),  # Europe, 5,000 km
        ("EPSG:3413", Affine(30_000, 0, -1_500_000, 0, -30_000, 1_500_000), (101, 99), 1e-5),  # around the pole
        ("EPSG:32660", Affine(50, 0, 690_000, 0, -50, 6_000_000), (97, 91), 1e-7),  # beside the date line
    ],
)
def test_interpolated_areas_keep_their_bound(crs: str, transform: Affine, shape: tuple[int, int], bound: float) -> None:
    areas = pixel_areas(transform, crs, *shape)
    chosen = np.random.default_rng(5)
    for _ in range(12):
        row, col = int(chosen.integers(shape[0])), int(chosen.integers(shape[1]))
        size = 1 if abs(transform.a) > 1 else 3
        expected = polygon_area(transform, crs, row, col, size) / size**2
        assert at(areas, row, col) == pytest.approx(expected, rel=bound)


def test_a_block_is_the_same_rows_of_the_whole() -> None:
    areas = pixel_areas(Affine(100, 30, 400_000, 40, -100, 5_000_000), "EPSG:32633", 300, 41)
    assert areas is not None
    np.testing.assert_array_equal(areas.block(131, 177), areas.block(0, 300)[131:177])


def test_one_pixel_rows_and_heights() -> None:
    assert rows(Affine(10, 2, 500_000, 3, -10, 5_000_000), "EPSG:32633", 1, 1)[0] == pytest.approx(
        106 / 0.9996**2, rel=1e-6
    )


@pytest.mark.parametrize("crs", [None, LOCAL, MARS, "EPSG:4978", "no such system"])
def test_without_a_terrestrial_crs_there_are_no_areas(crs: str | None) -> None:
    assert pixel_areas(WORLD, crs, 3, 5) is None


def test_a_crs_of_rasterio_with_a_height_system_counts_by_its_horizontal_part() -> None:
    transform = Affine(1, 0, 155_000, 0, -1, 463_000)  # at the Dutch grid's origin, scale 0.9999079
    for crs in (RasterioCrs.from_epsg(28992), "EPSG:7415"):
        assert rows(transform, crs, 3, 5) == pytest.approx(1 / 0.9999079**2, rel=1e-6)
