"""The learning-rate range test: its curve by hand, its suggestion, and what `tune` writes, keeps and refuses."""

import csv
import json
import pickle
from itertools import pairwise
from pathlib import Path

import pytest

import terrazzo
from terrazzo.errors import InputError, OutputExistsError, PatchesError
from terrazzo.training.range_test import HIGHEST, LOWEST, Curve, rates, smoothed, valley
from tests.worlds.striped import striped_patches

SMALL = {"model.filters": [4, 8], "model.batch_norm": True, "train.precision": "32"}


def test_rates_grow_by_one_factor_from_lowest_to_highest() -> None:
    found = rates(7)
    assert found[0] == LOWEST
    assert found[-1] == pytest.approx(HIGHEST)
    assert [after / before for before, after in pairwise(found)] == pytest.approx([10.0] * 6)


def test_smoothing_of_a_constant_is_the_constant() -> None:
    assert smoothed([2.5] * 9) == pytest.approx([2.5] * 9)
    first, second = smoothed([1.0, 2.0])
    assert first == pytest.approx(1.0)
    assert second == pytest.approx((0.9 * 0.1 + 0.1 * 2.0) / 0.19)


@pytest.mark.parametrize(
    ("losses", "at"),
    [
        ((9, 8, 7, 6, 5, 4, 3), 4),  # it falls over 0..6: two thirds down
        ((5, 5, 5, 4, 3, 2, 8, 9), 3),  # over 0..5, of equal starts the earliest
        ((5, 6, 4, 7, 3, 9, 9), 3),  # 6 4 3: what lies above is skipped
        ((1, 2, 3), None),
        ((), None),
    ],
)
def test_the_valley_is_two_thirds_down_the_longest_fall(losses: tuple[float, ...], at: int | None) -> None:
    assert valley(losses) == at


def test_a_curve_that_never_falls_suggests_nothing() -> None:
    with pytest.raises(InputError, match="the loss fell at no learning rate"):
        _ = Curve((1e-6, 1e-3, 1.0), (1.0, 2.0, 3.0), (1.0, 2.0, 3.0)).suggestion


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuning")
    return striped_patches(folder, 4)


def test_what_tune_finds_writes_and_keeps(patches_path: Path) -> None:
    out = patches_path.parent / "tune"
    found = terrazzo.tune(patches_path, out=out, recipe="unet", steps=60, changes=SMALL, device="cpu")
    assert LOWEST < found.lr < HIGHEST
    assert found.assignment == f"optimizer.lr={found.lr:.2g}"
    with (out / "learning_rate.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["lr"]) for row in rows] == pytest.approx(rates(60)[: len(rows)])
    assert smoothed([float(row["loss"]) for row in rows]) == pytest.approx([float(row["smoothed"]) for row in rows])
    assert json.loads((out / "tune.json").read_text())["lr"] == found.lr
    # No weights, no pickles: a picture, a table, a result.
    assert {path.name for path in out.iterdir()} == {"learning_rate.png", "learning_rate.csv", "tune.json"}
    for path in out.iterdir():
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, IndexError, KeyError, AttributeError)):
            pickle.loads(path.read_bytes())
    again = terrazzo.tune(patches_path, out=out, recipe="unet", steps=60, changes=SMALL, device="cpu")
    assert (again.kept, again.lr) == (True, found.lr)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        terrazzo.tune(patches_path, out=out, recipe="unet", steps=61, changes=SMALL, device="cpu")


def test_the_suggestion_trains_better_than_rates_far_from_it(patches_path: Path) -> None:
    found = terrazzo.tune(
        patches_path, out=patches_path.parent / "tune2", recipe="unet", steps=60, changes=SMALL, device="cpu"
    )

    def loss(lr: float) -> float:
        run = patches_path.parent / f"run-{lr:.1e}"
        changes = SMALL | {"optimizer.lr": lr, "schedule.name": "constant"}
        terrazzo.train(patches_path, out=run, recipe="unet", epochs=2, changes=changes, device="cpu")
        with (run / "metrics.csv").open() as stream:
            return float(list(csv.DictReader(stream))[-1]["train_loss"])

    assert loss(found.lr) < loss(found.lr / 100)


def test_refusals(patches_path: Path, tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="no such folder"):
        terrazzo.tune(tmp_path / "none", out=tmp_path / "tune")
    with pytest.raises(InputError, match="--steps 3: too few"):
        terrazzo.tune(patches_path, out=tmp_path / "tune", steps=3)
    assert not (tmp_path / "tune").exists()
