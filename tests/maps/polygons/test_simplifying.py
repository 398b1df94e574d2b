"""Simplified polygons cover the area of their pixels: 5 % at most apart each, 1 % a class."""

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.polygons.outlines import Polygons, outline
from terrazzo.maps.polygons.polygons import PolygonOptions, find_polygons, write_polygons
from terrazzo.maps.polygons.regions import find_regions
from terrazzo.maps.polygons.rows import ClassRaster, join_features
from terrazzo.maps.polygons.simplifying import simplify
from tests.worlds.mapping import holey, mapped

Ids = NDArray[np.uint8]
N = 255
NAMES = ("water", "land", "built")


def outlined(ids: Ids) -> tuple[Polygons, Ids, NDArray[np.float64]]:
    """The exact polygons of a map, their classes and pixels."""
    regions = find_regions(ids)
    return outline(ids, regions, None, None), regions.values[regions.firsts], regions.total(regions.lengths)


def speckled(height: int, width: int, share: float = 0.03) -> Ids:
    """Water and land with a diagonal shore, and specks of built of 1 to 6 pixels on both."""
    rows, cols = np.indices((height, width))
    ids = (cols + 7 * np.sin(rows / 9) > rows).astype(np.uint8)
    chosen = np.random.default_rng(5)
    for _ in range(int(share * height * width / 3)):
        row, col = chosen.integers(0, height - 3), chosen.integers(0, width - 3)
        ids[row : row + chosen.integers(1, 3), col : col + chosen.integers(1, 4)] = 2
    return ids


def shares(polygons: Polygons, class_ids: Ids, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area of each class's polygons over its pixels."""
    areas = shapely.area(polygons)
    return np.array([areas[class_ids == i].sum() / pixels[class_ids == i].sum() for i in np.unique(class_ids)])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 2), (1, 3)])
def test_a_small_area_keeps_its_pixels_whole(height: int, width: int) -> None:
    """The square of one pixel would become a triangle of half its area."""
    ids = np.zeros((9, 9), np.uint8)
    ids[3 : 3 + height, 4 : 4 + width] = 1
    polygons, class_ids, pixels = outlined(ids)
    simplified = simplify(polygons, class_ids, pixels, 1.0)
    assert shapely.area(simplified).tolist() == [81 - height * width, height * width]
    assert simplified[1].equals(shapely.box(4, 3, 4 + width, 3 + height))


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 2.0, 4.0])
def test_on_a_speckled_map_every_class_keeps_its_area(tolerance: float) -> None:
    polygons, class_ids, pixels = outlined(speckled(160, 170))
    simplified = simplify(polygons, class_ids, pixels, tolerance)
    np.testing.assert_allclose(shares(simplified, class_ids, pixels), 1, atol=0.01)
    np.testing.assert_allclose(shapely.area(simplified), pixels, rtol=0.05)
    assert shapely.coverage_is_valid(simplified)
    assert shapely.is_valid(simplified).all()


def test_discs_that_would_grow_keep_their_area() -> None:
    """Smoothed discs of 6 px cover 3 % more than their pixels: the corners of their staircase are filled."""
    rows, cols = np.indices((120, 160))
    ids = ((rows % 20 - 9.6) ** 2 + (cols % 20 - 9.7) ** 2 < 36).astype(np.uint8)
    polygons, class_ids, pixels = outlined(ids)
    plain = shapely.coverage_simplify(polygons, 1.0, simplify_boundary=False)
    assert abs(shares(plain, class_ids, pixels) - 1).max() > 0.02
    np.testing.assert_allclose(shares(simplify(polygons, class_ids, pixels, 1.0), class_ids, pixels), 1, atol=0.01)


def test_a_long_shore_is_smoothed() -> None:
    polygons, class_ids, pixels = outlined(speckled(160, 170, share=0))
    simplified = simplify(polygons, class_ids, pixels, 1.0)
    assert shapely.get_num_coordinates(simplified).sum() < 0.5 * shapely.get_num_coordinates(polygons).sum()


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 17), st.integers(1, 13)), elements=st.sampled_from([0, 1, 2, N])),
    st.integers(1, 5),
    st.sampled_from([0.7, 1.0, 2.0, 5.0]),
)
def test_the_laws_hold_for_every_map(ids: Ids, scale: int, tolerance: float) -> None:
    ids = np.kron(ids, np.ones((scale, scale), np.uint8))
    polygons, class_ids, pixels = outlined(ids)
    simplified = simplify(polygons, class_ids, pixels, tolerance)
    named = class_ids != N
    np.testing.assert_allclose(shapely.area(simplified)[named], pixels[named], rtol=0.05 + 1e-12)
    if named.any():
        held = shares(simplified[named], class_ids[named], pixels[named])
        np.testing.assert_allclose(held, 1, atol=0.01 + 1e-12)
    assert shapely.coverage_is_valid(simplified)
    assert shapely.is_valid(simplified).all()


def test_shapes_and_attributes_of_a_written_layer_agree(tmp_path: Path) -> None:
    """UTM at its central meridian, where a planar area is 0.9996^2 of the one on the ellipsoid; strips included."""
    ids = speckled(600, 90)
    grid = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)
    raster = ClassRaster(lambda row0, row1: ids[row0:row1], *ids.shape, grid, "EPSG:32633", NAMES)
    write_polygons(tmp_path / "classes.gpkg", raster, PolygonOptions())
    _, _, wkb, (class_ids, area_m2) = pyogrio.raw.read(
        tmp_path / "classes.gpkg", layer="classes", columns=["class_id", "area_m2"]
    )
    areas = shapely.area(shapely.from_wkb(wkb)) / 0.9996**2
    np.testing.assert_allclose(areas, area_m2, rtol=0.051)
    for i in range(3):
        assert areas[class_ids == i].sum() == pytest.approx(area_m2[class_ids == i].sum(), rel=0.01)


def test_zero_keeps_every_corner(tmp_path: Path) -> None:
    ids = speckled(60, 70)
    raster = ClassRaster(lambda row0, row1: ids[row0:row1], *ids.shape, Affine.identity(), None, NAMES)
    exact = join_features(list(find_polygons(raster, PolygonOptions(tolerance=0))))
    np.testing.assert_array_equal(shapely.area(exact.polygons), exact.figures[:, 0])
    mapped(holey(tmp_path / "a.tif", 61, 80), tmp_path / "map", MapOptions(simplify=0))
    _, _, wkb, (area_m2,) = pyogrio.raw.read(tmp_path / "map/classes.gpkg", layer="classes", columns=["area_m2"])
    np.testing.assert_allclose(shapely.area(shapely.from_wkb(wkb)), area_m2 * 0.9996**2, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"simplify": -1.0}, "--simplify -1: expected 0, which keeps every corner, or more pixels"),
        ({"simplify": float("nan")}, "--simplify nan: expected 0"),
        ({"simplify": 0, "vector_format": "none"}, "--simplify 0: is for polygons; leave it out, or choose a format"),
    ],
)
def test_tolerances_that_make_no_sense_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        MapOptions(**wrong)  # type: ignore[arg-type]
