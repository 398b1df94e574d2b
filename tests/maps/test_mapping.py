"""Laws of mapping rasters: the cut does not show, a kill does not show, and the files say what they should."""

import csv
import itertools
import json
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.features import rasterize
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import ImageError, InputError, OutputExistsError, PartialError
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.outputs.style import QUICKLOOK_PX, write_quicklook
from terrazzo.maps.pieces.journal import Journal, open_journal
from terrazzo.maps.pieces.lattice import Piece, Side, cut
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, PROBABILITIES, SECOND, finish
from terrazzo.maps.rasters import raster_map
from terrazzo.model.header import Header
from terrazzo.model.windows.blend import cover
from terrazzo.model.windows.tiling import Tiling
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.headers import HEADER
from tests.worlds.mapping import (
    MEAN,
    OPTIONS,
    TILING,
    Convolving,
    Greatest,
    blend_in_one_go,
    contents,
    exit_code,
    holey,
    map_here,
    mapped,
    model_file,
    read_map,
)
from tests.worlds.rasters import noise, write_raster


@dataclass(frozen=True)
class Brightness:
    """A model that is quick to ask: the brighter the first band, the more class 0, else class 1."""

    header: Header
    batch_pixels: int = 1

    def classify(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        bright = pixels[:, :1] / np.float32(255)
        return np.concatenate([bright, 1 - bright, np.zeros_like(bright)], axis=1)


# --- the lattice


@pytest.mark.parametrize(("length", "window", "overlap"), [(1, 32, 4), (33, 32, 0), (61, 32, 16), (500, 64, 9)])
@pytest.mark.parametrize("run", [1, 2, 3, 50])
def test_segments_say_exactly_which_pieces_reach_where(length: int, window: int, overlap: int, run: int) -> None:
    side = Side(cover(length, window, overlap), run)
    reached = [
        {piece for piece in range(side.n_pieces) if side.span(piece)[0] <= pixel < side.span(piece)[1]}
        for pixel in range(length)
    ]
    assert [segment.start for segment in side.segments] == [0, *(s.stop for s in side.segments[:-1])]
    assert side.segments[-1].stop == length
    for segment in side.segments:
        for pixel in range(segment.start, segment.stop):
            assert reached[pixel] == set(segment.pieces)
    assert sum(side.own(piece) for piece in range(side.n_pieces)) == length
    windows = [number for piece in range(side.n_pieces) for number in side.windows(piece)]
    assert windows == list(range(len(side.axis.starts))), "every window is in one piece"


def test_pieces_are_as_large_as_their_memory_allows() -> None:
    """Six classes, 512 px windows that share 64: 96 MiB of int32 hold 4.19 Mpx, a square of 4 windows is 3.44 Mpx."""
    lattice = cut((cover(40_000, 512, 64), cover(40_000, 512, 64)), 6)
    assert (lattice.rows.run, lattice.cols.run) == (4, 4)
    small = cut((cover(100, 128, 16), cover(700, 512, 64)), 6)
    assert len(small.pieces) == 1


# --- sums


def test_finished_sums_worked_by_hand() -> None:
    sums = np.array([[[0, 524288, 349525, 10]], [[0, 524288, 699051, 20]], [[0, 0, 0, 1_048_546]]], np.int32)
    layers = finish(sums, (CLASSES, CONFIDENCE, PROBABILITIES, SECOND))
    np.testing.assert_array_equal(layers[CLASSES][0, 0], [255, 0, 1, 2])  # the lowest id of equals
    np.testing.assert_array_equal(layers[CONFIDENCE][0, 0], [255, 50, 67, 100])
    np.testing.assert_array_equal(layers[PROBABILITIES][:, 0], [[255, 50, 33, 0], [255, 50, 67, 0], [255, 0, 0, 100]])
    np.testing.assert_array_equal(layers[SECOND][:, 0], [[255, 1, 0, 1], [255, 50, 33, 0]])
    np.testing.assert_array_equal(finish(sums[:1], (SECOND,))[SECOND][:, 0, 1], [255, 0])  # one class: no second


@pytest.mark.parametrize(
    ("height", "width", "tiling"),
    [
        (107, 151, TILING),
        (150, 61, Tiling(32, 16, 32)),
        (97, 64, Tiling(64, 0, 32)),
        (20, 70, Tiling(64, 12, 32)),
        (1, 1, TILING),
    ],
)
def test_the_map_is_the_blend_in_one_go_however_the_raster_is_cut(
    tmp_path: Path, height: int, width: int, tiling: Tiling
) -> None:
    bands = noise(3, height, width, seed=height)
    raster = write_raster(tmp_path / "a.tif", bands)
    found = []
    for run in (None, (1, 1), (2, 1), (1, 3), (3, 2)):
        out = tmp_path / f"map-{run}"
        mapped(raster, out, MapOptions(confidence=True, probabilities=True, run=run), tiling=tiling)
        found.append({name: read_map(out / name) for name in ("classes.tif", "confidence.tif", "probabilities.tif")})
    model = Convolving(model_file(tmp_path).header)
    expected = blend_in_one_go(bands.transpose(1, 2, 0), model, tiling)
    for maps in found:
        np.testing.assert_array_equal(maps["classes.tif"][0], expected)
        np.testing.assert_array_equal(maps["confidence.tif"], found[0]["confidence.tif"])
        np.testing.assert_array_equal(maps["probabilities.tif"], found[0]["probabilities.tif"])
    highest = found[0]["probabilities.tif"].max(axis=0)
    np.testing.assert_array_equal(found[0]["confidence.tif"][0], highest)


def test_a_real_network_gives_the_same_bytes_however_the_raster_is_cut(tmp_path: Path) -> None:
    import torch

    from terrazzo.model.bundle import Bundle
    from terrazzo.model.hardware import choose
    from terrazzo.model.network import build_model
    from terrazzo.recipe.sections import ModelSection

    torch.manual_seed(3)
    file = model_file(tmp_path)
    network = build_model(ModelSection(filters=(4, 6)), 3, 3, MEAN).eval()
    model = Bundle(file.header, network, choose("cpu", "32"))
    raster = holey(tmp_path / "a.tif", 107, 151)
    ids = []
    for run in ((1, 1), (2, 3), (9, 9)):
        job = plan_map(raster, tmp_path / str(run), file, MapOptions(run=run))
        map_here(job, model)
        ids.append(read_map(tmp_path / str(run) / "classes.tif"))
    assert len(np.unique(ids[0])) > 2
    np.testing.assert_array_equal(ids[0], ids[1])
    np.testing.assert_array_equal(ids[0], ids[2])


def test_the_bytes_of_all_files_do_not_depend_on_the_cut(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    keys, found = set(), []
    for run in ((1, 1), (2, 3), (9, 9)):
        record = mapped(raster, tmp_path / str(run), MapOptions(run=run))
        keys.add(record["key"])
        found.append(contents(tmp_path / str(run)))
    assert len(keys) == 1
    named = {"classes.tif", "classes.tif.aux.xml", "classes.gpkg", "areas.csv", "classes.qml", "quicklook.png"}
    assert set(found[0]) == named
    assert found[0] == found[1] == found[2]


def test_the_polygons_areas_are_those_of_the_pixels(tmp_path: Path) -> None:
    record = mapped(holey(tmp_path / "a.tif", 107, 151), tmp_path / "map", MapOptions(confidence=True))
    meta, _, _, fields = pyogrio.raw.read(tmp_path / "map" / "classes.gpkg", layer="classes")
    table = dict(zip(meta["fields"], fields, strict=True))
    assert list(table) == ["class_id", "class", "area_m2", "area_ha", "confidence", "second_class", "second_share"]
    assert len(table["class_id"]) == record["polygons"]["polygons"] > 3
    with (tmp_path / "map" / "areas.csv").open() as stream:
        for row in csv.DictReader(stream):
            own = table["area_m2"][table["class_id"] == int(row["class_id"])]
            assert own.sum() == pytest.approx(float(row["area_m2"] or 0), abs=1e-3)
    assert ((table["confidence"] >= 0) & (table["confidence"] <= 100)).all()


@pytest.mark.parametrize("run", [(1, 1), (3, 2)])
def test_second_classes_are_those_of_the_probabilities(tmp_path: Path, run: tuple[int, int]) -> None:
    """Each polygon's sums, from probabilities.tif: a class's percents where it is the second of its pixel."""
    raster = holey(tmp_path / "a.tif", 107, 151)
    mapped(raster, tmp_path / "map", MapOptions(probabilities=True, run=run, simplify=0))
    meta, _, shapes, fields = pyogrio.raw.read(tmp_path / "map" / "classes.gpkg", layer="classes")
    table = dict(zip(meta["fields"], fields, strict=True))
    shares = read_map(tmp_path / "map" / "probabilities.tif").astype(np.int64)
    ids = read_map(tmp_path / "map" / "classes.tif")[0]
    others = np.where(np.arange(3)[:, None, None] == ids, -1, shares)
    sure = np.sort(others, axis=0)[2] > np.sort(others, axis=0)[1]  # percents are rounded: equal ones tell no second
    second = others.argmax(axis=0)
    with rasterio.open(tmp_path / "map" / "classes.tif") as dataset:
        grid = dataset.transform
    checked = 0
    for i, shape in enumerate(shapely.from_wkb(shapes)):
        own = rasterize([shape], out_shape=ids.shape, transform=grid, dtype="uint8").astype(bool)
        if not sure[own].all():
            continue
        sums = [int(shares[k][own & (second == k)].sum()) for k in range(3)]
        assert table["second_class"][i] == HEADER.schema.names[int(np.argmax(sums))]
        assert table["second_share"][i] == pytest.approx(max(sums) / own.sum(), abs=0.005)
        checked += 1
    assert checked > 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"vector_format": "shp"}, "--vector-format shp: expected gpkg, geojson, parquet, none"),
        ({"mapping_unit": 0}, "--mapping-unit 0: expected at least 1 pixel"),
    ],
)
def test_bad_words_on_polygons(wrong: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        terrazzo.predict(model_file(tmp_path).path, tmp_path / "a.tif", out=tmp_path / "map", **wrong)


def test_without_polygons_none_are_written(tmp_path: Path) -> None:
    mapped(holey(tmp_path / "a.tif", 61, 80), tmp_path / "map", MapOptions(vector_format="none"))
    assert not list((tmp_path / "map").glob("classes.g*"))


# --- what is invalid


def test_invalid_pixels_are_nodata_and_never_shown(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    with rasterio.open(raster) as dataset:
        bands, valid = dataset.read(), dataset.dataset_mask() > 0
    file = model_file(tmp_path)
    model = Greatest(file.header, [])
    map_here(plan_map(raster, tmp_path / "map", file, MapOptions()), model)
    (ids,) = read_map(tmp_path / "map" / "classes.tif")
    np.testing.assert_array_equal(ids, np.where(valid, bands.argmax(axis=0), 255))
    seen = np.concatenate(model.seen).transpose(0, 2, 3, 1)
    shown = [window for window in seen if window.any()]  # the others are padding of the last batch
    colors = {tuple(color) for window in shown for color in window[window.min(axis=2) == 0]}
    assert colors == set(), "nodata is 0 in all bands, and the noise begins at 1"
    filled = (np.stack(shown) == [100, 150, 50]).all(axis=3)
    assert filled.sum() > 500


def test_windows_without_a_valid_pixel_cost_nothing(tmp_path: Path) -> None:
    bands = np.zeros((3, 107, 307), np.uint8)
    bands[:, 90:100, 280:290] = 9
    record = mapped(write_raster(tmp_path / "a.tif", bands, nodata=0), tmp_path / "map", MapOptions(run=(2, 2)))
    rows, cols = cover(107, 32, 8), cover(307, 32, 8)
    touching = [
        [start for start in axis.starts if start < stop and start + 32 > first]
        for axis, first, stop in ((rows, 90, 100), (cols, 280, 290))
    ]
    assert record["windows_computed"] == len(touching[0]) * len(touching[1])
    (ids,) = read_map(tmp_path / "map" / "classes.tif")
    assert (ids != 255).sum() == 100


def test_an_all_nodata_raster_has_an_all_nodata_map(tmp_path: Path) -> None:
    raster = write_raster(tmp_path / "a.tif", np.zeros((3, 40, 70), np.uint8), nodata=0)
    record = mapped(raster, tmp_path / "map")
    assert record["windows_computed"] == 0
    assert (read_map(tmp_path / "map" / "classes.tif") == 255).all()
    assert (tmp_path / "map" / "areas.csv").read_text().splitlines()[1] == "0,Red,0,0.00000000,0.000,0.0000000"


def test_every_batch_of_a_raster_has_the_same_size(tmp_path: Path) -> None:
    file = model_file(tmp_path)
    model = Greatest(file.header, [], batch_pixels=4 * 32 * 32)
    job = plan_map(holey(tmp_path / "a.tif", 107, 151), tmp_path / "map", file, MapOptions(run=(1, 3)))
    map_here(job, model)
    assert {pixels.shape for pixels in model.seen} == {(4, 3, 32, 32)}


# --- the files


def areas_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "areas.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(
    "place",
    [
        {"transform": Affine(0.1, 0, 500_000.05, 0, -0.1, 4_000_000.0625), "crs": "EPSG:32618"},
        {"transform": Affine(0.3, 0.1, 1000.7, 0.2, -0.4, 7_000.9), "crs": "EPSG:3857"},
        {"transform": Affine(1 / 3, 0, -10, 0, 1 / 7, 40), "crs": "EPSG:4326"},
        {"transform": Affine(1, 0, 0, 0, 1, 0), "crs": None, "gcps": True},
        {"transform": None, "crs": None},
    ],
)
def test_the_map_lies_on_the_inputs_grid_to_the_last_bit(tmp_path: Path, place: dict[str, Any]) -> None:
    if place.pop("gcps", False):
        corners = [(0, 0, 10.5, 50.25), (0, 70, 11.5, 50.5), (45, 0, 10.25, 49.0), (45, 70, 11.25, 49.5)]
        place = {"gcps": [GroundControlPoint(*corner) for corner in corners], "crs": "EPSG:4326"}
    raster = write_raster(tmp_path / "a.tif", noise(3, 45, 70), **({"transform": None, "crs": None} | place))
    mapped(raster, tmp_path / "map")
    with rasterio.open(raster) as one, rasterio.open(tmp_path / "map" / "classes.tif") as two:
        assert two.transform == one.transform
        assert two.crs == one.crs
        assert (two.height, two.width) == (45, 70)
        points = [[(p.row, p.col, p.x, p.y) for p in dataset.gcps[0]] for dataset in (one, two)]
        assert points[0] == points[1]
        assert one.gcps[1] == two.gcps[1]
    blank = place.get("crs") is None or "gcps" in place
    assert all((row["area_m2"] == "") == blank for row in areas_of(tmp_path / "map"))


def test_classes_tif_is_a_cloud_optimized_paletted_geotiff(tmp_path: Path) -> None:
    mapped(holey(tmp_path / "a.tif", 600, 1100), tmp_path / "map", tiling=Tiling(256, 32, 32))
    with rasterio.open(tmp_path / "map" / "classes.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (dataset.count, dataset.dtypes, dataset.nodata) == (1, ("uint8",), 255)
        assert dataset.overviews(1) == [2, 4]
        assert dataset.colormap(1)[2] == (0, 0, 255, 255)
        assert [dataset.tags()[f"CLASS_{i}"] for i in range(3)] == ["Red", "Green", "Blue"]
        ids = dataset.read(1)
        small = dataset.read(1, out_shape=(300, 550))
    assert set(np.unique(small)) <= {0, 1, 2, 255}
    assert any((small == ids[row::2, col::2]).all() for row in (0, 1) for col in (0, 1)), "nearest, not averaged"


def test_areas_worked_by_hand(tmp_path: Path) -> None:
    """A UTM raster on its central meridian: 0.5 m pixels, whose areas are 0.25 m2 over the scale factor 0.9996**2."""
    bands = np.zeros((3, 40, 50), np.uint8)
    bands[0], bands[1, :, :10], bands[2, :5] = 100, 200, 255
    file = model_file(tmp_path)
    job = plan_map(write_raster(tmp_path / "a.tif", bands), tmp_path / "map", file, MapOptions())
    map_here(job, Greatest(file.header, []))
    rows = areas_of(tmp_path / "map")
    assert [(row["class_id"], row["class"], row["pixels"], row["share"]) for row in rows] == [
        ("0", "Red", "1400", "0.70000000"),
        ("1", "Green", "350", "0.17500000"),
        ("2", "Blue", "250", "0.12500000"),
    ]
    for row in rows:
        assert float(row["area_m2"]) == pytest.approx(int(row["pixels"]) * 0.25 / 0.9996**2, rel=1e-5)
        assert float(row["area_ha"]) == pytest.approx(float(row["area_m2"]) / 10_000, abs=1e-7)


def test_the_style_names_every_class_and_the_quicklook_fits(tmp_path: Path) -> None:
    mapped(holey(tmp_path / "a.tif", 61, 140), tmp_path / "map")
    text = (tmp_path / "map" / "classes.qml").read_text()
    entries = ElementTree.fromstring(text.partition("\n")[2]).findall("pipe/rasterrenderer/colorPalette/paletteEntry")
    found = [(entry.get("value"), entry.get("color"), entry.get("label")) for entry in entries]
    assert found == [("0", "#ff0000", "Red"), ("1", "#00ff00", "Green"), ("2", "#0000ff", "Blue")]
    with Image.open(tmp_path / "map" / "quicklook.png") as picture:
        ids = read_map(tmp_path / "map" / "classes.tif")[0]
        colors = HEADER.schema.decode(ids)
        colors[ids == 255] = 255
        np.testing.assert_array_equal(np.asarray(picture)[:61, :140], colors)
    write_quicklook(tmp_path / "q.png", np.zeros((1024, 3), np.uint8), HEADER.schema)
    with Image.open(tmp_path / "q.png") as picture:
        assert max(picture.size) <= QUICKLOOK_PX


def test_the_record_says_what_was_done(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 61, 140)
    mapped(raster, tmp_path / "map", MapOptions(confidence=True, tta="flips"))
    record = json.loads((tmp_path / "map" / "run.json").read_text())
    assert record["input"]["path"] == str(raster)
    assert (record["input"]["height"], record["input"]["width"]) == (61, 140)
    assert record["pixels_computed"] == 61 * 140
    assert record["mpx_per_s"] == pytest.approx(
        61 * 140 / 1e6 / (record["seconds"]["computing"] + record["seconds"]["writing"]), rel=0.1
    )  # polygons are timed apart
    assert record["peak_rss_mb"] > 50
    assert {"window": 32, "overlap": 8, "tta": "flips"}.items() <= record["made_of"].items()
    assert {"numpy", "rasterio", "terrazzo"} <= record["made_of"]["library_versions"].keys()
    assert record["outputs"] == sorted(path.name for path in (tmp_path / "map").iterdir())


# --- kills


SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.maps.test_mapping"])


def killed_after(name: str, n_calls: int, raster: Path, out: Path) -> None:
    """Map in this process, killed right after the call number `n_calls` of a function, from 1."""
    owner: Any = Journal if name == "write" else raster_map
    function, calls = getattr(owner, name), itertools.count(1)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if next(calls) == n_calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)
    mapped(raster, out, OPTIONS)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize(
    ("at", "n_calls"), [("write", 1), ("write", 4), ("write_class_areas", 1), ("write_json", 1), ("publish", 1)]
)
def test_killed_and_run_again_is_as_if_never_killed(tmp_path: Path, at: str, n_calls: int) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    whole = mapped(raster, tmp_path / "whole", OPTIONS)
    assert whole["pieces"] > 6
    process = SERVER.Process(target=killed_after, args=(at, n_calls, raster, tmp_path / "map"))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    pieces = list((tmp_path / "map" / ".partial").glob("piece-*.npz"))
    assert len(pieces) == (n_calls if at == "write" else whole["pieces"])
    if at == "publish":
        assert plan_map(raster, tmp_path / "map", model_file(tmp_path), OPTIONS).finished()
        assert contents(tmp_path / "map", done=False) == contents(tmp_path / "whole")
        return
    assert not (tmp_path / "map" / "classes.tif").exists(), "nothing pretends to be finished"
    again = mapped(raster, tmp_path / "map", OPTIONS)
    assert again["pieces_computed"] == whole["pieces"] - len(pieces)
    assert contents(tmp_path / "map") == contents(tmp_path / "whole")


def begin(raster: Path, out: Path, options: MapOptions = OPTIONS) -> None:
    """Leave unfinished work behind."""

    def stop(pixels: int) -> None:
        if pixels:
            raise KeyboardInterrupt

    file = model_file(out.parent)
    with pytest.raises(KeyboardInterrupt):
        map_here(plan_map(raster, out, file, options), Convolving(file.header), False, stop)


def test_unfinished_work_of_other_options_is_refused_with_both_remedies(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    begin(raster, tmp_path / "map")
    file = model_file(tmp_path)
    plan_map(raster, tmp_path / "map", file, OPTIONS).check_place(False, False)
    other = plan_map(raster, tmp_path / "map", file, replace(OPTIONS, tta="d4"))
    with pytest.raises(
        OutputExistsError, match=r"\.partial: holds unfinished work of another tta; .*--restart, .*--out"
    ):
        other.check_place(False, False)
    other.check_place(False, True)
    map_here(other, Convolving(file.header), True)
    whole = tmp_path / "whole"
    mapped(raster, whole, replace(OPTIONS, tta="d4"))
    assert contents(tmp_path / "map") == contents(whole)


def test_a_changed_raster_or_another_finished_map_is_not_mixed_in(tmp_path: Path) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    mapped(raster, tmp_path / "map", OPTIONS)
    file = model_file(tmp_path)
    job = plan_map(raster, tmp_path / "map", file, OPTIONS)
    assert job.finished()
    job.check_place(False, False)
    os.utime(raster, ns=(1, 1))
    changed = plan_map(raster, tmp_path / "map", file, OPTIONS)
    assert not changed.finished()
    with pytest.raises(OutputExistsError, match=r"classes\.tif: is in the way, .*--out, .* --overwrite"):
        changed.check_place(False, False)
    changed.check_place(True, False)
    less = plan_map(raster, tmp_path / "map", file, MapOptions())
    map_here(less, Convolving(file.header))
    assert not (tmp_path / "map" / "confidence.tif").exists(), "of the earlier map"


def test_a_raster_damaged_inside_names_the_place_and_leaves_no_map(tmp_path: Path) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 200, 300), tiled=True, blockxsize=64, blockysize=64)
    raster.write_bytes(raster.read_bytes()[:-20_000])
    with pytest.raises(ImageError, match=r"a\.tif: rows \d+ to \d+, columns \d+ to \d+ cannot be read"):
        mapped(raster, tmp_path / "map", MapOptions(run=(1, 1)))
    assert [path.name for path in (tmp_path / "map").iterdir()] == [".partial"]


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array_header_1_0", full)
    with pytest.raises(InputError, match=r"piece-00000-00000\.npz: cannot be written \(No space left on device\)"):
        mapped(holey(tmp_path / "a.tif", 61, 140), tmp_path / "map")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


