"""Laws of polygons: they are the pixels they came from, share their borders, and do not depend on how rows are read."""

import json
from dataclasses import replace
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
from rasterio.features import rasterize

from terrazzo.errors import InputError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.outputs.record import OUTPUTS
from terrazzo.maps.polygons import mapping_unit
from terrazzo.maps.polygons.content import NOTHING
from terrazzo.maps.polygons.formats import FORMATS, VECTOR_FORMATS, VectorFormat, format_of
from terrazzo.maps.polygons.mapping_unit import STRIP_ROWS, absorb, settled_strips
from terrazzo.maps.polygons.polygons import PolygonOptions, find_polygons, write_polygons
from terrazzo.maps.polygons.regions import find_regions
from terrazzo.maps.polygons.rows import ClassRaster, Features, join_features
from terrazzo.pixels.geodesy import pixel_areas

Ids = NDArray[np.uint8]
N = 255
NAMES = ("water", "land", "built", "trees")
PIXELS = Affine(1, 0, 0, 0, 1, 0)
EXACT = PolygonOptions(tolerance=0)
patient = settings(deadline=None, max_examples=40)


@st.composite
def class_maps(draw: st.DrawFn) -> Ids:
    """Small noisy maps, nodata among them; half of them with blocks, so that areas are larger than a pixel."""
    shape = (draw(st.integers(1, 17)), draw(st.integers(1, 13)))
    ids = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, N])))
    return np.kron(ids, np.ones((2, 3), np.uint8)) if draw(st.booleans()) else ids


def raster_of(ids: Ids, transform: Affine = PIXELS, crs: str | None = None) -> ClassRaster:
    return ClassRaster(lambda row0, row1: ids[row0:row1], *ids.shape, transform, crs, NAMES)


def features_of(raster: ClassRaster, options: PolygonOptions = EXACT) -> Features:
    return join_features(list(find_polygons(raster, options)) or [NOTHING])


def drawn(features: Features, shape: tuple[int, ...]) -> Ids:
    """The polygons as ids again, by rasterio."""
    pairs = [(polygon, int(i)) for polygon, i in zip(features.polygons, features.class_ids, strict=True)]
    return rasterize(pairs, out_shape=shape, fill=N, dtype="uint8") if pairs else np.full(shape, N, np.uint8)


