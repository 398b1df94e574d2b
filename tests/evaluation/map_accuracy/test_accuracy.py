"""`terrazzo evaluate MAP --truth`: samples, other points, polygons, and what is wrong with them."""

import csv
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from numpy.typing import NDArray

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError
from tests.worlds.confusions import OLOFSSON_COUNTS, OLOFSSON_PIXELS
from tests.worlds.layers import CRS, rectangle, write_layer
from tests.worlds.rasters import GRID
from tests.worlds.sampled_maps import NAMES, fill_in, labels_at, points_of, striped_ids, write_map

FIELDS = ["class_id", "class", "area_ha", "adjusted_ha", "low_ha", "high_ha"]


def truth_ids() -> NDArray[np.uint8]:
    """The map's classes, 9 columns further to the right."""
    ids = np.roll(striped_ids(), 9, axis=1)
    ids[:, :9] = 0
    ids[ids == 255] = 2
    return ids


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A folder with a map."""
    return write_map(tmp_path / "maps" / "classes.tif", striped_ids()).parent


@pytest.fixture
def points(scene: Path, tmp_path: Path) -> Path:
    """A sample of it, filled in."""
    path = tmp_path / "points.gpkg"
    terrazzo.sample(scene, points=200, out=path)
    return fill_in(path, labels_at(path, truth_ids()))


def other_points(path: Path, cells: list[tuple[int, int]], labels: list[str], crs: str = CRS) -> Path:
    """Points at the centres of pixels (row, col), with a class in the field `Class`."""
    at = [(GRID.c + (col + 0.5) * GRID.a, GRID.f + (row + 0.5) * GRID.e) for row, col in cells]
    shapes = [shapely.Point(*xy) for xy in at]
    write_layer(path, shapes, labels, crs, kind="Point")
    meta, _, wkb, columns = pyogrio.raw.read(str(path))
    fields = ["Class" if name == "cover" else name for name in meta["fields"]]
    path.unlink()
    pyogrio.raw.write(
        *(str(path), wkb, columns, fields), layer="seen", driver="GPKG", geometry_type="Point", crs=meta["crs"]
    )
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_worked_example_from_map_to_table(tmp_path: Path) -> None:
    """Olofsson et al. 2014 at a 1000th of its pixels, of 1 ha: 235 ha +- 68 of deforestation, mapped as 200."""
    names = ("deforestation", "forest gain", "stable forest", "stable non-forest")
    ids = np.repeat(np.arange(4, dtype=np.uint8), [200, 150, 3200, 6450]).reshape(100, 100)
    path = write_map(tmp_path / "classes.tif", ids, names, transform=type(GRID)(100, 0, 500_000, 0, -100, 4_000_000))
    terrazzo.sample(path, points=640, out=tmp_path / "points.gpkg")
    strata = points_of(tmp_path / "points.gpkg", "strata")
    counts = OLOFSSON_COUNTS[strata["class_id"]]
    # Its own allocation, 75, 75, 165 and 325, is not ours; so its table of counts stands in for the sample.
    shapes, stratum, references = [], [], []
    for number, row, class_id in zip(strata["stratum"], counts, strata["class_id"], strict=True):
        cells = np.argwhere(ids == class_id)[: row.sum()]
        shapes += [shapely.Point(500_050 + 100 * x, 3_999_950 - 100 * y) for y, x in cells.tolist()]
        stratum += [number] * int(row.sum())
        references += [names[j] for j in np.repeat(np.arange(4), row)]
    columns = [np.arange(1, 641), np.array(stratum), np.ones(640), np.array(references, np.object_)]
    pyogrio.raw.write(
        *(str(tmp_path / "points.gpkg"), shapely.to_wkb(np.array(shapes)), columns),
        ["id", "stratum", "weight", "reference"],
        layer="points",
        driver="GPKG",
        geometry_type="Point",
        crs=CRS,
    )
    done = terrazzo.evaluate(path, truth=tmp_path / "points.gpkg", out=tmp_path / "report")
    assert done.scores["accuracy"] == pytest.approx(0.9465, abs=5e-5)
    assert done.scores["intervals"]["accuracy"] == pytest.approx([0.9465 - 0.0185, 0.9465 + 0.0185], abs=1e-4)
    row, *others = rows_of(tmp_path / "report" / "areas_adjusted.csv")
    assert list(row) == FIELDS
    assert (row["class_id"], row["class"], len(others)) == ("0", "deforestation", 3)
    area = float(row["area_ha"])
    assert area == pytest.approx(200, rel=2e-3)  # on the ellipsoid
    scale = area / 200
    assert [float(row[name]) for name in FIELDS[3:]] == pytest.approx(
        [235.086 * scale, 166.668 * scale, 303.504 * scale], rel=2e-4
    )


def test_the_worked_example_to_the_digit_on_a_map_of_its_size(tmp_path: Path) -> None:
    """10 million pixels of 30 m in an equal-area projection: 21,158 ha +- 6,158 of deforestation, mapped as 18,000."""
    names = ("deforestation", "forest gain", "stable forest", "stable non-forest")
    ids = np.repeat(np.arange(4, dtype=np.uint8), OLOFSSON_PIXELS).reshape(2500, 4000)
    grid = type(GRID)(30, 0, 0, 0, -30, 600_000)
    path = write_map(tmp_path / "classes.tif", ids, names, crs="EPSG:6933", transform=grid, compress="deflate")
    cells, labels = [], []
    for k, row in enumerate(OLOFSSON_COUNTS):
        cells += np.argwhere(ids == k)[:: OLOFSSON_PIXELS[k] // row.sum()][: row.sum()].tolist()
        labels += [names[j] for j in np.repeat(np.arange(4), row)]
    shapes = shapely.to_wkb(np.array([shapely.Point(15 + 30 * col, 600_000 - 15 - 30 * row) for row, col in cells]))
    pyogrio.raw.write(
        *(str(tmp_path / "seen.gpkg"), shapes, [np.array(labels, np.object_)], ["reference"]),
        driver="GPKG",
        geometry_type="Point",
        crs="EPSG:6933",
    )
    terrazzo.evaluate(path, truth=tmp_path / "seen.gpkg", design="simple", out=tmp_path / "report")
    row = rows_of(tmp_path / "report" / "areas_adjusted.csv")[0]
    # 21,157.76 - 6,157.63 and 21,157.76 + 6,157.63
    assert [round(float(row[name])) for name in FIELDS[2:]] == [18_000, 21_158, 15_000, 27_315]


def test_a_sample_gives_accuracies_and_areas_with_intervals_in_files_and_lines(
    scene: Path, points: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(scene), "--truth", str(points), "--out", str(tmp_path / "report")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("accuracy 0.")
    assert out[0].endswith("by 200 points")
    assert [line.split()[0] for line in out[3:6]] == list(NAMES)
    assert all(len(re.findall(r"[01]\.\d{3} \([01]\.\d{3}-[01]\.\d{3}\)", line)) == 2 for line in out[3:6])
    assert all(" to " in line for line in out[3:6])
    assert max(map(len, out[:6])) <= 100
    scores = json.loads((tmp_path / "report" / "scores.json").read_text())
    assert (scores["design"], scores["used"], scores["left_out"]) == ("stratified", 200, 0)
    low, high = scores["intervals"]["accuracy"]
    assert low < scores["accuracy"] < high
    assert set(scores["user_accuracy"]) == set(scores["producer_accuracy"]) == set(NAMES)
    matrix = np.array(scores["error_matrix"]["counts"])
    assert matrix.sum() == 200
    assert np.sum(scores["error_matrix"]["proportions"]) == pytest.approx(1)
    rows = rows_of(tmp_path / "report" / "areas_adjusted.csv")
    assert sum(float(row["adjusted_ha"]) for row in rows) == pytest.approx(scores["total_ha"], rel=1e-6)
    for i, row in enumerate(rows):
        true = (truth_ids()[striped_ids() != 255] == i).sum() * 0.25e-4
        assert float(row["low_ha"]) <= true <= float(row["high_ha"])
    assert run(["evaluate", str(scene), "--truth", str(points), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == scores
    counts = rows_of(tmp_path / "report" / "error_matrix.csv")
    assert [row["map"] for row in counts] == list(NAMES)
    assert [[int(row[name]) for name in NAMES] for row in counts] == matrix.tolist()
    assert (tmp_path / "report" / "error_matrix_area.csv").is_file()


def test_a_finished_report_is_kept_and_another_refused(scene: Path, points: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert not terrazzo.evaluate(scene, truth=points, out=out).kept
    assert terrazzo.evaluate(scene, truth=points, out=out).kept
    labels = labels_at(points, truth_ids())
    fill_in(points, ["", *labels[1:]])
    with pytest.raises(OutputExistsError, match="--overwrite"):
        terrazzo.evaluate(scene, truth=points, out=out)
    (out / "thesis.txt").write_text("years of work")
    assert terrazzo.evaluate(scene, truth=points, out=out, overwrite=True).scores["left_out"] == 1
    assert (out / "thesis.txt").is_file()


def test_points_without_a_reference_are_left_out_and_counted(scene: Path, points: Path) -> None:
    labels: list[str | None] = list(labels_at(points, truth_ids()))
    labels[:3] = [None, "", "  "]
    labels[3] = str(labels[3]).upper()
    done = terrazzo.evaluate(scene, truth=fill_in(points, labels))
    assert (done.scores["used"], done.scores["left_out"]) == (197, 3)
    assert done.lines()[0].endswith("by 197 points, 3 left out")


def test_references_that_are_no_class_are_named(scene: Path, points: Path) -> None:
    labels = labels_at(points, truth_ids())
    labels[:3] = ["lake", "Lak", "lake"]
    with pytest.raises(InputError) as caught:
        terrazzo.evaluate(scene, truth=fill_in(points, labels))
    assert "references that are no class of the map: 'lake' (2 points), 'Lak' (1 point)" in str(caught.value)
    assert "expected water, road, field" in str(caught.value)


def test_a_class_of_the_reference_alone_has_an_area(tmp_path: Path) -> None:
    path = write_map(tmp_path / "classes.tif", striped_ids(), (*NAMES, "rock"))
    terrazzo.sample(path, points=200, out=tmp_path / "points.gpkg")
    labels = labels_at(tmp_path / "points.gpkg", truth_ids())
    labels[:8] = ["rock"] * 8
    rock = terrazzo.evaluate(path, truth=fill_in(tmp_path / "points.gpkg", labels)).scores["classes"][3]
    assert (rock["area_ha"], rock["user_accuracy"], rock["producer_accuracy"]) == (0, None, 0)
    assert rock["low_ha"] < rock["adjusted_ha"] < rock["high_ha"]


def test_points_that_were_moved_or_added_are_refused(scene: Path, points: Path) -> None:
    labels = labels_at(points, truth_ids())
    row = points_of(points)["stratum"].tolist().index(points_of(points, "strata")["stratum"][0])
    elsewhere = points_of(points)["geometry"][
        next(i for i, n in enumerate(points_of(points)["stratum"]) if n != points_of(points)["stratum"][row])
    ]
    fill_in(points, labels, {row: elsewhere})
    with pytest.raises(InputError, match=f"points {row + 1} were moved"):
        terrazzo.evaluate(scene, truth=points)
    fill_in(points, labels, {row: shapely.Point(0, 0)})
    with pytest.raises(InputError, match=f"points {row + 1} lie off the map"):
        terrazzo.evaluate(scene, truth=points)


def test_a_stratum_with_too_few_references_is_named(scene: Path, points: Path) -> None:
    strata = points_of(points, "strata")
    water = strata["stratum"][strata["class"] == "water"][0]
    labels = [
        "" if number == water else name
        for number, name in zip(points_of(points)["stratum"], labels_at(points, truth_ids()), strict=True)
    ]
    with pytest.raises(InputError, match=f"fewer than 2 points with a reference in stratum {water}; fill in more"):
        terrazzo.evaluate(scene, truth=fill_in(points, labels))


def test_nothing_filled_in_is_refused(scene: Path, tmp_path: Path) -> None:
    terrazzo.sample(scene, out=tmp_path / "points.gpkg")
    with pytest.raises(InputError, match="none of its 300 points has a reference"):
        terrazzo.evaluate(scene, truth=tmp_path / "points.gpkg")


def test_a_map_made_again_is_scored_by_the_strata_of_the_map_that_was_sampled(
    scene: Path, points: Path, tmp_path: Path
) -> None:
    """The perfect map: right at every point; one of other ground is refused."""
    ids = truth_ids()
    ids[striped_ids() == 255] = 255
    better = write_map(tmp_path / "better.tif", ids)
    said: list[str] = []
    done = terrazzo.evaluate(better, truth=points, say=said.append)
    assert done.scores["accuracy"] == pytest.approx(1)
    assert said == [f"{points}: drawn from another map of the same ground; its strata are that map's"]
    before = terrazzo.evaluate(scene, truth=points).scores["classes"]
    for old, new in zip(before, done.scores["classes"], strict=True):
        assert old["adjusted_ha"] == pytest.approx(new["adjusted_ha"])
    smaller = write_map(tmp_path / "smaller.tif", ids[:100])
    with pytest.raises(InputError, match="was drawn from a map of another grid or of other valid pixels"):
        terrazzo.evaluate(smaller, truth=points)


CELLS = [(row, col) for row in (5, 40, 77, 101) for col in (3, 9, 20, 33, 60, 64, 90, 120, 160, 200)]


def test_points_of_other_origin_give_accuracy_alone(scene: Path, tmp_path: Path) -> None:
    """The map has columns up to 11, 66 and 223; the truth 20, 75 and 223: wrong are those at 20 and none besides."""
    labels = [NAMES[i] for i in truth_ids()[tuple(np.array(CELLS).T)]]
    wrong = sum(striped_ids()[cell] != truth_ids()[cell] for cell in CELLS)
    path = other_points(tmp_path / "seen.gpkg", CELLS, labels)
    said: list[str] = []
    done = terrazzo.evaluate(scene, truth=path, say=said.append, out=tmp_path / "report")
    assert done.scores["accuracy"] == pytest.approx(1 - wrong / 40)
    assert (done.scores["design"], done.scores["intervals"]) == ("none", {})
    assert "gives accuracy alone, and no areas" in said[0]
    assert "--design simple" in said[0]
    assert sorted(file.name for file in (tmp_path / "report").iterdir()) == ["error_matrix.csv", "scores.json"]


def test_with_design_simple_they_are_stratified_afterwards(scene: Path, tmp_path: Path) -> None:
    """Accuracy is the sum over the map's classes of its share of the area times the share of right points."""
    ids, truth = striped_ids(), truth_ids()
    path = other_points(tmp_path / "seen.gpkg", CELLS, [NAMES[truth[cell]] for cell in CELLS])
    scores = terrazzo.evaluate(scene, truth=path, design="simple").scores
    expected = 0.0
    for k, pixels in enumerate((1650, 8250, 23473)):
        here = [cell for cell in CELLS if ids[cell] == k]
        expected += pixels / 33373 * np.mean([truth[cell] == k for cell in here])
    assert scores["accuracy"] == pytest.approx(expected, rel=1e-3)
    assert scores["design"] == "simple"
    assert scores["classes"][0]["adjusted_ha"] is not None


