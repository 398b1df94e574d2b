"""Two maps compared: each figure worked by hand, and what is refused."""

import csv
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.improving.comparing import changes
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.pixels.geodesy import pixel_areas
from tests.worlds.class_maps import write_class_map
from tests.worlds.mapping import Convolving, map_here, model_file
from tests.worlds.rasters import GRID, noise, write_raster
from tests.worlds.sampled_maps import write_map

N = 255
DEGREES = Affine(1, 0, 10, 0, -1, 47)
FIRST = np.array([[0, 0, 1], [1, 2, N], [2, N, N]], np.uint8)
SECOND = np.array([[0, 1, 1], [0, 2, 2], [0, 1, N]], np.uint8)
FILES = {
    *("areas.csv", "changes.csv", "matrix_ha.csv", "matrix_percent.csv", "compare.json"),
    *("changes.tif", "changes.tif.aux.xml", "changes.qml", "changes.gpkg"),
}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def polygons(folder: Path) -> tuple[dict[str, Any], Any]:
    meta, _, shapes, columns = pyogrio.raw.read(folder / "changes.gpkg", layer="changes")
    return dict(zip(meta["fields"].tolist(), columns, strict=True)), shapely.from_wkb(shapes)


def degrees(tmp_path: Path) -> tuple[Path, Path]:
    """Two maps of 3 x 3 degrees: rows of other areas."""
    return (
        write_class_map(tmp_path / "a" / "classes.tif", FIRST, grid=DEGREES, crs="EPSG:4326"),
        write_class_map(tmp_path / "b" / "classes.tif", SECOND, grid=DEGREES, crs="EPSG:4326"),
    )


def test_areas_and_matrix_worked_by_hand(tmp_path: Path) -> None:
    """Of 9 pixels 6 are compared: 3, 2 and 1 of the rows. Road loses one to water; water and wood lose one to road."""
    one, other = degrees(tmp_path)
    done = terrazzo.compare(one.parent, other, out=tmp_path / "out")
    areas = pixel_areas(DEGREES, "EPSG:4326", 3, 3)
    assert areas is not None
    top, middle, bottom = areas.block(0, 3)[:, 0] / 10_000
    whole = 3 * top + 2 * middle + bottom
    expected = [[top, top, 0], [middle, top, 0], [bottom, 0, middle]]
    for name, factor in (("matrix_ha.csv", 1), ("matrix_percent.csv", 100 / whole)):
        rows = table(tmp_path / "out" / name)
        assert [row.pop("from") for row in rows] == ["road", "water", "wood"] == list(rows[0])
        found = [[float(value) for value in row.values()] for row in rows]
        np.testing.assert_allclose(found, np.array(expected) * factor, rtol=1e-9, atol=1e-6)
    rows = table(tmp_path / "out" / "areas.csv")
    assert list(rows[0])[:3] == ["class", "pixels_from", "pixels_to"]
    assert [(row["class"], row["pixels_from"], row["pixels_to"]) for row in rows] == [
        ("road", "2", "3"),
        ("water", "2", "2"),
        ("wood", "2", "1"),
    ]
    assert float(rows[0]["area_from_ha"]) == pytest.approx(2 * top)
    assert float(rows[0]["area_to_ha"]) == pytest.approx(top + middle + bottom)
    assert float(rows[0]["change_ha"]) == pytest.approx(middle + bottom - top)
    assert float(rows[0]["change_percent"]) == pytest.approx(100 * (middle + bottom - top) / (2 * top))
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert record == done.record
    assert record["left_out"] == {"only_from": 0, "only_to": 2, "neither": 1}
    assert (record["compared"]["pixels"], record["changed"]["pixels"]) == (6, 3)
    assert record["changed"]["percent"] == pytest.approx(100 * (top + middle + bottom) / whole)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES == set(record["outputs"])


