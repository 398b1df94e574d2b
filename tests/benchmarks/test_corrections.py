"""The measure of corrections: where boxes lie, how they are shared out, and its rows and curve."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.boxes import blocks, rows
from benchmarks.boxes.plot import by_device, curve, table
from benchmarks.boxes.scenes import Tile, write_corrections
from benchmarks.corrections import arms
from benchmarks.places.folds import Places
from benchmarks.places.measure import Plan

import terrazzo
from benchmarks import corrections
from terrazzo.errors import StoppedError


@pytest.mark.parametrize("shape", [(2100, 1700), (700, 900), (300, 300)])
def test_no_pixel_is_both_labelled_and_scored(shape: tuple[int, int]) -> None:
    may = blocks.labelled_blocks(shape)
    for row, col in blocks.corners(shape):
        box = may[row : row + blocks.SIDE, col : col + blocks.SIDE]
        assert box.shape == (blocks.SIDE, blocks.SIDE)
        assert box.all()
    assert 0.4 < may.mean() < 0.75


def test_small_tiles_have_smaller_blocks() -> None:
    assert blocks.block_of((1536, 2000)) == 512
    assert blocks.block_of((1535, 2000)) == 256


def test_random_boxes_are_nested_and_depend_on_the_draw() -> None:
    few, many = (blocks.random_corners((2000, 2000), number, (0, 4)) for number in (5, 40))
    assert many[:5] == few
    assert len(set(many)) == 40
    assert blocks.random_corners((2000, 2000), 5, (1, 4)) != few


def test_boxes_are_shared_out_by_room_and_each_tile_has_one() -> None:
    large, small = (2048, 2048), (512, 512)
    assert blocks.shared_out(20, [large, large]) == [10, 10]
    assert blocks.shared_out(5, [large, small]) == [4, 1]
    for number in (5, 10, 20, 40):
        assert sum(blocks.shared_out(number, [large, (700, 900)])) == number


def test_corrections_hold_the_truth_of_the_boxes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyogrio
    import shapely

    truth = np.full((256, 256), 1, np.uint8)
    truth[:, 64:] = 4
    truth[:8] = 255
    monkeypatch.setattr(Places, "truth", lambda places, name: truth)
    tile = Tile("4", Places(tmp_path, tmp_path), tmp_path)
    path = tmp_path / "corrections.gpkg"
    write_corrections(path, tile.polygons([(0, 0)]))
    meta, _, outlines, (names,) = pyogrio.raw.read(path)
    areas = dict(zip(names, shapely.area(shapely.from_wkb(outlines)), strict=True))
    assert areas == {"Land (unpaved area)": 120 * 64 * 0.25, "Water": 120 * 64 * 0.25}
    assert "32640" in meta["crs"]
    west, _, _, north = shapely.total_bounds(shapely.from_wkb(outlines))
    assert tile.corner(west, north) == (8, 0)


def test_a_row_is_written_once_and_read_as_it_was(tmp_path: Path) -> None:
    row = rows.Row("4+5", "suggest", 20, 0, "no", 0.01, 0.8, 0.6, 0.7, 3.5, "cpu", "32", "1", "python")
    rows.append(tmp_path / "rows.csv", row)
    rows.append(tmp_path / "rows.csv", row)
    assert rows.read(tmp_path / "rows.csv") == [row]


def test_the_curve_is_the_mean_over_folds_of_draws_that_have_them_all() -> None:
    def row(fold: str, arm: str, boxes: int, draw: int, score: float, keep: str = "no") -> rows.Row:
        return rows.Row(fold, arm, boxes, draw, keep, 0.01, 0.8, score, 0.7, 3.5, "cpu", "32", "1", "python")

    found = [
        *(row(fold, "start", 0, 0, score) for fold, score in (("a", 0.5), ("b", 0.7))),
        *(row(fold, "random", 5, 0, score) for fold, score in (("a", 0.6), ("b", 0.8))),
        row("a", "random", 5, 1, 0.9),
        *(row(fold, "suggest", 5, 0, 0.9, "yes") for fold in "ab"),
    ]
    assert curve(found, "random") == {0: [pytest.approx(0.6)], 5: [pytest.approx(0.7)]}
    assert curve(found, "suggest") == {0: [pytest.approx(0.6)]}
    lines = table(found).splitlines()
    assert "| 5 | suggest | yes | 1 | 0.900 |" in lines[-1]
    assert "| 5 | random | no | 1 | 0.700 |" in lines[-2]  # without the draw of one fold, whose score is 0.9


def test_rows_of_different_devices_are_never_averaged() -> None:
    def row(device: str, boxes: int, score: float) -> rows.Row:
        arm = "random" if boxes else "start"
        return rows.Row("a", arm, boxes, 0, "no", 0.01, 0.8, score, 0.7, 3.5, device, "32", "1", "python")

    found = [row("cpu", 0, 0.3), row("gpu", 0, 0.5), row("gpu", 5, 0.7)]
    assert list(by_device(found)) == ["gpu", "cpu"]
    first, second = table(found).split("**cpu**")
    assert "| 0 | start | no | 1 | 0.500 |" in first
    assert "| 0 | start | no | 1 | 0.300 |" in second


def test_arms_have_one_with_old_patches_at_20_boxes() -> None:
    found = arms((5, 20), 3)
    assert len(found) == 1 + 4 + 5
    assert [arm.words for arm in found if arm.keep] == ["suggest-20-0-keep"]


def test_a_training_that_was_stopped_is_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = SimpleNamespace(model=tmp_path / "model.safetensors", interrupted=True)
    monkeypatch.setattr(terrazzo, "prepare", lambda *given, **options: None)
    monkeypatch.setattr(terrazzo, "train", lambda *given, **options: stopped)
    plan = Plan(Places(tmp_path, tmp_path), tmp_path / "corrections.csv")
    monkeypatch.setattr(corrections, "write_corrections", lambda *given: None)
    fold = corrections.Fold("1+8", plan, (), tmp_path / "start.safetensors", tmp_path / "old")
    monkeypatch.setattr(corrections.Fold, "boxes", lambda fold, arm: [])
    with pytest.raises(StoppedError, match="the same command goes on"):
        corrections.measure(fold, corrections.Arm("random", 5))
