"""Progressive resizing: which epochs train at which size, what is shrunk how, and what the comparison says."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import terrazzo
from terrazzo.errors import RecipeError
from terrazzo.model.header import read_header
from terrazzo.recipe.recipe import Recipe
from terrazzo.recipe.stages import legs
from terrazzo.training.reports.stage_report import compare_legs, stage_table
from terrazzo.training.step import shrink
from tests.worlds.striped import striped_patches

STAGES = [{"size": 16, "epochs": 2, "lr": 0.02}, {"size": 24, "epochs": 1}, {"size": 32, "epochs": 3}]


def test_legs_cover_every_epoch_once_in_the_order_of_the_stages() -> None:
    plan = legs(Recipe().with_changes({"stages": STAGES, "optimizer.lr": 0.005}), 32)
    assert [[epoch for epoch in range(6) if epoch in leg] for leg in plan] == [[0, 1], [2], [3, 4, 5]]
    assert [(leg.number, leg.size, leg.lr) for leg in plan] == [(1, 16, 0.02), (2, 24, 0.005), (3, 32, 0.005)]


def test_a_recipe_without_stages_is_one_leg_at_full_size() -> None:
    (leg,) = legs(Recipe(), 256)
    assert (leg.size, leg.first, leg.epochs, leg.lr) == (256, 0, 15, 1e-3)


def test_stages_only_shrink() -> None:
    with pytest.raises(RecipeError, match=r"stage 3 has size 32, the patches 24 px.*--patch-size 32"):
        legs(Recipe().with_changes({"stages": STAGES}), 24)


def test_images_shrink_by_area_and_masks_by_nearest() -> None:
    pixels = torch.tensor([[[[0, 10, 100, 100], [20, 30, 100, 104], [1, 1, 7, 7], [1, 1, 7, 9]]]], dtype=torch.uint8)
    ids = torch.tensor([[[0, 0, 2, 2], [0, 0, 2, 2], [255, 255, 1, 1], [255, 255, 1, 1]]], dtype=torch.uint8)
    small, small_ids = shrink(pixels, ids, 2)
    assert small.tolist() == [[[[15.0, 101.0], [1.0, 7.5]]]]
    assert small_ids.tolist() == [[[0, 2], [255, 1]]]
    assert small_ids.dtype == torch.uint8


def test_shrinking_invents_no_class_and_the_full_size_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (2, 3, 37, 37), generator=generator, dtype=torch.uint8)
    ids = torch.randint(0, 3, (2, 37, 37), generator=generator, dtype=torch.uint8) * 127
    same, same_ids = shrink(pixels, ids, 37)
    assert torch.equal(same, pixels)
    assert torch.equal(same_ids, ids)
    small, small_ids = shrink(pixels, ids, 23)
    assert set(small_ids.unique().tolist()) <= set(ids.unique().tolist())
    assert small.shape == (2, 3, 23, 23)
    assert float(pixels.min()) <= float(small.min())
    assert float(small.max()) <= float(pixels.max())


def test_legs_side_by_side_from_rows_worked_by_hand() -> None:
    plan = legs(Recipe().with_changes({"stages": STAGES}), 32)
    rows = [
        {"epoch": epoch, "seconds": 30.0, "images_per_s": 10.0 * epoch, "val_accuracy": 0.5, "val_mean_iou": iou}
        for epoch, iou in ((1, 0.2), (2, 0.3), (3, 0.25))
    ]
    first, second = compare_legs(plan, rows)
    assert (first.stage, first.size, first.epochs, first.minutes, first.best_epoch) == (1, 16, 2, 1.0, 2)
    assert (first.images_per_s, first.val_mean_iou) == (15.0, 0.3)
    assert (second.size, second.minutes, second.val_mean_iou) == (24, 0.5, 0.25)
    table = stage_table([first, second])
    assert table[0].split()[:3] == ["stage", "size", "epochs"]
    assert len({len(line) for line in table}) == 1


def test_a_run_with_stages_compares_them_at_full_size(tmp_path: Path) -> None:
    striped_patches(tmp_path, 4)
    changes = {"model.filters": [4, 8], "schedule.name": "constant", "stages": STAGES, "train.precision": "32"}
    said: list[str] = []
    run = terrazzo.train(
        tmp_path / "patches", out=tmp_path / "run", recipe="unet", changes=changes, device="cpu", say=said.append
    )
    with (tmp_path / "run" / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["stage"], row["size"]) for row in rows] == [("1", "16")] * 2 + [("2", "24")] + [("3", "32")] * 3
    assert [float(row["lr"]) for row in rows] == [0.02] * 2 + [0.001] * 4
    with (tmp_path / "run" / "stages.csv").open() as stream:
        assert [row["size"] for row in csv.DictReader(stream)] == ["16", "24", "32"]
    picture = np.asarray(Image.open(tmp_path / "run" / "stages.png").convert("RGB"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert any(line.split()[:2] == ["1", "16"] for line in said)
    scores = read_header(run.model).scores
    assert scores is not None
    # The best epoch's figure is that of whole patches: evaluate, which knows no stages, finds the same.
    found = terrazzo.evaluate(run.model, tmp_path / "patches", precision="32").scores
    assert found["mean_iou"] == pytest.approx(scores["val_mean_iou"], abs=1e-6)
