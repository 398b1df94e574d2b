"""`terrazzo suggest` as a user sees it: what it writes of rasters, finds and refuses."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from safetensors.torch import load_file

import terrazzo
from terrazzo.cli import run
from terrazzo.improving.suggesting.suggestion import Suggestion
from terrazzo.model import bundle
from terrazzo.model.familiarity.distance import split_tensors
from terrazzo.model.header import read_header
from terrazzo.model.normalization import Normalization
from terrazzo.pixels.bands.reading import BandReading
from tests.worlds.mapping import read_map
from tests.worlds.models import write_model
from tests.worlds.quarters import knowing_model, town
from tests.worlds.rasters import GRID, write_raster

COLUMNS = ["rank", "reason", "uncertainty", "novelty", "checked"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return knowing_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture
def world(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with model.safetensors and scene.tif, a town of 200 x 330 px."""
    (tmp_path / "model.safetensors").write_bytes(model.read_bytes())
    write_raster(tmp_path / "scene.tif", town(200, 330))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def suggested(scenes: Any = "scene.tif", out: str = "suggest.gpkg", **options: Any) -> tuple[Suggestion, list[str]]:
    """What is suggested, with boxes of 32 px, and what is said."""
    said: list[str] = []
    given = {"boxes": 6, "box_size": 32, "device": "cpu", "precision": "32", "say": said.append, **options}
    return terrazzo.suggest("model.safetensors", scenes, out=out, **given), said


def layer(name: str, path: str = "suggest.gpkg") -> tuple[dict[str, Any], NDArray[np.object_], dict[str, NDArray[Any]]]:
    """The description of a layer, its shapes, and its columns by name."""
    meta, _, shapes, columns = pyogrio.raw.read(path, layer=name)
    return meta, shapely.from_wkb(shapes), dict(zip(meta["fields"], columns, strict=True))


