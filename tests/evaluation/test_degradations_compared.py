"""The comparison of two models that `python -m benchmarks.degradations` prints, worked by hand."""

from pathlib import Path

import pytest
from benchmarks.degradations import METHODS, loss, main, scores_of, table


def scores(clean: float, jpeg_30: float, resolution_2: float, vegetation: float | None) -> dict[str, object]:
    found = (("clean", 0, clean), ("resolution", 2, resolution_2), ("jpeg", 30, jpeg_30))
    rows = [{"kind": kind, "strength": strength, "mean_iou": score, "accuracy": 1} for kind, strength, score in found]
    return {"mean_iou": clean, "iou": {"Vegetation": vegetation, "Road": 0.5}, "degrade": rows}


def test_losses_are_points_below_the_clean_score_and_their_ratio_says_what_is_left() -> None:
    before, after = scores(0.60, 0.50, 0.52, 0.40), scores(0.59, 0.55, 0.57, 0.45)
    assert round(loss(before, "jpeg", 30), 9) == 10
    assert [line.split() for line in table(before, after)[1:]] == [
        ["mean", "IoU,", "clean,", "points", "60.00", "59.00", "-1.00"],
        ["loss", "at", "jpeg", "30,", "points", "10.00", "4.00", "-6.00", "0.40"],
        ["loss", "at", "resolution", "2,", "points", "8.00", "2.00", "-6.00", "0.25"],
        ["IoU", "of", "Vegetation,", "clean,", "points", "40.00", "45.00", "+5.00"],
        ["IoU", "of", "Road,", "clean,", "points", "50.00", "50.00", "+0.00"],
    ]


def test_without_a_loss_there_is_no_ratio_and_absent_classes_have_no_line() -> None:
    lines = table(scores(0.5, 0.5, 0.4, None), scores(0.5, 0.4, 0.4, 0.3))
    assert [line.split()[-1] for line in lines[2:4]] == ["-", "1.00"]
    assert not any("Vegetation" in line for line in lines)


ROWS = """fold,places,method,kind,strength,mean_iou,accuracy
a,new,best,clean,0,0.6,0.9
a,new,best,jpeg,30,0.5,0.8
b,new,best,clean,0,0.4,0.7
b,new,best,jpeg,30,0.2,0.6
c,new,best,clean,0,0.1,0.1
a,old,best,clean,0,0.9,0.9
a,new,robust_1,clean,0,0.6,0.9
a,new,robust_1,jpeg,30,0.55,0.8
b,new,robust_1,clean,0,0.4,0.7
b,new,robust_1,jpeg,30,0.35,0.6
"""


def test_means_are_over_the_folds_that_both_methods_have(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    best, robust = scores_of(path, METHODS)
    assert best["mean_iou"] == pytest.approx(0.5)  # fold c lacks the other method, and the old place is another table
    assert loss(best, "jpeg", 30) == pytest.approx(15)
    assert loss(robust, "jpeg", 30) == pytest.approx(5)


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        (["best", "robust_05"], "robust_05 has no row; there are best, robust_1, lean"),
        (["best", "lean"], "no fold has rows of all of best, lean"),
    ],
)
def test_methods_that_a_table_lacks_are_told(
    methods: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{ROWS}d,new,lean,clean,0,0.6,0.9\n")
    with pytest.raises(SystemExit):
        main(["--rows", str(path), "--methods", *methods])
    assert told in capsys.readouterr().err


def test_methods_are_those_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.safetensors", "b.safetensors", "patches", "--methods", "best", "robust_1"])
    assert "--methods: are those of --rows" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["model.safetensors"], [], ["model.safetensors", "--rows", "rows.csv"]])
def test_models_or_rows_are_needed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "give two models and patches, or --rows" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--rows", "nope.csv"])
    assert "--rows nope.csv: is not there" in capsys.readouterr().err