def test_a_sample_that_lost_its_table_is_not_taken_for_a_simple_one(scene: Path, points: Path, tmp_path: Path) -> None:
    meta, _, wkb, columns = pyogrio.raw.read(str(points), layer="points")
    alone = tmp_path / "exported.geojson"
    pyogrio.raw.write(
        *(str(alone), wkb, columns, meta["fields"].tolist()), driver="GeoJSON", geometry_type="Point", crs=meta["crs"]
    )
    assert terrazzo.evaluate(scene, truth=alone).scores["design"] == "none"
    with pytest.raises(InputError, match="has the fields of a stratified sample without its table strata"):
        terrazzo.evaluate(scene, truth=alone, design="simple")


def test_a_map_without_a_place_has_shares(tmp_path: Path) -> None:
    path = write_map(tmp_path / "classes.tif", striped_ids(), crs=None, transform=None)
    terrazzo.sample(path, out=tmp_path / "points.gpkg")
    strata = points_of(tmp_path / "points.gpkg", "strata")
    names = dict(zip(strata["stratum"], strata["class"], strict=True))
    numbers = points_of(tmp_path / "points.gpkg")["stratum"]
    fill_in(tmp_path / "points.gpkg", [names[number] for number in numbers])
    done = terrazzo.evaluate(path, truth=tmp_path / "points.gpkg", out=tmp_path / "report")
    assert done.scores["accuracy"] == pytest.approx(1)
    assert done.lines()[2].split("  ")[-1] == "adjusted share"
    assert rows_of(tmp_path / "report" / "areas_adjusted.csv")[0] == dict(
        zip(FIELDS, ["0", "water"] + [""] * 4, strict=True)
    )


