"""Laws of counting areas by zone: which pixels a zone holds, what the table says, and what is refused in one line."""

import csv
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import InputError
from terrazzo.maps.areas import AREA_FIELDS
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.outputs.zone_counts import PlacedZone, count_zones, edges_of, inside
from terrazzo.maps.outputs.zones import Zones, place_zones, read_zones
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.layers import write_layer, write_parquet
from tests.worlds.mapping import Greatest, contents, holey, map_here, mapped, model_file
from tests.worlds.models import write_model
from tests.worlds.rasters import GRID, noise, write_raster

UTM = "EPSG:32618"


def write_zones(path: Path, shapes: dict[str, Any], crs: str | None = UTM, **fields: Any) -> Path:
    """Geometries by name as a layer; the other fields as given."""
    columns = {"name": list(shapes), **fields}
    with pytest.warns(UserWarning, match="crs") if crs is None else nullcontext():
        pyogrio.raw.write(
            str(path),
            shapely.to_wkb(np.array(list(shapes.values()), np.object_)),
            [np.array(column, np.object_) if isinstance(column, list) else column for column in columns.values()],
            list(columns),
            geometry_type="Unknown",
            crs=crs,
            driver={".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}[path.suffix],
        )
    return path


def on_map(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    """A rectangle of pixels of tests.test_rasters.GRID on the map."""
    (x0, y0), side = (GRID.c, GRID.f), GRID.a
    return shapely.box(x0 + side * left, y0 - side * bottom, x0 + side * right, y0 - side * top)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "areas.csv").open() as stream:
        return list(csv.DictReader(stream))


# --- which pixels


def mask_of(polygon: shapely.Polygon, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a polygon in pixel coordinates, looked for in strips of 5 rows."""
    edges = edges_of(polygon, Affine.identity())
    parts = [inside(edges, (row, min(row + 5, height)), (0, width)) for row in range(0, height, 5)]
    return np.concatenate(parts)


def test_a_pixel_lies_in_a_polygon_that_holds_its_centre() -> None:
    rng = np.random.default_rng(0)
    rows, cols = np.indices((41, 53)) + 0.5
    for _ in range(30):
        shell = shapely.Point(*rng.uniform(0, 45, 2)).buffer(rng.uniform(2, 25), quad_segs=3)
        polygon = shapely.Polygon(shell.exterior, [shapely.affinity.scale(shell, 0.4, 0.5).exterior])
        expected = shapely.contains_xy(polygon, cols, rows)
        np.testing.assert_array_equal(mask_of(polygon, 41, 53), expected)
        assert 0 <= expected.sum() < 41 * 53


def test_zones_that_share_borders_have_each_pixel_once() -> None:
    """Triangles of random points, some of them on pixel centres, tile the raster."""
    rng = np.random.default_rng(1)
    corners = [(0, 0), (37, 0), (0, 29), (37, 29)]
    points = [(col + 0.5, row + 0.5) for col, row in rng.integers(0, 29, (20, 2))] + [*rng.uniform(0, 29, (20, 2))]
    triangles = shapely.get_parts(shapely.delaunay_triangles(shapely.MultiPoint([*corners, *points])))
    held = sum(mask_of(triangle, 29, 37).astype(int) for triangle in triangles)
    assert len(triangles) > 40
    np.testing.assert_array_equal(held, 1)


def test_a_centre_on_the_upper_or_left_edge_is_inside() -> None:
    mask = mask_of(shapely.box(1.5, 2.5, 3.5, 4.5), 6, 6)
    assert {tuple(place) for place in np.argwhere(mask).tolist()} == {(2, 1), (2, 2), (3, 1), (3, 2)}


def test_counts_do_not_depend_on_the_strips() -> None:
    ids = np.random.default_rng(2).integers(0, 4, (150, 61), np.uint8)
    ids[ids == 3] = 255
    zone = PlacedZone("a", (edges_of(shapely.Point(30, 70).buffer(50), Affine.identity()),))
    whole = count_zones([(0, ids)], 3, None, [zone])
    cut = count_zones([(row, ids[row : row + 64]) for row in range(0, 150, 64)], 3, None, [zone])
    assert whole == cut
    mask = mask_of(shapely.Point(30, 70).buffer(50), 150, 61)
    assert whole[0].pixels == tuple(int((ids[mask] == i).sum()) for i in range(3))


# --- the table


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """40 x 50 pixels: class 2 in the first 5 rows, class 1 in the first 10 columns below, else 0; see test_areas."""
    bands = np.zeros((3, 40, 50), np.uint8)
    bands[0], bands[1, :, :10], bands[2, :5] = 100, 200, 255
    return write_raster(tmp_path / "a.tif", bands)


def mapped_by_zone(scene: Path, out: Path, zones: Zones) -> dict[str, Any]:
    file = model_file(out.parent)
    job = plan_map(scene, out, file, MapOptions(zones=zones))
    return map_here(job, Greatest(file.header, []))


def test_a_row_a_zone_and_class_worked_by_hand(tmp_path: Path, scene: Path) -> None:
    """Zones in file order, two of them overlapping; 0.5 m pixels on the central meridian: 0.25 / 0.9996**2 m2."""
    shapes = {"south": on_map(0, 30, 50, 40), "corner": on_map(0, 0, 20, 10), "far": on_map(90, 0, 99, 9)}
    zones = read_zones(write_zones(tmp_path / "zones.gpkg", shapes))
    record = mapped_by_zone(scene, tmp_path / "map", zones)
    rows = rows_of(tmp_path / "map")
    assert list(rows[0]) == [*AREA_FIELDS, "zone"]
    assert [(row["zone"], row["class_id"], int(row["pixels"]), row["share"]) for row in rows] == [
        ("south", "0", 400, "0.80000000"),
        ("south", "1", 100, "0.20000000"),
        ("south", "2", 0, "0.00000000"),
        ("corner", "0", 50, "0.25000000"),
        ("corner", "1", 50, "0.25000000"),
        ("corner", "2", 100, "0.50000000"),
        *(("far", str(i), 0, "0.00000000") for i in range(3)),
    ]
    for row in rows:
        assert float(row["area_m2"]) == pytest.approx(int(row["pixels"]) * 0.25 / 0.9996**2, rel=1e-5)
    whole = record["areas"]
    assert [row["pixels"] for row in whole["classes"]] == [1400, 350, 250], "the whole map's figures are in run.json"
    assert whole["classes"][0]["area_ha"] == pytest.approx(1400 * 0.25 / 0.9996**2 / 10_000, rel=1e-5)
    assert "--mapping-unit" in whole["counted"]


def test_zones_of_the_whole_raster_have_the_areas_of_the_whole_map(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    halves = {"north": on_map(0, 0, 151, 50.2), "south": on_map(0, 50.2, 151, 107)}
    zones = read_zones(write_zones(tmp_path / "zones.gpkg", halves))
    record = mapped(raster, tmp_path / "map", MapOptions(zones=zones))
    rows = rows_of(tmp_path / "map")
    for i, whole in enumerate(record["areas"]["classes"]):
        parts = [row for row in rows if row["class_id"] == str(i)]
        assert sum(int(row["pixels"]) for row in parts) == whole["pixels"]
        assert sum(float(row["area_m2"]) for row in parts) == pytest.approx(whole["area_m2"], abs=2e-3)


def test_the_bytes_by_zone_do_not_depend_on_the_cut_and_other_zones_are_another_map(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    path = write_zones(tmp_path / "zones.geojson", {"disc": on_map(20, 20, 90, 60).buffer(3)})
    zones = read_zones(path)
    records = [mapped(raster, tmp_path / str(run), MapOptions(zones=zones, run=run)) for run in ((1, 1), (9, 9))]
    assert contents(tmp_path / "(1, 1)") == contents(tmp_path / "(9, 9)")
    plain = mapped(raster, tmp_path / "plain")
    assert records[0]["key"] == records[1]["key"] != plain["key"]
    assert "zones" not in plain["made_of"]
    renamed = replace(zones, names=("other",))
    assert renamed.digest != zones.digest == read_zones(path).digest


def test_zones_of_one_name_are_one_zone_and_pixels_under_both_count_once(tmp_path: Path, scene: Path) -> None:
    shapes = {"a": on_map(0, 0, 10, 10), "b": on_map(5, 0, 15, 10)}
    path = write_zones(tmp_path / "zones.shp", shapes, kind=["forest", "forest"])
    found = mapped_by_zone(scene, tmp_path / "map", read_zones(path, "kind"))
    rows = rows_of(tmp_path / "map")
    assert [row["zone"] for row in rows] == ["forest"] * 3
    assert sum(int(row["pixels"]) for row in rows) == 150
    assert found["made_of"]["zones"] == read_zones(path, "kind").digest


def test_zones_in_another_crs_are_reprojected_and_said(tmp_path: Path, scene: Path) -> None:
    """The same rectangle, its corners in degrees: a tenth of a pixel inside the pixels' edges, so nothing rounds."""
    own = on_map(3.1, 4.1, 27.9, 33.9)
    to_degrees = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True).transform
    degrees = shapely.transform(own, lambda points: np.column_stack(to_degrees(*points.T)))
    raster = read_raster(scene)
    placed = place_zones(read_zones(write_zones(tmp_path / "z.geojson", {"a": degrees}, "EPSG:4326")), raster)
    same = place_zones(read_zones(write_zones(tmp_path / "z.gpkg", {"a": own})), raster)
    masks = [inside(found.zones[0].polygons[0], (0, 40), (0, 50)) for found in (placed, same)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert masks[0].sum() == (28 - 3) * (34 - 4)
    assert same.notes == ()
    assert placed.notes == (
        f"{tmp_path / 'z.geojson'}: reprojected from WGS 84 to WGS 84 / UTM zone 18N, the CRS of {scene}",
    )


def test_what_is_said_of_zones_outside_and_of_features_that_are_no_polygons(tmp_path: Path, scene: Path) -> None:
    shapes = {name: on_map(60 + i, 0, 61 + i, 9) for i, name in enumerate("abcde")}
    path = write_zones(tmp_path / "z.gpkg", {**shapes, "p": shapely.Point(500_000, 4_000_000), "none": None})
    notes = place_zones(read_zones(path), read_raster(scene)).notes
    assert notes == (
        f"{path}: features without a polygon, left out: 2",
        f"{path}: zones that do not touch {scene}, counted as 0: a, b, c and 2 more",
    )


def test_zones_that_touch_no_raster_are_refused_with_both_extents(tmp_path: Path, scene: Path) -> None:
    """40 x 50 pixels of 0.5 m from (x0, y0) down; the zones lie 30 m east of their left edge, in degrees."""
    model = write_model(tmp_path / "model.safetensors")
    far = write_zones(tmp_path / "far.gpkg", {"a": on_map(60, 0, 70, 9)})
    words = {"out": tmp_path / "maps", "device": "cpu", "precision": "32", "zones": far}
    with pytest.raises(InputError) as caught:
        terrazzo.predict(model, scene, **words)
    x, y = GRID.c, GRID.f
    assert str(caught.value) == (
        f"--zones {far}: touches none of the rasters; its zones cover x {x + 30:.9g} to {x + 35:.9g}, "
        f"y {y - 4.5:.9g} to {y:.9g}, and in the same coordinates {scene} covers x {x:.9g} to {x + 25:.9g}, "
        f"y {y - 20:.9g} to {y:.9g}; give zones on it"
    )
    assert not (tmp_path / "maps").exists()
    degrees = write_zones(tmp_path / "far.geojson", {"a": shapely.box(10, 50, 11, 51)}, "EPSG:4326")
    with pytest.raises(InputError, match=r"cover x 10 to 11, y 50 to 51, .* covers x -75 to -74\.99\d+, y 36\.1"):
        terrazzo.predict(model, scene, **{**words, "zones": degrees})
    beside = write_raster(tmp_path / "b.tif", noise(3, 9, 9), transform=Affine(0.5, 0, GRID.c + 29, 0, -0.5, GRID.f))
    said: list[str] = []
    terrazzo.predict(model, [scene, beside], **words, say=said.append)
    assert f"{far}: zones that do not touch {scene}, counted as 0: a" in said


def test_zones_without_a_crs_and_rasters_that_lie_nowhere_are_taken_as_they_are(tmp_path: Path, scene: Path) -> None:
    bare = read_zones(write_zones(tmp_path / "z.shp", {"a": on_map(0, 0, 10, 10)}, None))
    note = place_zones(bare, read_raster(scene)).notes[0]
    assert note.endswith(f"has no coordinate reference system; taken in that of {scene}")
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    with rasterio.open(scene, "r+") as dataset:
        dataset.crs = local
    mapped_by_zone(scene, tmp_path / "map", bare)
    rows = rows_of(tmp_path / "map")
    assert sum(int(row["pixels"]) for row in rows) == 100
    assert {row["area_m2"] for row in rows} == {""}


def test_names_come_from_the_field_or_the_number(tmp_path: Path) -> None:
    box = on_map(0, 0, 9, 9)
    path = write_zones(tmp_path / "z.gpkg", {"x": box, "y": box}, size=np.array([3, np.nan]))
    assert read_zones(path).names == ("x", "y")
    assert read_zones(path, "size").names == ("3", "feature 2")
    columns = [np.array([1, 2])]
    shapes = shapely.to_wkb(np.array([box, box], np.object_))
    pyogrio.raw.write(str(tmp_path / "n.gpkg"), shapes, columns, ["size"], geometry_type="Polygon", crs=UTM)
    assert read_zones(tmp_path / "n.gpkg").names == ("1", "2")
    with pytest.raises(InputError, match=r"z\.gpkg: --zone-field town: has no such field; there are name, size"):
        read_zones(path, "town")


def test_geoparquet_gives_the_zones_that_geopackage_gives(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    shapes, names = [on_map(0, 0, 9, 9), on_map(9, 0, 20, 9).union(on_map(30, 0, 40, 9))], ["north", "south"]
    parquet = read_zones(write_parquet(tmp_path / "z.parquet", shapes, names), "cover")
    assert (parquet.names, [len(polygons) for polygons in parquet.polygons]) == (("north", "south"), [1, 2])
    package = read_zones(write_layer(tmp_path / "z.gpkg", shapes, names, kind="Unknown"), "cover")
    assert package.digest == parquet.digest


# --- what is refused


def test_files_without_zones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.gpkg").write_bytes(b"SQLite format 3\0" + bytes(99))
    (tmp_path / "empty.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    write_zones(tmp_path / "points.gpkg", {"p": shapely.Point(1, 2)})
    for name, words in (
        ("missing.gpkg", "there is no such file"),
        ("broken.gpkg", "cannot be read as a layer of polygons"),
        ("empty.geojson", "is empty, it has no feature; expected polygons"),
        ("points.gpkg", "holds no polygon in its 1 feature (kinds: Point)"),
        ("zones.csv", "expected polygons in a file of .gpkg, .geojson, .json, .shp, .parquet, .fgb"),
    ):
        with pytest.raises(InputError) as caught:
            MapOptions.from_words(zones=tmp_path / name)
        assert str(caught.value).startswith(f"--zones {tmp_path / name}: ")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    shapes = shapely.to_wkb(np.array([on_map(0, 0, 9, 9)], np.object_))
    for layer in ("north", "south"):
        pyogrio.raw.write(
            tmp_path / "two.gpkg",
            shapes,
            [],
            [],
            layer=layer,
            append=layer == "south",
            geometry_type="Polygon",
            crs=UTM,
        )
    with pytest.raises(InputError, match=r"two\.gpkg: has 2 layers \(north, south\); save one as its own file"):
        MapOptions.from_words(zones=tmp_path / "two.gpkg")
    with pytest.raises(InputError, match="--zone-field a: is for --zones FILE"):
        MapOptions.from_words(zone_field="a")


def test_a_raster_without_a_crs_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    zones = write_zones(tmp_path / "z.gpkg", {"a": on_map(0, 0, 9, 9)})
    raster = write_raster(tmp_path / "a.tif", np.ones((3, 40, 50), np.uint8), crs=None)
    from tests.worlds.models import write_model

    with pytest.raises(InputError, match=r"a\.tif: has no coordinate reference system on its grid, .*or leave --zones"):
        terrazzo.predict(write_model(tmp_path / "m.safetensors"), raster, out=tmp_path / "maps", zones=zones)
    assert not (tmp_path / "maps").exists()


def test_polygons_carry_confidences_though_no_map_of_them_is_wanted(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    plain = mapped(raster, tmp_path / "plain")
    both = mapped(raster, tmp_path / "both", MapOptions(confidence=True))
    assert plain["key"] != both["key"]
    assert plain["made_of"]["layers"] == ["classes"]
    tables = []
    for name in ("plain", "both"):
        meta, _, _, fields = pyogrio.raw.read(tmp_path / name / "classes.gpkg", layer="classes")
        tables.append(dict(zip(meta["fields"], fields, strict=True)))
    np.testing.assert_array_equal(tables[0]["confidence"], tables[1]["confidence"])
    assert (tables[0]["confidence"] > 33).all()
    assert set(contents(tmp_path / "both")) - set(contents(tmp_path / "plain")) == {"confidence.tif"}
    assert plain["outputs"] == sorted(path.name for path in (tmp_path / "plain").iterdir())
    assert MapOptions(vector_format="none").computed == ("classes",)