def test_the_raster_and_its_legend(tmp_path: Path) -> None:
    """Ids by the first class, then the second: road -> water 1, water -> road 2, wood -> road 3; 0 is unchanged."""
    one, other = degrees(tmp_path)
    terrazzo.compare(one, other, out=tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "changes.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), [[0, 1, 0], [2, 0, N], [3, N, N]])
        assert (dataset.nodata, dataset.crs.to_string(), dataset.transform) == (255, "EPSG:4326", DEGREES)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.tags()["CHANGE_1"] == "road -> water"
        # Three quarters of water's (0, 0, 200) and a quarter of road's (200, 100, 0).
        assert dataset.colormap(1)[1][:3] == (50, 25, 150)
    rows = [(row["change_id"], row["from"], row["to"]) for row in table(tmp_path / "out" / "changes.csv")]
    assert rows == [("1", "road", "water"), ("2", "water", "road"), ("3", "wood", "road")]
    text = (tmp_path / "out" / "changes.tif.aux.xml").read_text(encoding="utf-8")
    assert "<Category>unchanged</Category>" in text
    assert "<F>road -&gt; water</F>" in text
    assert 'value="2" color="#' in (tmp_path / "out" / "changes.qml").read_text(encoding="utf-8")


def test_the_polygons_are_the_changes(tmp_path: Path) -> None:
    ids = np.kron(np.random.default_rng(1).integers(0, 3, (6, 5)), np.ones((9, 8))).astype(np.uint8)
    later = np.kron(np.random.default_rng(2).integers(0, 3, (6, 5)), np.ones((9, 8))).astype(np.uint8)
    later[:3] = N
    one, other = write_class_map(tmp_path / "a.tif", ids), write_class_map(tmp_path / "b.tif", later)
    terrazzo.compare(one, other, out=tmp_path / "out")
    fields, shapes = polygons(tmp_path / "out")
    assert list(fields) == ["from", "to", "area_ha"]
    assert shapely.is_valid(shapes).all()
    assert not (fields["from"] == fields["to"]).any()
    for row in table(tmp_path / "out" / "changes.csv"):
        own = (fields["from"] == row["from"]) & (fields["to"] == row["to"])
        assert fields["area_ha"][own].sum() == pytest.approx(float(row["area_ha"]), abs=1e-6)
    style = pyogrio.raw.read(tmp_path / "out" / "changes.gpkg", layer="layer_styles", columns=["styleQML"])[3][0]
    assert len(style) == 1
    assert 'value="road -&gt; water"' in style[0]


def test_two_equal_maps_give_a_diagonal_matrix(tmp_path: Path) -> None:
    ids = noise(70, 90, seed=4) % 4
    ids[ids == 3] = N
    one, other = write_class_map(tmp_path / "a.tif", ids), write_class_map(tmp_path / "b.tif", ids)
    done = terrazzo.compare(one, other, out=tmp_path / "out")
    matrix = np.array(done.record["matrix_ha"])
    assert (matrix[~np.eye(3, dtype=bool)] == 0).all()
    assert (matrix.diagonal() > 0).all()
    assert done.record["changed"] == {"pixels": 0, "area_ha": 0.0, "percent": 0.0}
    assert len(polygons(tmp_path / "out")[1]) == 0
    with rasterio.open(tmp_path / "out" / "changes.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), np.where(ids == N, N, 0))


def test_classes_are_matched_by_name_and_differences_reported(tmp_path: Path) -> None:
    """The second map numbers water 0 and road 1, and has a class of its own."""
    one = write_class_map(tmp_path / "a.tif", np.array([[0, 1, 2, 2]], np.uint8))
    other = write_class_map(tmp_path / "b.tif", np.array([[1, 0, 0, 2]], np.uint8), ("water", "road", "grass"))
    said: list[str] = []
    done = terrazzo.compare(one, other, out=tmp_path / "out", say=said.append)
    assert done.record["classes"] == ["road", "water", "wood", "grass"]
    assert done.record["matrix_pixels"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    assert said == [f"classes are matched by name: only {one} has 'wood', only {other} has 'grass'"]
    same = write_class_map(tmp_path / "c.tif", np.array([[1, 0, 2, 2]], np.uint8), ("water", "road", "wood"))
    said.clear()
    assert terrazzo.compare(one, same, out=tmp_path / "same", say=said.append).record["changed"]["pixels"] == 0
    assert said == ["classes are matched by name: the two maps number them in different orders"]


def test_other_grids_are_refused_or_warped(tmp_path: Path) -> None:
    """The second map begins one row lower and two columns to the right: the rest of it is compared pixel by pixel."""
    ids = noise(40, 50, seed=5) % 3
    one = write_class_map(tmp_path / "a.tif", ids, grid=Affine(2, 0, 500_000, 0, -2, 4_000_000))
    other = write_class_map(tmp_path / "b.tif", ids[1:, 2:], grid=Affine(2, 0, 500_004, 0, -2, 3_999_998))
    with pytest.raises(
        InputError, match=r"b\.tif: lies on another grid .* or warp the second to the first with --warp"
    ):
        terrazzo.compare(one, other, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    said: list[str] = []
    done = terrazzo.compare(one, other, out=tmp_path / "out", warp=True, say=said.append)
    assert done.record["warped"]
    assert (done.record["compared"]["pixels"], done.record["changed"]["pixels"]) == (39 * 48, 0)
    assert len(said) == 1
    assert "is warped to that of a.tif" in said[0]
    assert "by nearest neighbour" in said[0]


def test_another_crs_is_warped_too(tmp_path: Path) -> None:
    """Each pixel is compared with the one of the second map in which its centre lies, found here by PROJ."""
    ids = np.kron(noise(12, 12, seed=6) % 3, np.ones((6, 6), np.uint8))
    there = write_class_map(tmp_path / "b.tif", ids, grid=Affine(1e-5, 0, -75.0001, 0, -1e-5, 36.1447), crs="EPSG:4326")
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32618", always_xy=True)
    x, y = np.floor(to_utm.transform(-75, 36.1446))
    grid = Affine(1, 0, x, 0, -1, y)
    here = write_class_map(tmp_path / "a.tif", np.zeros((40, 30), np.uint8), grid=grid)
    with pytest.raises(InputError, match=r"EPSG:4326.*EPSG:32618"):
        terrazzo.compare(here, there, out=tmp_path / "out")
    done = terrazzo.compare(here, there, out=tmp_path / "out", warp=True)
    rows, cols = np.mgrid[:40, :30] + 0.5
    lon, lat = to_utm.transform(x + cols, y - rows, direction="INVERSE")
    expected = ids[((36.1447 - lat) / 1e-5).astype(int), ((lon + 75.0001) / 1e-5).astype(int)]
    found = np.array(done.record["matrix_pixels"][0])
    assert found.sum() == 1200
    assert abs(found - np.bincount(expected.ravel(), minlength=3)).max() <= 2  # centres within 0.001 px of a border


def test_a_warp_without_effect_is_reported(tmp_path: Path) -> None:
    one, other = degrees(tmp_path)
    said: list[str] = []
    terrazzo.compare(one, other, out=tmp_path / "out", warp=True, say=said.append)
    assert said == ["--warp: has no effect, as both maps lie on one grid"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_without_a_place_pixels_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_class_map(tmp_path / "a.tif", FIRST, crs=None, grid=Affine.identity())
    other = write_class_map(tmp_path / "b.tif", SECOND, crs=None, grid=Affine.identity())
    assert run(["compare", str(one), str(other), "--out", str(tmp_path / "out")]) == 0
    assert "compared: 6 pixels; changed: 3 pixels, 50.00 %" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - {"matrix_ha.csv"}
    rows = table(tmp_path / "out" / "areas.csv")
    assert [(row["pixels_from"], row["area_from_ha"], row["change_ha"]) for row in rows] == [
        ("2", "", ""),
        ("2", "", ""),
        ("2", "", ""),
    ]
    assert [row["change_percent"] for row in rows] == ["50.000000", "0.000000", "-50.000000"]
    assert np.isnan(polygons(tmp_path / "out")[0]["area_ha"]).all()


def test_more_pairs_than_a_byte_takes(tmp_path: Path) -> None:
    """17 classes in every pair: 272 changes have the ids 1 to 273, as 255 is nodata."""
    names = tuple(f"c{i}" for i in range(17))
    rows, cols = np.mgrid[:17, :17].astype(np.uint8)
    rows, cols = np.pad(rows, 1, constant_values=N), np.pad(cols, 1, constant_values=N)
    one, other = write_class_map(tmp_path / "a.tif", rows, names), write_class_map(tmp_path / "b.tif", cols, names)
    done = terrazzo.compare(one, other, out=tmp_path / "out")
    numbers = [each["change_id"] for each in done.record["changes"]]
    assert numbers == [i for i in range(1, 274) if i != 255]
    with rasterio.open(tmp_path / "out" / "changes.tif") as dataset:
        ids = dataset.read(1)
        assert (dataset.dtypes, dataset.nodata) == (("uint16",), 255)
        assert dataset.tags()["CHANGE_273"] == "c16 -> c15"
    assert (ids == 255).sum() == 4 * 18
    assert sorted(ids[ids != 255].tolist()) == sorted([0] * 17 + numbers)
    fields, _ = polygons(tmp_path / "out")
    assert len(fields["from"]) == 272
    assert {*zip(fields["from"], fields["to"], strict=True)} == {(a, b) for a in names for b in names if a != b}
    assert changes.Changes((), None).dtype == "uint8"  # type: ignore[arg-type]


def test_maps_of_two_models_are_compared_from_their_folders(tmp_path: Path) -> None:
    """Without nodata, the areas are those of the maps' own areas.csv."""
    raster = write_raster(tmp_path / "scene.tif", noise(3, 107, 151, seed=3))
    for seed, name in ((0, "one"), (1, "other")):
        job = plan_map(raster, tmp_path / name, model_file(tmp_path), MapOptions(vector_format="none"))
        map_here(job, Convolving(model_file(tmp_path).header, seed))
    done = terrazzo.compare(tmp_path / "one", tmp_path / "other", out=tmp_path / "out")
    for name, key in (("one", "area_from_ha"), ("other", "area_to_ha")):
        own = [float(row["area_ha"]) for row in table(tmp_path / name / "areas.csv")]
        np.testing.assert_allclose([row[key] for row in done.record["areas"]], own, rtol=1e-9, atol=1e-7)
    assert done.record["compared"]["pixels"] == 107 * 151


def test_a_finished_comparison_is_kept_and_only_it_is_replaced(tmp_path: Path) -> None:
    one, other = degrees(tmp_path)
    first = terrazzo.compare(one, other, out=tmp_path / "out")
    again = terrazzo.compare(one, other, out=tmp_path / "out")
    assert (first.kept, again.kept) == (False, True)
    assert again.lines() == first.lines()
    with pytest.raises(OutputExistsError, match="already exists and is not a comparison"):
        terrazzo.compare(other, one, out=tmp_path / "out")
    assert not terrazzo.compare(other, one, out=tmp_path / "out", overwrite=True).kept
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"holds thesis\.txt"):
        terrazzo.compare(one, other, out=tmp_path / "out", overwrite=True)
    with pytest.raises(OutputExistsError, match=r"holds classes\.tif"):
        terrazzo.compare(one, other, out=one.parent, overwrite=True)


def test_a_comparison_broken_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = degrees(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(changes, "write_polygons", stop)
    with pytest.raises(KeyboardInterrupt):
        terrazzo.compare(one, other, out=tmp_path / "new" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_map_with_another_value_of_nodata_has_no_class_there(tmp_path: Path) -> None:
    """One pixel of 6 x 9 is nodata in the second map alone."""
    ids = np.ones((6, 9), np.uint8)
    with_hole = ids.copy()
    with_hole[2, 3] = 9
    one = write_map(tmp_path / "a.tif", ids)
    other = write_map(tmp_path / "b.tif", with_hole, nodata=9)
    shifted = write_map(tmp_path / "c.tif", with_hole, nodata=9, transform=GRID @ Affine.translation(0.25, 0))
    for name, second, warp in (("plain", other, False), ("warped", shifted, True)):
        record = terrazzo.compare(one, second, out=tmp_path / name, warp=warp).record
        assert record["compared"]["pixels"] == 53
        assert record["left_out"] == {"only_from": 1, "only_to": 0, "neither": 0}


def folder_of_maps(tmp_path: Path) -> Path:
    write_class_map(tmp_path / "maps" / "north" / "classes.tif", FIRST)
    write_class_map(tmp_path / "maps" / "south" / "classes.tif", FIRST)
    return tmp_path / "maps"


def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (lambda at: at / "lost", "lost: there is no such file or folder; expected a map, as predict wrote it"),
    "a folder of maps": (folder_of_maps, r"holds 2 maps \(north, south\); name one, as .*north"),
    "no map": (empty, r"empty: holds no classes\.tif; expected the folder of one map, as predict wrote it"),
    "another raster": (
        lambda at: write_raster(at / "x.tif", np.ones((1, 3, 3), np.uint8)),
        r"x\.tif: names no classes; expected the classes\.tif",
    ),
    "an id without a class": (
        lambda at: write_class_map(at / "x.tif", np.where(FIRST == 2, 7, FIRST)),
        r"x\.tif: holds the class id 7, but names the classes 0, 1, 2",
    ),
    "nothing in common": (
        lambda at: write_class_map(at / "x.tif", np.where(FIRST == N, 1, N).astype(np.uint8)),
        r"x\.tif: no pixel holds a class both there and in",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_compared_is_refused(name: str, tmp_path: Path) -> None:
    build, words = WRONG[name]
    one = write_class_map(tmp_path / "a.tif", FIRST)
    with pytest.raises(InputError, match=words):
        terrazzo.compare(one, build(tmp_path), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_maps_of_two_places_are_refused_with_warp_too(tmp_path: Path) -> None:
    one = write_class_map(tmp_path / "a.tif", FIRST)
    other = write_class_map(tmp_path / "b.tif", FIRST, grid=Affine(0.5, 0, 700_000, 0, -0.5, 4_000_000))
    with pytest.raises(InputError, match="does not overlap"):
        terrazzo.compare(one, other, out=tmp_path / "out", warp=True)


def test_memory_does_not_grow_with_the_height(tmp_path: Path) -> None:
    """Peak of the arrays: a map of 1,024 rows and one of 4,096."""
    peaks = []
    for height in (1024, 4096):
        ids = (np.arange(height)[:, None] // 64 + np.arange(256)[None] // 64) % 3
        one = write_class_map(tmp_path / f"a{height}.tif", ids.astype(np.uint8))
        other = write_class_map(tmp_path / f"b{height}.tif", ((ids + 1) % 3).astype(np.uint8))
        tracemalloc.start()
        terrazzo.compare(one, other, out=tmp_path / f"out{height}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