def test_polygons_and_multipolygons_in_one_file(scene: Path, tmp_path: Path) -> None:
    one, two = rectangle(10, 0, 20, 30), shapely.MultiPolygon([rectangle(30, 80, 40, 90)])
    shapes = [shapely.to_geojson(shape) for shape in (one, two)]
    features = [
        {"type": "Feature", "properties": {"class": name}, "geometry": json.loads(shape)}
        for shape, name in zip(shapes, ("water", "field"), strict=True)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32618"}}
    path = tmp_path / "p.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    assert terrazzo.evaluate(scene, truth=path).scores["accuracy"] == pytest.approx((110 + 100) / 400)


def test_classes_of_too_few_points_are_one_stratum(scene: Path, tmp_path: Path) -> None:
    cells = [cell for cell in CELLS if cell[1] not in (3, 9)] + [(5, 3)]
    labels = [NAMES[truth_ids()[cell]] for cell in cells]
    said: list[str] = []
    path = other_points(tmp_path / "seen.gpkg", cells, labels)
    terrazzo.evaluate(scene, truth=path, design="simple", say=said.append)
    assert said == [f"{path}: fewer than 2 points each, one stratum together: water, road"]


def test_points_in_another_crs_and_off_the_map(scene: Path, tmp_path: Path) -> None:
    cells = [*CELLS, (-50, 7), (149, 222)]
    labels = [NAMES[i] for i in truth_ids()[tuple(np.array(CELLS).T)]] + ["road", "road"]
    path = other_points(tmp_path / "seen.gpkg", cells, labels, "EPSG:4326")
    said: list[str] = []
    done = terrazzo.evaluate(scene, truth=path, say=said.append)
    assert (done.scores["used"], done.scores["left_out"]) == (40, 2)
    assert "reprojected from WGS 84" in said[0]
    assert said[1] == f"{path}: 2 points off the map, left out"


def test_polygons_give_the_accuracy_of_their_pixels_alone(scene: Path, tmp_path: Path) -> None:
    """Rows 10 to 19 and columns 0 to 29 called water: 11 columns of 30 are."""
    path = write_layer(tmp_path / "p.gpkg", [rectangle(10, 0, 20, 30), rectangle(30, 0, 40, 5)], ["water", ""])
    _, _, wkb, columns = pyogrio.raw.read(str(path))
    path.unlink()
    pyogrio.raw.write(
        *(str(path), wkb, columns, ["label", "number"]), layer="p", driver="GPKG", geometry_type="Polygon", crs=CRS
    )
    said: list[str] = []
    done = terrazzo.evaluate(scene, truth=path, say=said.append)
    assert done.scores["accuracy"] == pytest.approx(11 / 30)
    assert (done.scores["used"], done.scores["left_out"], done.scores["design"]) == (300, 1, "none")
    assert said == [f"{path}: polygons are no probability sample of the map, so they give accuracy alone, and no areas"]
    assert done.lines()[0] == "accuracy 0.367, by 300 pixels, 1 left out"
    with pytest.raises(InputError, match=r"--design simple: .*holds polygons; leave --design out"):
        terrazzo.evaluate(scene, truth=path, design="simple")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("evaluate maps", "maps: give the patches to score a model on, or --truth to score a map"),
        ("evaluate maps patches --truth points.gpkg", "patches: --truth scores a map, which needs no patches"),
        ("evaluate maps --truth points.gpkg --split test", "--split: is for a model on patches"),
        ("evaluate maps --truth points.gpkg --split val", "--split: is for a model on patches"),
        ("evaluate maps --truth points.gpkg --degrade", "--degrade: is for a model on patches"),
        ("evaluate maps --truth points.gpkg --tta d4", "--tta: is for a model on patches"),
        ("evaluate maps --truth points.gpkg --tta-scales 1,2", "--tta-scales: is for a model on patches"),
        ("evaluate maps --truth points.gpkg --batch-size 2", "--batch-size: is for a model on patches"),
        ("evaluate maps --truth points.gpkg --overwrite", "--overwrite: is for --out FOLDER"),
        ("evaluate maps --truth points.gpkg --design clustered", "--design clustered: expected simple"),
        ("evaluate maps --truth points.gpkg --design simple", "is a stratified sample by terrazzo sample"),
        ("evaluate m.safetensors --truth points.gpkg", "m.safetensors: is a model; --truth scores a finished map"),
        ("evaluate m.safetensors patches --design simple", "--design simple: is for --truth"),
        ("evaluate maps --truth lost.gpkg", "--truth lost.gpkg: there is no such file"),
        ("evaluate maps --truth points.txt", "--truth points.txt: expected points or polygons in a file of"),
        ("evaluate maps --truth broken.gpkg", "--truth broken.gpkg: cannot be read as a layer of points or polygons"),
        ("evaluate maps --truth nameless.gpkg", "has no field reference of classes (it has cover, number)"),
        ("evaluate maps --truth lines.gpkg", "holds a LineString among its features"),
        ("evaluate maps --truth away.gpkg", "none of its 1 point with a reference lies on the map; give points of"),
    ],
)
def test_bad_input_is_one_line(
    points: Path, words: str, named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = points.parent
    monkeypatch.chdir(folder)
    (folder / "points.txt").write_text("x,y")
    (folder / "broken.gpkg").write_bytes(points.read_bytes()[:5000])
    write_layer(folder / "nameless.gpkg", [shapely.Point(500_010, 3_999_990)], ["water"], kind="Point")
    other_points(folder / "lines.gpkg", [(1, 1)], ["water"])
    write_layer(folder / "away.gpkg", [shapely.Point(1, 2)], ["water"], kind="Point")
    with closing(sqlite3.connect(folder / "away.gpkg")) as table, table:
        table.execute('alter table fields rename column cover to "class"')
    line = shapely.to_wkb(np.array([shapely.LineString([(0, 0), (1, 1)])]))
    (folder / "lines.gpkg").unlink()
    pyogrio.raw.write(
        *(str(folder / "lines.gpkg"), line, [np.array(["water"], np.object_)], ["class"]),
        layer="lines",
        driver="GPKG",
        geometry_type="LineString",
        crs=CRS,
    )
    capsys.readouterr()
    assert run(words.split()) == 2
    (last,) = capsys.readouterr().err.strip().splitlines()
    assert last.startswith("terrazzo: error: ")
    assert named in last


def patchy(seed: int, size: tuple[int, int], share: float) -> NDArray[np.bool_]:
    """Round patches over about this share of a picture."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(size)
    found = np.zeros(size, bool)
    while found.mean() < share:
        row, col, radius = rng.integers(0, size[0]), rng.integers(0, size[1]), rng.integers(3, 14)
        found |= (rows - row) ** 2 + (cols - col) ** 2 < radius**2
    return found


def held(tmp_path: Path, draws: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True shares of four classes on a wrong map, and the share of draws of 300 points whose interval holds each."""
    size = (331, 447)
    truth = np.full(size, 3, np.uint8)
    for k, share in ((2, 0.25), (1, 0.08), (0, 0.03)):
        truth[patchy(k, size, share)] = k
    ids = np.roll(truth, (3, 2), axis=(0, 1))
    ids[patchy(9, size, 0.04)] = 2
    names = ("pond", "house", "wood", "meadow")
    path = write_map(tmp_path / "classes.tif", ids, names)
    shares = np.bincount(truth.ravel(), minlength=4) / truth.size
    hits = np.zeros(4)
    for seed in range(draws):
        points = tmp_path / f"{seed}.gpkg"
        terrazzo.sample(path, out=points, seed=seed)
        scores = terrazzo.evaluate(path, truth=fill_in(points, labels_at(points, truth, names))).scores
        ends = [(row["low_ha"], row["high_ha"]) for row in scores["classes"]]
        true = shares * scores["total_ha"]
        hits += [low <= area <= high for (low, high), area in zip(ends, true, strict=True)]
    return shares, hits / draws


def test_intervals_hold_the_true_areas_of_a_map(tmp_path: Path) -> None:
    """A small sample of the law below, with fixed seeds."""
    shares, found = held(tmp_path, 6)
    assert (shares >= 0.02).all()
    assert (found >= 0.66).all(), found
    assert found.mean() >= 0.9


@pytest.mark.soak
def test_intervals_hold_the_true_areas_of_a_map_in_90_of_100_draws(tmp_path: Path) -> None:
    shares, found = held(tmp_path, 100)
    assert (found[shares >= 0.02] >= 0.9).all(), (shares, found)