def blobs(height: int, width: int, seed: int = 3) -> Ids:
    """Areas of a few hundred pixels with ragged borders, a corner of nodata, and specks."""
    chosen = np.random.default_rng(seed)
    coarse = chosen.integers(0, 4, (height // 20 + 2, width // 20 + 2)).astype(np.uint8)
    rows = np.arange(height)[:, None] + chosen.integers(0, 9, (height, width))
    cols = np.arange(width)[None] + chosen.integers(0, 9, (height, width))
    ids = coarse[rows // 20, cols // 20]
    ids[: height // 4, : width // 3] = N
    return ids


def strips_of(rows: int) -> pytest.MonkeyPatch:
    """Low strips, so that small maps have many; a fixture would last for all examples of a property."""
    patch = pytest.MonkeyPatch()
    patch.setattr(mapping_unit, "STRIP_ROWS", rows)
    return patch


@patient
@given(class_maps(), st.integers(1, 6), st.sampled_from([4, 40, 100_000]))
def test_without_simplification_polygons_are_the_pixels(ids: Ids, strip: int, most: int) -> None:
    patch = strips_of(strip)
    features = features_of(raster_of(ids), replace(EXACT, max_vertices=most))
    patch.undo()
    np.testing.assert_array_equal(drawn(features, ids.shape), ids)
    np.testing.assert_array_equal(shapely.area(features.polygons), features.figures[:, 0])
    assert features.figures[:, 0].sum() == (ids != N).sum()
    if most == 100_000:
        regions = find_regions(ids)
        assert len(features.polygons) == (regions.values[regions.firsts] != N).sum()
        assert features.cut == 0


@patient
@given(class_maps(), st.integers(1, 6), st.sampled_from([0.0, 1.0, 3.0]), st.sampled_from([4, 100_000]))
def test_polygons_are_valid_and_share_their_borders_exactly(ids: Ids, strip: int, tolerance: float, most: int) -> None:
    patch = strips_of(strip)
    features = features_of(raster_of(ids), PolygonOptions(1, tolerance, most))
    patch.undo()
    assert all(isinstance(polygon, shapely.Polygon) for polygon in features.polygons)
    assert shapely.is_valid(features.polygons).all()
    assert shapely.coverage_is_valid(features.polygons)


@patient
@given(class_maps(), st.integers(1, 6))
def test_simplified_polygons_without_nodata_fill_the_raster(ids: Ids, strip: int) -> None:
    ids = np.where(ids == N, 0, ids).astype(np.uint8)
    patch = strips_of(strip)
    features = features_of(raster_of(ids), PolygonOptions(tolerance=2.0))
    patch.undo()
    assert shapely.union_all(features.polygons).symmetric_difference(
        shapely.box(0, 0, ids.shape[1], ids.shape[0])
    ).area == pytest.approx(0, abs=1e-9)


def test_pixels_meet_across_sides_and_not_across_corners() -> None:
    features = features_of(raster_of(np.array([[0, 1, 1], [1, 0, N]], np.uint8)))
    assert features.class_ids.tolist() == [0, 1, 1, 0]
    assert features.figures[:, 0].tolist() == [1, 2, 1, 1]


def test_a_hole_is_kept_also_where_it_touches_the_shell_in_a_corner() -> None:
    """Water around land; land's pixel at (1, 1) meets the land outside at the corner (1, 1) of the raster's grid."""
    ids = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], np.uint8)
    features = features_of(raster_of(ids))
    water = features.polygons[features.class_ids == 0]
    assert len(water) == 1
    assert water[0].is_valid
    assert water[0].area == 9
    assert len(water[0].interiors) == 1
    assert shapely.Polygon(water[0].interiors[0]).bounds == (1, 1, 3, 2)


def test_three_areas_put_a_vertex_where_they_meet() -> None:
    """Class 0 above is a rectangle; the border between 1 and 2 below ends on its lower side, at (2, 1)."""
    features = features_of(raster_of(np.array([[0, 0, 0], [1, 1, 2]], np.uint8)))
    assert (2, 1) in features.polygons[features.class_ids == 0][0].exterior.coords
    assert shapely.get_num_coordinates(features.polygons).tolist() == [6, 5, 5]


@pytest.mark.parametrize("options", [EXACT, PolygonOptions(12, 1.0), PolygonOptions(40, 2.0, 60)])
def test_the_bytes_do_not_depend_on_how_rows_come(tmp_path: Path, options: PolygonOptions) -> None:
    """Rows cut from one array, or computed one by one; two runs give the same file."""
    ids = blobs(2 * STRIP_ROWS + 31, 45)
    transform = Affine(0.3, 0.02, 400_000, -0.02, -0.3, 5_000_000)
    raster = raster_of(ids, transform, "EPSG:32633")
    write_polygons(tmp_path / "a" / "classes.gpkg", raster, options)

    def one_by_one(row0: int, row1: int) -> Ids:
        return np.concatenate([ids[:0], *(ids[row : row + 1] for row in range(row0, row1))])

    write_polygons(tmp_path / "b" / "classes.gpkg", replace(raster, read_rows=one_by_one), options)
    assert (tmp_path / "a/classes.gpkg").read_bytes() == (tmp_path / "b/classes.gpkg").read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["classes.gpkg"]


def test_parts_of_an_area_end_on_strip_lines_and_add_up() -> None:
    ids = blobs(3 * STRIP_ROWS, 45)
    ids[:, 20] = 2  # one area from top to bottom
    whole = features_of(raster_of(ids))
    parts = features_of(raster_of(ids), replace(EXACT, max_vertices=4))
    assert whole.cut == 0
    assert parts.cut > 0
    assert len(parts.polygons) > len(whole.polygons)
    for class_id in range(4):
        ours, theirs = parts.class_ids == class_id, whole.class_ids == class_id
        assert parts.figures[ours, 0].sum() == whole.figures[theirs, 0].sum()
        assert shapely.union_all(parts.polygons[ours]).equals(shapely.union_all(whole.polygons[theirs]))
    bottoms = shapely.bounds(parts.polygons)[:, 3]
    assert set(bottoms[~np.isin(bottoms, shapely.bounds(whole.polygons)[:, 3])]) <= {STRIP_ROWS, 2 * STRIP_ROWS}


@patient
@given(class_maps(), st.integers(2, 9), st.integers(1, 6))
def test_no_area_below_the_mapping_unit_is_left_beside_another(ids: Ids, unit: int, strip: int) -> None:
    """Strips lower than the unit let threads of pixels through; here a strip has at least the unit's rows."""
    patch = strips_of(max(unit, strip))
    settled = np.concatenate(list(settled_strips(lambda row0, row1: ids[row0:row1], len(ids), unit)))
    patch.undo()
    np.testing.assert_array_equal(settled == N, ids == N)
    regions = find_regions(settled)
    sizes, classes = regions.total(regions.lengths), regions.values[regions.firsts]
    padded = np.pad(settled, 1, constant_values=N)
    labels = np.pad(regions.at(np.arange(ids.size)).reshape(ids.shape), 1, constant_values=-1)
    for small in np.flatnonzero((sizes < unit) & (classes != N)):
        inside = labels == small
        around = np.zeros_like(inside)
        for axis in (0, 1):
            for step in (1, -1):
                around |= np.roll(inside, step, axis)
        assert (padded[around & ~inside] == N).all()


def test_a_small_area_joins_the_neighbour_with_the_longest_border() -> None:
    """The two pixels of class 0 share 4 sides with class 1 and 2 with class 2, whose area is the larger one."""
    ids = np.array([[2] * 5, [2] * 5, [2] * 5, [1, 0, 0, 1, 1], [1] * 5, [1] * 5], np.uint8)
    np.testing.assert_array_equal(absorb(ids, 3), np.where(ids == 0, 1, ids))
    np.testing.assert_array_equal(absorb(ids, 2), ids)
    np.testing.assert_array_equal(absorb(np.array([[2, 2, 0, 1, 1, 1]], np.uint8), 2), [[2, 2, 1, 1, 1, 1]])


def test_an_area_in_nodata_stays_and_one_of_just_the_unit_too() -> None:
    ids = np.array([[N, N, N, 1, 1], [N, 0, N, 1, 2], [N, N, N, 1, 1]], np.uint8)
    np.testing.assert_array_equal(absorb(ids, 5), [[N, N, N, 1, 1], [N, 0, N, 1, 1], [N, N, N, 1, 1]])
    np.testing.assert_array_equal(absorb(np.array([[0, 0, 1, 1, 1]], np.uint8), 2), [[0, 0, 1, 1, 1]])


def test_a_small_area_across_a_strip_line_is_judged_as_a_whole() -> None:
    """4 pixels on each side of the line make 8: kept by a unit of 8, gone with one of 9."""
    ids = np.zeros((2 * STRIP_ROWS, 7), np.uint8)
    ids[STRIP_ROWS - 2 : STRIP_ROWS + 2, 2:4] = 3
    for unit, kept in ((8, 8), (9, 0)):
        strips = settled_strips(lambda row0, row1: ids[row0:row1], len(ids), unit)
        assert (np.concatenate(list(strips)) == 3).sum() == kept


def test_areas_and_confidence_of_the_pixels(tmp_path: Path) -> None:
    """A column of four degrees at the equator: rows of other areas, and means worked by hand."""
    ids = np.array([[0, 0, N], [1, 0, 2], [1, 1, 2]], np.uint8)
    confidence = np.array([[50, 60, N], [80, 70, 99], [90, 70, 100]], np.uint8)
    transform = Affine(1, 0, 10, 0, -1, 47)
    raster = replace(raster_of(ids, transform, "EPSG:4326"), read_confidence=lambda row0, row1: confidence[row0:row1])
    counts = write_polygons(tmp_path / "classes.gpkg", raster, EXACT)
    meta, _, geometry, columns = pyogrio.raw.read(tmp_path / "classes.gpkg", layer="classes")
    table = dict(zip(meta["fields"].tolist(), columns, strict=True))
    areas = pixel_areas(transform, "EPSG:4326", 3, 3)
    assert areas is not None
    first, second, third = areas.block(0, 3)[:, 0]
    assert list(table) == ["class_id", "class", "area_m2", "area_ha", "confidence", "second_class", "second_share"]
    assert meta["crs"] == "EPSG:4326"
    assert table["class_id"].tolist() == [0, 1, 2]
    assert table["class"].tolist() == ["water", "land", "built"]
    np.testing.assert_allclose(table["area_m2"], [2 * first + second, second + 2 * third, second + third], rtol=1e-14)
    np.testing.assert_allclose(table["area_ha"], table["area_m2"] / 10_000, rtol=1e-15)
    assert table["confidence"].tolist() == [60, 80, 99.5]
    assert counts.polygons == 3
    assert shapely.from_wkb(geometry)[2].equals(shapely.box(12, 44, 13, 46))


def with_second(raster: ClassRaster, ids: Ids, percents: Ids) -> ClassRaster:
    both = np.stack([ids, percents])
    return replace(raster, read_second=lambda row0, row1: both[:, row0:row1])


@pytest.mark.parametrize("known", FORMATS.values(), ids=list(FORMATS))
def test_the_second_class_and_its_share_worked_by_hand(tmp_path: Path, known: VectorFormat) -> None:
    """Water: land has 30 + 10 and built 35, so land with 40 / 3. Land: trees with 20 / 3. Built: nothing is known."""
    ids = np.array([[0, 0, N], [1, 0, 2], [1, 1, 2]], np.uint8)
    second = np.array([[1, 2, N], [3, 1, N], [0, 2, 3]], np.uint8)
    percents = np.array([[30, 35, N], [20, 10, N], [4, 5, 6]], np.uint8)
    if known.extra is not None:
        pytest.importorskip(known.extra[1])
    path = tmp_path / f"classes{known.suffix}"
    write_polygons(path, with_second(raster_of(ids), second, percents), EXACT)
    if known.name == "parquet":
        import pyarrow.parquet

        found = pyarrow.parquet.read_table(path).to_pylist()
        rows = [(row["class"], row["second_class"], row["second_share"]) for row in found]
    elif known.name == "geojson":
        found = [each["properties"] for each in json.loads(path.read_text(encoding="utf-8"))["features"]]
        rows = [(row["class"], row["second_class"], row["second_share"]) for row in found]
    else:
        columns = pyogrio.raw.read(path, columns=["class", "second_class", "second_share"])[3]
        rows = [(*names, None if share != share else share) for *names, share in zip(*columns, strict=True)]
    assert rows == [("water", "land", 13.33), ("land", "trees", 6.67), ("built", None, None)]


def test_a_polygon_is_never_its_own_second_class() -> None:
    """A speck of land joins the water around it. There water is the second with 40; land has 3 x 20 of 9 pixels."""
    ids = np.zeros((3, 3), np.uint8)
    ids[1, 1] = 1
    second = np.where(ids == 1, 0, 2).astype(np.uint8)
    second[0] = 1
    percents = np.where(ids == 1, 40, 10).astype(np.uint8)
    percents[0] = 20
    (found,) = find_polygons(with_second(raster_of(ids), second, percents), PolygonOptions(2, 0))
    assert (found.second_class.tolist(), found.second_share.tolist()) == ([1], [6.67])


@patient
@given(class_maps(), st.integers(1, 6), st.integers(0, 99))
def test_figures_do_not_depend_on_the_strips(ids: Ids, strip: int, seed: int) -> None:
    chosen = np.random.default_rng(seed)
    second, percents = chosen.choice([0, 1, 2, 3, 3, 3, N], ids.shape), chosen.integers(0, 51, ids.shape)
    raster = with_second(raster_of(ids), second.astype(np.uint8), percents.astype(np.uint8))
    whole = features_of(raster)
    patch = strips_of(strip)
    parted = features_of(raster)
    patch.undo()
    figures = [sorted(map(tuple, np.nan_to_num(f.figures).tolist())) for f in (whole, parted)]
    assert figures[0] == figures[1]


def test_rotated_pixels_add_up_to_the_area_of_their_map(tmp_path: Path) -> None:
    ids = blobs(40, 33)
    transform = Affine(100, 30, 400_000, 40, -100, 5_000_000)
    features = features_of(raster_of(ids, transform, "EPSG:32633"))
    assert features.area_m2.sum() == pytest.approx((ids != N).sum() * 11_200 / 0.9996**2, rel=1e-3)
    assert shapely.area(features.polygons).sum() == pytest.approx((ids != N).sum() * 11_200, rel=1e-9)
    assert shapely.coverage_is_valid(features.polygons)
    assert shapely.is_ccw(shapely.get_exterior_ring(features.polygons)).all()


def test_without_a_crs_areas_and_confidence_are_null(tmp_path: Path) -> None:
    write_polygons(tmp_path / "classes.gpkg", raster_of(blobs(40, 33)), EXACT)
    meta, _, _, columns = pyogrio.raw.read(tmp_path / "classes.gpkg")
    table = dict(zip(meta["fields"].tolist(), columns, strict=True))
    assert all(np.isnan(table[name]).all() for name in ("area_m2", "area_ha", "confidence", "second_share"))
    assert set(table["second_class"]) == {None}


@pytest.mark.parametrize("known", FORMATS.values(), ids=list(FORMATS))
def test_every_format_of_the_registry_is_an_option_an_output_and_written(tmp_path: Path, known: VectorFormat) -> None:
    if known.extra is not None:
        pytest.importorskip(known.extra[1])
    assert known.name in VECTOR_FORMATS
    assert f"classes{known.suffix}" in OUTPUTS
    assert format_of(tmp_path / f"classes{known.suffix}") == known == MapOptions(vector_format=known.name).vectors
    counts = write_polygons(tmp_path / f"classes{known.suffix}", raster_of(blobs(40, 33)), EXACT)
    assert counts.polygons > 10
    assert [path.name for path in tmp_path.iterdir()] == [f"classes{known.suffix}"]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_all_nodata_is_a_layer_without_polygons(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"classes{suffix}"
    counts = write_polygons(path, raster_of(np.full((5, 7), N, np.uint8), PIXELS, "EPSG:32633"), EXACT)
    assert counts.polygons == 0
    info = pyogrio.read_info(path)
    assert (info["layer_name"], info["features"]) == ("classes", 0)


def test_geojson_is_longitude_and_latitude_wound_as_rfc_7946_says(tmp_path: Path) -> None:
    ids = np.array([[0, 0, 0, 1], [0, 2, 0, 1], [0, 0, 0, 1]], np.uint8)
    transform = Affine(100, 0, 500_000, 0, -100, 5_000_000)
    write_polygons(tmp_path / "classes.geojson", raster_of(ids, transform, "EPSG:32633"), EXACT)
    whole = json.loads((tmp_path / "classes.geojson").read_text(encoding="utf-8"))
    assert "crs" not in whole
    water = whole["features"][0]
    assert water["properties"]["class"] == "water"
    assert water["properties"]["area_ha"] == pytest.approx(8 / 0.9996**2, rel=1e-6)
    assert water["properties"]["confidence"] is None
    assert len(water["geometry"]["coordinates"]) == 2
    shell, hole = (shapely.LinearRing(ring) for ring in water["geometry"]["coordinates"])
    assert shell.is_ccw
    assert not hole.is_ccw
    assert shell.bounds[0] == pytest.approx(15, abs=1e-9)  # the central meridian of zone 33
    geometries = [shapely.geometry.shape(feature["geometry"]) for feature in whole["features"]]
    assert shapely.coverage_is_valid(geometries)


def test_geojson_across_the_date_line_is_cut_there(tmp_path: Path) -> None:
    """A pixel of 1 degree from 179.5 east: half of it lies west of the line."""
    ids = np.array([[0, 1]], np.uint8)
    raster = raster_of(ids, Affine(100_000, 0, 0, 0, -100_000, 50_000), "+proj=eqc +lon_0=179.5 +datum=WGS84")
    write_polygons(tmp_path / "classes.geojson", raster, EXACT)
    first, second = json.loads((tmp_path / "classes.geojson").read_text(encoding="utf-8"))["features"]
    assert first["geometry"]["type"] == "MultiPolygon"
    east, west = shapely.geometry.shape(first["geometry"]).geoms
    assert east.bounds[::2] == (179.5, 180)
    assert west.bounds[0] == -180
    assert west.bounds[2] == pytest.approx(179.5 + 100_000 / 111_319.49 - 360, abs=1e-6)
    assert second["geometry"]["type"] == "Polygon"


def test_ids_without_a_class_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    ids = np.zeros((5, 7), np.uint8)
    ids[3, 2] = 4
    with pytest.raises(
        InputError, match=r"class id 4 at row 3, column 2, but there are 4 classes \(0\.\.3, nodata 255"
    ):
        write_polygons(tmp_path / "classes.gpkg", raster_of(ids), EXACT)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.gpkg"
    ids = blobs(40, 33)
    write_polygons(path, raster_of(ids), EXACT)
    before = path.read_bytes()
    with pytest.raises(InputError, match="class id 9"):
        write_polygons(path, raster_of(np.full((3, 5), 9, np.uint8)), EXACT)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["classes.gpkg"]


def test_formats_that_cannot_be_written_are_refused_before_anything(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"classes.shp: polygons are written as .gpkg, .geojson, .parquet, not as .shp"
    ):
        write_polygons(tmp_path / "classes.shp", raster_of(blobs(40, 33)), EXACT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"mapping_unit": 0}, "mapping unit of 0"), ({"tolerance": -1.0}, "of -1.0 pixels"), ({"max_vertices": 3}, "3")],
)
def test_options_out_of_range_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PolygonOptions(**wrong)  # type: ignore[arg-type]


def test_geoparquet_holds_the_same_polygons_as_geopackage(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    ids = np.array([[0, 0, 1], [0, N, 1], [2, 2, 1]], np.uint8)
    raster = raster_of(ids, Affine(10, 0, 500000, 0, -10, 4649776), "EPSG:32633")
    for suffix in (".parquet", ".gpkg"):
        write_polygons(tmp_path / f"classes{suffix}", raster, EXACT)
    table = parquet.read_table(tmp_path / "classes.parquet")
    meta, _, wkb, fields = pyogrio.raw.read(tmp_path / "classes.gpkg")
    told = json.loads(table.schema.metadata[b"geo"])
    assert told["primary_column"] in table.column_names
    assert told["columns"][told["primary_column"]]["encoding"] == "WKB"
    found = shapely.from_wkb(table[told["primary_column"]].to_pylist())
    assert shapely.equals_exact(found, shapely.from_wkb(wkb)).all()
    for name, values in zip(meta["fields"], fields, strict=True):
        nulls_apart = [None if value != value else value for value in values.tolist()]
        assert table[name].to_pylist() == nulls_apart