def pixels_of(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """The bounds of map coordinates on `GRID` as left, top, right, bottom in pixels."""
    left, bottom, right, top = shapely.bounds(shapes).T
    return np.column_stack(
        [(left - GRID.c) / 0.5, (GRID.f - top) / 0.5, (right - GRID.c) / 0.5, (GRID.f - bottom) / 0.5]
    )


def test_the_geopackage_has_boxes_and_polygons(world: Path) -> None:
    found, said = suggested()
    assert said == []
    assert [name for name, _ in pyogrio.list_layers("suggest.gpkg")] == ["boxes", "polygons", "layer_styles"]
    meta, boxes, columns = layer("boxes")
    assert meta["crs"] == "EPSG:32618"
    assert list(columns) == COLUMNS
    assert columns["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert columns["rank"].dtype.kind == "i"
    assert columns["checked"].dtype == np.bool_
    assert not columns["checked"].any()
    assert set(columns["reason"]) <= {"uncertain", "unfamiliar", "rare class", "different"}
    assert ((columns["uncertainty"] > 0) & (columns["uncertainty"] < 1)).all()
    assert (columns["novelty"] > 0.3).all()
    places = [[box.col, box.row, box.col + 32, box.row + 32] for box in found.boxes]
    assert pixels_of(boxes).tolist() == places
    assert (np.array(places) % 32 == 0).all()
    meta, polygons, columns = layer("polygons")
    assert list(columns) == ["class", "confidence"]
    assert set(columns["class"]) == {"Red", "Green", "Blue"}
    assert ((columns["confidence"] >= 34) & (columns["confidence"] <= 100)).all()
    assert shapely.is_valid(polygons).all()


def test_the_polygons_are_those_of_the_map_cut_to_the_boxes(world: Path) -> None:
    """They cover each box whole, and the shares of its classes are those of predict's map within 1 %."""
    found, _ = suggested()
    terrazzo.predict("model.safetensors", "scene.tif", out="maps", device="cpu", precision="32", vector_format="none")
    ids = read_map(world / "maps" / "scene" / "classes.tif")[0]
    _, boxes, _ = layer("boxes")
    _, polygons, columns = layer("polygons")
    assert shapely.union_all(polygons).equals(shapely.union_all(boxes))
    assert shapely.area(polygons).sum() == pytest.approx(6 * 16**2)
    for shape, box in zip(boxes, found.boxes, strict=True):
        inside = shapely.contains(shape, polygons)
        window = ids[box.row : box.row + 32, box.col : box.col + 32]
        for number, name in enumerate(("Red", "Green", "Blue")):
            area = shapely.area(polygons[inside & (columns["class"] == name)]).sum() * 4
            assert area == pytest.approx((window == number).sum(), abs=0.01 * 32**2)


def test_the_uncertainty_of_a_box_is_the_mean_of_its_pixels(world: Path) -> None:
    found, _ = suggested()
    terrazzo.predict("model.safetensors", "scene.tif", out="maps", device="cpu", precision="32", probabilities=True)
    shares = np.sort(read_map(world / "maps" / "scene" / "probabilities.tif").astype(int), axis=0)
    unsure = 100 - shares[-1] + shares[-2]
    for box in found.boxes:
        mean = unsure[box.row : box.row + 32, box.col : box.col + 32].mean() / 100
        assert box.uncertainty == pytest.approx(mean)


def test_the_same_inputs_give_the_same_bytes(world: Path) -> None:
    suggested()
    suggested(out="again.gpkg")
    assert (world / "again.gpkg").read_bytes() == (world / "suggest.gpkg").read_bytes()
    assert {path.name for path in world.iterdir()} == {"model.safetensors", "scene.tif", "suggest.gpkg", "again.gpkg"}


def test_a_broken_off_run_leaves_nothing(world: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what == "measuring boxes":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        suggested(out="new/suggest.gpkg", progress=interrupt)
    assert {path.name for path in world.iterdir()} == {"model.safetensors", "scene.tif"}


def test_both_layers_have_a_style_and_boxes_are_outlines(world: Path) -> None:
    suggested()
    _, _, columns = layer("layer_styles")
    assert columns["f_table_name"].tolist() == ["boxes", "polygons"]
    assert columns["useAsDefault"].all()
    boxes, polygons = columns["styleQML"]
    assert 'type="singleSymbol"' in boxes
    assert '<Option name="style" type="QString" value="no" />' in boxes
    assert 'type="categorizedSymbol" attr="class"' in polygons
    for name in ("Red", "Green", "Blue"):
        assert f'<category value="{name}" type="string"' in polygons


@pytest.mark.parametrize("boxes", [10, 40])
def test_a_foreign_half_attracts_the_boxes(world: Path, boxes: int) -> None:
    """The right half has plain colours without texture: the model is sure of them, and they are unlike its training."""
    bands = town(512, 512, seed=2)
    bands[:, :, 256:] = bands[:, :, 256:] // 8 * 8
    write_raster(world / "half.tif", bands)
    found, _ = suggested("half.tif", boxes=boxes)
    foreign = [box.col >= 256 for box in found.boxes]
    assert foreign[0]
    assert np.mean(foreign) >= 0.8
    novelty = [[box.novelty for box in found.boxes if (box.col >= 256) == side] for side in (True, False)]
    assert not novelty[1] or min(novelty[0]) > max(novelty[1])


def test_where_the_model_is_unsure_is_where_the_boxes_are(world: Path) -> None:
    """Grey squares, of which the model knows no class, in three boxes of a town."""
    bands = town(192, 192)
    grey = [(0, 64), (96, 128), (160, 32)]
    for row, col in grey:
        bands[:, row : row + 32, col : col + 32] = 120
    write_raster(world / "grey.tif", bands)
    found, _ = suggested("grey.tif", boxes=3)
    assert {(box.row, box.col) for box in found.boxes} == set(grey)
    assert found.boxes[0].uncertainty > 0.9


def test_fewer_boxes_where_fewer_fit_and_a_note(world: Path) -> None:
    """200 x 330 px hold 3 x 5 boxes of 64 px."""
    found, said = suggested(boxes=20, box_size=64)
    assert len(found.boxes) == 15
    assert said == ["--boxes 20: 15 boxes of 64 px with a valid pixel fit side by side; all are suggested"]
    _, boxes, _ = layer("boxes")
    tree = shapely.STRtree(boxes)
    for one, other in tree.query(boxes).T:
        assert one == other or shapely.area(shapely.intersection(boxes[one], boxes[other])) == 0


def test_boxes_without_a_valid_pixel_are_none_and_others_hold_polygons_of_valid_pixels_alone(world: Path) -> None:
    """Of 3 x 5 boxes of 64 px, the two right columns are nodata but for one pixel."""
    bands = town(200, 330)
    bands[:, :, 192:] = 0
    bands[:, 70, 200] = 120
    write_raster(world / "holes.tif", bands, nodata=0)
    found, said = suggested("holes.tif", boxes=20, box_size=64)
    assert len(found.boxes) == 10
    assert said[-1].startswith("--boxes 20: 10 boxes of 64 px with a valid pixel fit")
    last = found.boxes[-1]
    assert (last.row, last.col, last.valid) == (64, 192, 1 / 64**2)
    _, polygons, _ = layer("polygons")
    assert shapely.area(polygons).sum() * 4 == 9 * 64**2 + 1


def test_a_scene_without_crs_has_boxes_as_predict_has_polygons(world: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        write_raster(world / "bare.tif", town(64, 96), crs=None, transform=None)
    suggested("bare.tif", boxes=9)
    terrazzo.predict("model.safetensors", "bare.tif", out="maps", device="cpu")
    meta, boxes, _ = layer("boxes")
    of_map, areas, _ = layer("classes", "maps/bare/classes.gpkg")
    assert meta["crs"] == of_map["crs"]
    assert shapely.total_bounds(boxes).tolist() == shapely.total_bounds(areas).tolist()


def test_several_scenes_share_the_boxes_and_name_the_scene(world: Path) -> None:
    bands = town(96, 96, seed=3)
    bands[:, :32, 32:64] = 120
    write_raster(world / "other.tif", bands)
    found, _ = suggested(["scene.tif", "other.tif"])
    assert (found.boxes[0].scene, found.boxes[0].row, found.boxes[0].col) == ("other.tif", 0, 32)
    _, _, columns = layer("boxes")
    assert list(columns) == [*COLUMNS, "scene"]
    assert columns["scene"].tolist() == [box.scene for box in found.boxes]
    _, _, columns = layer("polygons")
    assert list(columns) == ["class", "confidence", "scene"]
    assert set(columns["scene"]) == {box.scene for box in found.boxes}


def test_a_model_without_a_measure_gives_no_novelty_and_a_note(world: Path) -> None:
    write_model(world / "model.safetensors")
    found, said = suggested()
    assert [box.novelty for box in found.boxes] == [None] * 6
    assert len(said) == 1
    assert said[0].startswith("model.safetensors: has no measure of its training data, so boxes have no novelty")
    assert np.isnan(layer("boxes")[2]["novelty"]).all()


def test_an_onnx_suggests_without_novelty(world: Path) -> None:
    pytest.importorskip("onnxruntime")
    terrazzo.export("model.safetensors", format="onnx", out="model.onnx")
    said: list[str] = []
    found = terrazzo.suggest("model.onnx", "scene.tif", out="suggest.gpkg", boxes=6, box_size=32, say=said.append)
    assert len(found.boxes) == 6
    assert "no novelty" in said[0]


@pytest.mark.parametrize("changes", [{"fit": "resize"}, {"downsample": 2.0}])
def test_models_that_see_scenes_smaller_suggest_boxes_of_the_raster(world: Path, changes: dict[str, Any]) -> None:
    write_model(world / "model.safetensors", **changes)
    found, _ = suggested()
    assert pixels_of(layer("boxes")[1]).tolist() == [
        [box.col, box.row, box.col + 32, box.row + 32] for box in found.boxes
    ]


def test_a_raster_of_deep_bands_with_missing_values(world: Path) -> None:
    """One band lacks its values in the first rows, and all bands in one box."""
    path = world / "model.safetensors"
    deep = Normalization("bands", (500.0,) * 3, (400.0,) * 3, dtype="uint16", low=(0.0,) * 3, high=(1000.0,) * 3,
                         clips=(False,) * 3)  # fmt: skip
    header = replace(read_header(path), normalization=deep, band_reading=BandReading(("red", "green", "blue")))
    weights, measure = split_tensors(load_file(path))
    bundle.save(path, header, weights, measure)
    bands = town(96, 96).astype(np.uint16) * 4
    bands[2, :9] = 7
    bands[:, 32:64, 32:64] = 7
    write_raster(world / "deep.tif", bands, nodata=7, colors=None)
    found, _ = suggested("deep.tif", boxes=9)
    assert {(box.row, box.col) for box in found.boxes} == {
        (row, col) for row in (0, 32, 64) for col in (0, 32, 64) if (row, col) != (32, 32)
    }
    assert all(box.novelty is not None and np.isfinite(box.novelty) for box in found.boxes)


def test_the_command_says_why_and_what_comes_next(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["suggest", "model.safetensors", "scene.tif", "--boxes", "3", "--box-size", "64", "--out", "a.gpkg"]
    assert run(command) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "3 boxes of 64 px, 18.6% of the pixels"
    assert out[1].startswith("chosen as ")
    assert out[2] == "wrote a.gpkg"
    assert out[3].endswith("terrazzo prepare scene.tif a.gpkg --for model.safetensors --out corrections")
    before = (world / "a.gpkg").read_bytes()
    assert run(command) == 2
    assert "a.gpkg: already exists, and may hold corrections" in capsys.readouterr().err
    assert (world / "a.gpkg").read_bytes() == before
    assert run([*command, "--overwrite"]) == 0


def test_a_model_behind_the_scene_is_asked_for_first(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["suggest", "scene.tif", "model.safetensors", "--out", "a.gpkg"]) == 2
    wanted = "terrazzo: error: scene.tif: is no model, and model.safetensors behind it is one; name the model first"
    assert capsys.readouterr().err.splitlines() == [wanted]


BAD = {
    "no boxes": ("scene.tif --out a.gpkg --boxes 0", "--boxes 0: expected 1 to 1000"),
    "tiny boxes": ("scene.tif --out a.gpkg --box-size 8", "--box-size 8: expected 16 to 4096 pixels"),
    "too many pixels": ("scene.tif --out a.gpkg --boxes 1000 --box-size 1024", "give 256 or fewer"),
    "no such scene": ("lost.tif --out a.gpkg", "lost.tif"),
    "a folder for rasters": ("scene.tif --out a", "--out a: boxes of rasters are a GeoPackage"),
    "a file for photos": ("photo.png --out a.gpkg", "--out a.gpkg: boxes of pictures are crops in a folder"),
    "rasters and photos": ("photo.png scene.tif --out a.gpkg", "one after the other"),
    "an option of rasters with a photo": ("photo.png --out a --nodata 3", "--nodata: is for rasters; photo.png is a"),
    "boxes larger than the scene": (
        "scene.tif --out a.gpkg --box-size 256",
        "scene.tif: has 200 x 330 px, less than a box of 256 px; give --box-size 200 or less",
    ),
    "a scene without pixels": ("empty.tif --out a.gpkg", "empty.tif: no pixel is valid"),
    "boxes without pixels": ("edge.tif --out a.gpkg", "edge.tif: no box of 128 px has a valid pixel"),
    "scenes of two systems": ("scene.tif north.tif --out a.gpkg", "north.tif: has another coordinate reference system"),
    "scenes without a system": ("scene.tif bare.tif --out a.gpkg", "bare.tif: is not georeferenced"),
    "a damaged raster": ("torn.tif --out a.gpkg", "torn.tif"),
    "an address as output": ("scene.tif --out s3://bucket/a.gpkg", "is an address"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((70, 140, 3), np.uint8)).save(world / "photo.png")
    write_raster(world / "empty.tif", np.zeros((3, 200, 200), np.uint8), nodata=0)
    edge = np.zeros((3, 200, 200), np.uint8)
    edge[:, 150:, 150:] = 120
    write_raster(world / "edge.tif", edge, nodata=0)
    write_raster(world / "north.tif", town(200, 200), crs="EPSG:32633")
    write_raster(world / "bare.tif", town(200, 200), crs=None)
    torn = write_raster(world / "torn.tif", town(400, 400))
    torn.write_bytes(torn.read_bytes()[:200_000])
    before = set(world.rglob("*"))
    words, expected = BAD[name]
    assert run(["suggest", "model.safetensors", *words.split(), "--device", "cpu"]) == 2
    err = capsys.readouterr().err
    errors = [line for line in err.splitlines() if line.startswith("terrazzo: error: ")]
    assert len(errors) == 1
    assert expected in errors[0]
    assert "Traceback" not in err
    assert set(world.rglob("*")) == before, "something was left behind"
