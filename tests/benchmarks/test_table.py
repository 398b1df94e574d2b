"""The arithmetic of the table by hand: means, spread, differences, and scores of a confusion matrix."""

import math
from pathlib import Path

import numpy as np
import pytest
from benchmarks.places.folds import scores_of
from benchmarks.places.rows import COLUMNS
from benchmarks.places.table import BEGIN, END, groups_of, table, verdict, write_page

FOLDS = ("a", "b")


def row(method: str, seed: int, fold: str, score: float, **given: str) -> dict[str, str]:
    own = {"protocol": "places", "method": method, "words": f"{method}!", "seed": str(seed), "fold": fold}
    own |= {"schedule": "full", "device": "a CPU", "precision": "bf16", "mean_iou_5": str(score), "minutes": "2"}
    own |= {"accuracy": str(score + 0.25), "iou_road": "" if fold == "b" else "0.5"}
    return {**dict.fromkeys(COLUMNS, ""), **own, **given}


BEST = [row("best", seed, fold, score) for seed, pair in enumerate([(0.4, 0.6), (0.42, 0.6), (0.38, 0.6)])
        for fold, score in zip(FOLDS, pair, strict=True)]  # fmt: skip
"""Means over the folds: 0.50, 0.51, 0.49."""


def test_spread_is_the_sample_deviation_of_the_means_over_folds() -> None:
    (group,) = groups_of(BEST)
    assert group.seed_means("best") == pytest.approx({"0": 0.50, "1": 0.51, "2": 0.49})
    assert group.spread == pytest.approx(0.01)  # sqrt((0 + 1e-4 + 1e-4) / 2)


def test_differences_below_twice_the_spread_are_none() -> None:
    rows = [*BEST, row("more", 0, "a", 0.45), row("more", 0, "b", 0.65), row("same", 0, "a", 0.43),
            row("same", 0, "b", 0.60)]  # fmt: skip
    (group,) = groups_of(rows)
    assert group.difference("more") == pytest.approx(0.05)
    assert group.difference("same") == pytest.approx(0.015)
    lines = table(rows).splitlines()
    assert lines[0] == (
        "**full**, a CPU, bf16. Spread of `best` over 3 seeds: 1.00 points of mean IoU. "
        "A difference below 2.00 is none."
    )
    assert lines[4].startswith("| `best` | best! | 3 x 2 | 0.750 | 0.500 |  |")
    assert lines[5].startswith("| `more` | more! | 1 x 2 | 0.800 | 0.550 | +5.0 |")
    assert lines[6].startswith("| `same` | same! | 1 x 2 | 0.765 | 0.515 | none |")
    assert lines[4].split("|")[9].strip() == "0.500"  # Road, of a alone


def test_a_method_without_every_fold_has_no_difference() -> None:
    rows = [*BEST, row("half", 0, "a", 0.9), row("half", 1, "a", 0.8)]
    (group,) = groups_of(rows)
    assert group.difference("half") is None
    assert group.methods == ["best", "half"]
    assert "| `half` | half! | a alone | 1.100 | 0.850 |  |" in table(rows)


def test_folds_are_named_where_there_are_none_of_best() -> None:
    rows = [row("more", 0, "b", 0.4), row("more", 0, "c", 0.6)]
    assert "| `more` | more! | 1 x (b and c) | 0.750 | 0.500 |  |" in table(rows)


def test_best_stands_first_and_methods_that_lack_a_fold_last() -> None:
    rows = [row("half", 0, "a", 0.9), row("less", 0, "a", 0.1), row("less", 0, "b", 0.2), *BEST]
    assert groups_of(rows)[0].methods == ["best", "less", "half"]


def test_a_seed_without_every_fold_is_left_out_of_the_means() -> None:
    (group,) = groups_of([*BEST, row("best", 3, "a", 0.99)])
    assert group.seed_means("best") == pytest.approx({"0": 0.50, "1": 0.51, "2": 0.49})


def test_rows_of_other_devices_and_schedules_stand_in_tables_of_their_own() -> None:
    rows = [*BEST, row("more", 0, "a", 0.9, device="a GPU"), row("more", 0, "a", 0.9, schedule="600 steps")]
    groups = groups_of(rows)
    assert [(group.schedule, group.device, group.methods) for group in groups] == [
        ("full", "a CPU", ["best"]),
        ("full", "a GPU", ["more"]),
        ("600 steps", "a CPU", ["more"]),
    ]
    assert [group.difference("more") for group in groups] == [None] * 3
    assert "The spread of `best` over seeds is not measured" in table(rows)


def test_verdicts() -> None:
    assert [verdict(0.02, 0.01), verdict(0.0199, 0.01), verdict(-0.05, 0.01)] == ["+2.0", "none", "-5.0"]
    assert [verdict(0.001, None), verdict(None, 0.01)] == ["+0.1", ""]


def test_random_patches_have_columns_of_their_own() -> None:
    leaky = row("random_patches", 0, "all", 0.5, protocol="leaky", jaccard_soft_micro="0.8", mean_iou="0.6")
    assert "| `random_patches` | random_patches! | 1 | 0.750 | 0.800 | 0.600 | 2.0 |" in table([leaky])


def test_no_rows_make_no_table() -> None:
    assert table([]) == "No rows yet."


def test_the_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_page(page, BEST)
    text = page.read_text(encoding="utf-8")
    assert text == f"# Title\n{BEGIN}\n\n{table(BEST)}\n\n{END}\nafter\n"


def test_scores_of_a_confusion_matrix_by_hand() -> None:
    """Six classes; the truth has no Water, but 10 pixels of Building are mapped as Water; 40 are Unlabeled."""
    confusion = np.zeros((6, 6), np.int64)
    confusion[0, 0], confusion[0, 4] = 30, 10  # Building: 30 / 40
    confusion[1, 1], confusion[1, 2] = 50, 50  # Land: 50 / 100
    confusion[2, 2] = 50  # Road: 50 / 100
    confusion[3, 3] = 20  # Vegetation: 1
    confusion[5, 1] = 40  # Unlabeled, mapped as Land: Land is 50 / 140
    scores = scores_of(confusion)
    assert scores["accuracy"] == pytest.approx(150 / 250)
    assert scores["iou_land"] == pytest.approx(50 / 140)
    assert (scores["iou_water"], scores["iou_unlabeled"]) == (None, 0.0)
    five = (30 / 40 + 50 / 140 + 50 / 100 + 1) / 4  # of the five named, Water is not in the truth
    assert scores["mean_iou_5"] == pytest.approx(five)
    assert scores["mean_iou"] == pytest.approx((4 * five + 0 + 0) / 6)
    assert not math.isnan(five)
