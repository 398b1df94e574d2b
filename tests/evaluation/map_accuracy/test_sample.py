"""`terrazzo sample`."""

import tracemalloc
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import shapely
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import InputError, OutputExistsError
from tests.worlds.rasters import GRID
from tests.worlds.sampled_maps import NAMES, fill_in, points_of, striped_ids, write_map


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with a map."""
    return write_map(tmp_path / "maps" / "classes.tif", striped_ids()).parent


def test_a_sample_has_points_with_stratum_weight_and_empty_reference_and_a_table(scene: Path, tmp_path: Path) -> None:
    path = tmp_path / "points.gpkg"
    made = terrazzo.sample(scene, points=300, out=path)
    assert (made.points, made.strata, made.kept) == (300, 3, False)
    assert {str(name): kind for name, kind in pyogrio.list_layers(path)} == {
        "points": "Point",
        "strata": None,
        "layer_styles": None,
    }
    points, strata = points_of(path), points_of(path, "strata")
    assert list(points) == ["id", "stratum", "weight", "reference", "geometry"]
    assert points["id"].tolist() == list(range(1, 301))
    assert set(points["reference"].tolist()) == {""}
    assert pyogrio.read_info(path, layer="points")["crs"] == "EPSG:32618"
    ids = striped_ids()
    by_number = dict(zip(strata["stratum"].tolist(), strata["class"].tolist(), strict=True))
    cols = (shapely.get_x(points["geometry"]) - GRID.c) / GRID.a
    rows = (shapely.get_y(points["geometry"]) - GRID.f) / GRID.e
    assert set((cols % 1).tolist()) == set((rows % 1).tolist()) == {0.5}
    there = [NAMES[i] for i in ids[rows.astype(int), cols.astype(int)].tolist()]
    assert there == [by_number[number] for number in points["stratum"].tolist()]
    # 1,650, 8,250 and 23,473 pixels: 20 for the first, and 280 for the others in proportion: 72.8 and 207.2.
    table = dict(zip(strata["class"].tolist(), zip(strata["pixels"], strata["points"], strict=True), strict=True))
    assert table == {"water": (1650, 20), "road": (8250, 73), "field": (23473, 207)}
    weights = {by_number[n]: w for n, w in zip(points["stratum"].tolist(), points["weight"].tolist(), strict=True)}
    assert weights == pytest.approx({"water": 1650 / 20, "road": 8250 / 73, "field": 23473 / 207})
    assert strata["area_ha"] == pytest.approx(strata["pixels"] * 0.25e-4, rel=0.002)
    assert set(strata["class_id"].tolist()) == {0, 1, 2}


def test_neither_the_layer_nor_ids_nor_the_numbers_of_strata_tell_the_class(scene: Path, tmp_path: Path) -> None:
    orders = set()
    for seed in range(6):
        path = tmp_path / f"{seed}.gpkg"
        terrazzo.sample(scene, out=path, seed=seed)
        points, strata = points_of(path), points_of(path, "strata")
        orders.add(tuple(strata["class"].tolist()))
        assert "class" not in points
        water = points["id"][points["stratum"] == strata["stratum"][strata["class"] == "water"][0]]
        assert water.min() < 100 < 200 < water.max()
    assert len(orders) > 2


def test_qgis_shows_one_mark_for_all_and_lists_the_classes(scene: Path, tmp_path: Path) -> None:
    terrazzo.sample(scene, out=tmp_path / "points.gpkg")
    style = points_of(tmp_path / "points.gpkg", "layer_styles")
    assert (style["f_table_name"][0], style["f_geometry_column"][0], bool(style["useAsDefault"][0])) == (
        "points",
        "geom",
        True,
    )
    qgis = ElementTree.fromstring(str(style["styleQML"][0]).split("\n", 1)[1])
    assert [each.get("type") for each in qgis.iter("renderer-v2")] == ["singleSymbol"]
    assert len(list(qgis.iter("symbol"))) == 1
    (field,) = qgis.iterfind("fieldConfiguration/field")
    assert (field.get("name"), field[0].get("type")) == ("reference", "ValueMap")
    names = [entry[0].get("value") for entry in field.iterfind(".//Option[@type='List']/Option")]
    assert names == ["", "field", "road", "water"]


def test_the_same_sample_has_the_same_bytes_and_another_seed_others(scene: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.gpkg" for name in "abc"]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        terrazzo.sample(scene, out=path, seed=seed)
    a, b, c = (path.read_bytes() for path in paths)
    assert a == b != c


def test_a_sample_is_kept_with_what_was_filled_in_and_never_lost(scene: Path, tmp_path: Path) -> None:
    path = tmp_path / "points.gpkg"
    terrazzo.sample(scene, points=100, out=path)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        terrazzo.sample(scene, points=120, out=path)
    terrazzo.sample(scene, points=120, out=path, overwrite=True)
    fill_in(path, ["water"] + [""] * 119)
    before = path.read_bytes()
    assert terrazzo.sample(scene, points=120, out=path).kept
    with pytest.raises(OutputExistsError, match="holds references of 1 point, so --overwrite does not replace it"):
        terrazzo.sample(scene, points=120, out=path, overwrite=True)
    assert path.read_bytes() == before
    (tmp_path / "thesis.gpkg").write_bytes(b"years of work")
    with pytest.raises(OutputExistsError, match="is no sample of points"):
        terrazzo.sample(scene, out=tmp_path / "thesis.gpkg", overwrite=True)


def test_a_class_of_fewer_pixels_than_points_is_drawn_whole_and_a_note_says_so(tmp_path: Path) -> None:
    ids = striped_ids()
    ids[ids == 0] = 1
    ids[3, 4:9] = 0
    said: list[str] = []
    made = terrazzo.sample(
        write_map(tmp_path / "classes.tif", ids), points=60, out=tmp_path / "points.gpkg", say=said.append
    )
    assert made.points == 60
    assert [line for line in said if "all 5 pixels of water are in the sample" in line]


def test_a_map_without_a_place_is_sampled_by_pixels(tmp_path: Path) -> None:
    path = write_map(tmp_path / "classes.tif", striped_ids(), crs=None, transform=None)
    said: list[str] = []
    terrazzo.sample(path, out=tmp_path / "points.gpkg", say=said.append)
    assert ["weighed by their pixels" in line for line in said] == [True]
    points = points_of(tmp_path / "points.gpkg")
    assert (shapely.get_y(points["geometry"]) < 0).all()
    assert np.isnan(points_of(tmp_path / "points.gpkg", "strata")["area_ha"]).all()


def test_a_map_whose_pixels_differ_in_area_gets_a_warning(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", striped_ids(), crs="EPSG:4326", transform=Affine(0.1, 0, 0, 0, -0.1, 60))
    said: list[str] = []
    terrazzo.sample(path, out=tmp_path / "points.gpkg", say=said.append)
    assert said[0].startswith(f"warning: {path}: its largest pixel has ")
    assert "equal-area" in said[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": 0}, "--points 0: expected 1 to"),
        ({"points": 59}, "--points 59: too few for 3 classes; expected at least 60, 20 each"),
        ({"seed": -1}, "--seed -1"),
        ({"out": "points.shp"}, "expected a name that ends in .gpkg"),
    ],
)
def test_what_cannot_be_drawn_is_refused(scene: Path, tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        terrazzo.sample(scene, **({"out": tmp_path / "points.gpkg"} | options))  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert not list(tmp_path.glob("*.gpkg"))


def test_memory_does_not_grow_with_the_rows_of_a_map(tmp_path: Path) -> None:
    def peak(height: int) -> int:
        path = write_map(tmp_path / f"{height}.tif", striped_ids(height, 1000), tiled=True, compress="deflate")
        tracemalloc.start()
        terrazzo.sample(path, out=tmp_path / f"{height}.gpkg")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(64)  # what is imported
    low, high = 1024, 8192
    assert peak(high) < 1.2 * peak(low)