# --- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tta": "d8"}, "--tta d8: expected none, flips, d4"),
        ({"scale": "3000"}, "--scale 3000: expected two numbers LOW,HIGH"),
        ({"scale": "a,b"}, "--scale a,b: expected two numbers LOW,HIGH"),
        ({"scale": "9,9"}, "--scale 9,9: expected LOW below HIGH"),
        ({"scale": (0, float("nan"))}, "expected LOW below HIGH"),
        ({"bands": "3,,1"}, "--bands 3,,1: expected numbers from 1 or names"),
        ({"max_pixels": 0}, "--max-pixels 0: expected at least 1"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        MapOptions.from_words(**options)
    assert words in str(caught.value)


# --- the command


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.worlds.models import write_model

    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


def test_a_folder_of_pictures_and_rasters_each_take_their_way(tmp_path: Path, model_path: Path) -> None:
    bands = noise(3, 45, 70)
    (tmp_path / "in" / "north").mkdir(parents=True)
    write_raster(tmp_path / "in" / "north" / "scene.TIF", bands)
    Image.fromarray(bands.transpose(1, 2, 0)).save(tmp_path / "in" / "photo.png")
    options = {"out": tmp_path / "maps", "device": "cpu", "precision": "32"}
    done = terrazzo.predict(model_path, tmp_path / "in", **options)
    assert (done.written, done.kept) == (("north/scene.TIF", "photo.png"), ())
    (ids,) = read_map(tmp_path / "maps" / "north" / "scene" / "classes.tif")
    with Image.open(tmp_path / "maps" / "photo_classes.png") as picture:
        np.testing.assert_array_equal(ids, np.asarray(picture))
    again = terrazzo.predict(model_path, tmp_path / "in", **options)
    assert (again.written, again.kept) == ((), ("north/scene.TIF", "photo.png"))
    (tmp_path / "in" / "lfs.tif").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(
        PartialError, match=r"1 of 3 images failed, the others are in .*lfs\.tif: is a git-lfs pointer"
    ) as caught:
        terrazzo.predict(model_path, tmp_path / "in", **options)
    assert (caught.value.done.written, caught.value.done.kept) == ((), ("north/scene.TIF", "photo.png"))
    assert caught.value.done.n_failed == 1


def test_the_command_takes_rasters(tmp_path: Path, model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raster = write_raster(tmp_path / "scene.tif", noise(3, 45, 70).astype(np.uint16) * 10)
    words = ["predict", str(model_path), str(raster), "--out", str(tmp_path / "maps"), "--precision", "32"]
    assert exit_code(words) == 2
    assert "scene.tif: holds uint16 values, a network sees uint8; say with --scale" in capsys.readouterr().err
    assert exit_code([*words, "--scale", "0,2550", "--bands", "3,2,1", "--confidence", "--tta", "flips"]) == 0
    out = " ".join(capsys.readouterr().out.split())  # long lines are wrapped
    named = "areas.csv, classes.gpkg, classes.qml, classes.tif, classes.tif.aux.xml, confidence.tif"
    assert f"wrote {tmp_path / 'maps' / 'scene'}: {named}" in out
    (ids,) = read_map(tmp_path / "maps" / "scene" / "classes.tif")
    np.testing.assert_array_equal(ids, noise(3, 45, 70)[::-1].argmax(axis=0))


def test_what_succeeded_is_told_before_what_failed(
    tmp_path: Path, model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, maps = tmp_path / "in", tmp_path / "maps"
    folder.mkdir()
    write_raster(folder / "good.tif", noise(3, 45, 70))
    (folder / "lfs.tif").write_text("version https://git-lfs.github.com/spec/v1")
    words = ["predict", str(model_path), str(folder), "--out", str(maps), "--precision", "32"]
    assert exit_code(words) == 1
    told = capsys.readouterr()
    assert " ".join(told.out.split()).startswith(f"mapped 1 image of 2 wrote {maps / 'good'}: areas.csv")
    assert "next:" not in told.out
    assert (
        f"terrazzo: error: 1 of 2 images failed, the others are in {maps}; the first: {folder / 'lfs.tif'}: "
        in told.err
    )
    (folder / "lfs.tif").unlink()
    assert exit_code(words) == 0
    told = capsys.readouterr()
    assert " ".join(told.out.split()).startswith(
        f"kept 1 finished map of the same image, model and options (--overwrite makes them anew) at {maps}"
    )
    Image.fromarray(noise(20, 30, 3)).save(folder / "b.png")
    (folder / "c.png").write_bytes(b"")
    assert exit_code(words) == 1
    told = capsys.readouterr()
    assert "mapped 1 image of 3\n" in told.out
    assert f"wrote {maps / 'b_overlay.jpg'}\n" in told.out
    assert f"terrazzo: error: 1 of 3 images failed, the others are in {maps}; the first: " in told.err


def broken_at_the_third(monkeypatch: pytest.MonkeyPatch, error: BaseException, second: Path | None = None) -> None:
    """The third raster ends the batch, once the map of the second is there if its folder is given."""
    calls = itertools.count(1)

    def breaking(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 3:
            while second is not None and (not (second / "run.json").exists() or (second / ".partial").exists()):
                time.sleep(0.01)
            raise error
        return raster_map.compute_raster(*arguments, **options)

    monkeypatch.setattr("terrazzo.maps.rasters.batch.compute_raster", breaking)


def test_a_batch_that_breaks_off_lists_the_maps_finished_before(
    tmp_path: Path, model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, maps = tmp_path / "in", tmp_path / "maps"
    folder.mkdir()
    for name in "abcd":
        write_raster(folder / f"{name}.tif", noise(3, 45, 70))
    broken_at_the_third(monkeypatch, InputError("the disk is full"))
    words = ["predict", str(model_path), str(folder), "--out", str(maps), "--precision", "32"]
    assert exit_code(words) == 1
    told = capsys.readouterr()
    out = " ".join(told.out.split())
    assert out.startswith(f"mapped 2 images of 4 wrote {maps / 'a'}: areas.csv")
    assert f"wrote {maps / 'b'}: areas.csv" in out
    assert f"2 of 4 images were not mapped, the others are in {maps}; the cause: the disk is full" in told.err
    broken_at_the_third(monkeypatch, InputError("the disk is full"))
    with pytest.raises(PartialError) as caught:
        terrazzo.predict(model_path, folder, out=maps, device="cpu", precision="32", overwrite=True)
    assert caught.value.done.written == ("a.tif", "b.tif")
    assert caught.value.done.n_failed == 2


def test_a_batch_stopped_by_ctrl_c_lists_them_too_and_goes_on_later(
    tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, maps = tmp_path / "in", tmp_path / "maps"
    folder.mkdir()
    for name in "abcd":
        write_raster(folder / f"{name}.tif", noise(3, 45, 70))
    said: list[str] = []
    with monkeypatch.context() as patch:
        broken_at_the_third(patch, KeyboardInterrupt(), maps / "b")
        with pytest.raises(KeyboardInterrupt):
            terrazzo.predict(model_path, folder, out=maps, device="cpu", precision="32", say=said.append)
    assert said[-1] == f"2 maps of 4 were finished in {maps}: a.tif, b.tif"
    done = terrazzo.predict(model_path, folder, out=maps, device="cpu", precision="32")
    assert (done.kept, done.written) == (("a.tif", "b.tif"), ("c.tif", "d.tif"))


def test_a_batch_that_breaks_off_at_once_raises_the_error_itself(
    tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_raster(tmp_path / "a.tif", noise(3, 45, 70))
    monkeypatch.setattr("terrazzo.maps.rasters.batch.compute_raster", _full)
    with pytest.raises(InputError, match=r"^the disk is full$"):
        terrazzo.predict(model_path, tmp_path / "a.tif", out=tmp_path / "maps", device="cpu", precision="32")


def _full(*arguments: Any, **options: Any) -> Any:
    raise InputError("the disk is full")


NEEDS_DASK = pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra dask")


@pytest.mark.parametrize(
    ("flag", "options"),
    [
        ("--bands", {"bands": "3,2,1"}),
        ("--scale", {"scale": "0,3000"}),
        ("--max-pixels", {"max_pixels": 10**9}),
        ("--nodata", {"nodata": 0}),
        ("--resample", {"resample": True}),
        ("--probabilities", {"probabilities": True}),
        ("--vector-format", {"vector_format": "geojson"}),
        ("--mapping-unit", {"mapping_unit": 4}),
        ("--simplify", {"simplify": 0}),
        ("--max-memory", {"max_memory": "4GB"}),
        pytest.param("--engine", {"engine": "dask"}, marks=NEEDS_DASK),
        pytest.param("--engine", {"engine": "dask", "workers": 2}, marks=NEEDS_DASK),
        ("--restart", {"restart": True}),
    ],
)
def test_what_is_for_rasters_is_refused_with_pictures_alone(
    tmp_path: Path, model_path: Path, flag: str, options: dict[str, Any]
) -> None:
    Image.fromarray(noise(20, 30, 3)).save(tmp_path / "photo.png")
    with pytest.raises(InputError) as caught:
        terrazzo.predict(model_path, tmp_path / "photo.png", out=tmp_path / "maps", device="cpu", **options)
    assert str(caught.value) == (
        f"{flag}: is for rasters (.tif, .tiff, .jp2, .vrt); photo.png is a picture; leave {flag} out"
    )


def test_what_auto_stood_for_is_remembered_with_the_pieces(tmp_path: Path) -> None:
    here, there = {"device": "cpu", "precision": "bf16"}, {"device": "cuda", "precision": "bf16"}
    with open_journal(tmp_path / ".partial", {"model": "a"}, restart=False) as journal:
        journal.settle(there)
        journal.settle(here)  # there is no piece yet
        journal.write(Piece(0, 0), {})
        journal.settle(here)
        with pytest.raises(
            OutputExistsError,
            match=r"with --device cpu --precision bf16, .* --device cuda .*a machine .*--restart",
        ):
            journal.settle(there)
    with open_journal(tmp_path / ".partial", {"model": "a"}, restart=True) as journal:
        journal.settle(there)


# --- real files


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_every_real_raster_is_mapped_or_refused_with_a_reason(tmp_path: Path) -> None:
    root = os.environ.get("TERRAZZO_DATA")
    if not root:
        pytest.skip("TERRAZZO_DATA is not set: no real data sets here")
    refused = {}
    paths = sorted(path for path in (Path(root) / "rasters").iterdir() if path.suffix in (".tif", ".tiff", ".vrt"))
    for path in paths:
        try:
            raster = read_raster(path)
            bands = min(3, raster.n_bands)
            size = 256 if raster.height * raster.width < 10_000_000 else 512
            file = model_file(tmp_path, Tiling(size, 32, 32), bands, size)
            wide = raster.dtype != "uint8"
            options = MapOptions(tuple("123"[:bands]) if wide else None, (0, 3000) if wide else None)
            out = tmp_path / path.name
            map_here(plan_map(path, out, file, options), Brightness(file.header))
        except InputError as error:
            refused[path.name] = str(error)
            continue
        (ids,) = read_map(out / "classes.tif")
        with rasterio.open(path) as dataset:
            assert ids.shape == dataset.shape
            if dataset.dtypes[0] == "uint8":
                np.testing.assert_array_equal(ids == 255, dataset.dataset_mask() == 0)
    assert len(paths) == 39
    assert not any("\n" in line for line in refused.values())
    assert set(refused) == {"corrupt.tif", "it_sample-get-lzw-stuck.tiff", "odm_orthophoto.tif"}
