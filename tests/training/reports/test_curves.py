"""The curves of a run: what is drawn, what is left out, and which epoch is called the best."""

from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest

from terrazzo.errors import InputError
from terrazzo.evaluation.metrics import EPOCH_METRICS
from terrazzo.training.reports.curves import best_row, plot_curves, summary
from terrazzo.training.reports.epoch_log import COLUMNS

ROWS = [
    {"epoch": 1, "train_loss": 1.5, "val_loss": 1.25, "val_accuracy": 0.5, "val_mean_iou": 0.25, "lr": 1e-3},
    {"epoch": 2, "train_loss": 1.0, "val_loss": 1.5, "val_accuracy": 0.75, "val_mean_iou": 0.5, "lr": 5e-4},
    {"epoch": 3, "train_loss": 0.5, "val_loss": 1.75, "val_accuracy": 0.875, "val_mean_iou": 0.375, "lr": 0.0},
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[matplotlib.figure.Figure]:
    """The figures that are saved, in order."""
    figures: list[matplotlib.figure.Figure] = []
    save = matplotlib.figure.Figure.savefig

    def keep(self: matplotlib.figure.Figure, *args: object, **options: object) -> None:
        figures.append(self)
        save(self, *args, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return figures


def lines(axis: matplotlib.figure.Axes) -> dict[str, list[float]]:
    """The labelled lines of a panel."""
    found = {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in axis.get_lines()}
    return {label: values for label, values in found.items() if not str(label).startswith("_")}


def test_each_metric_has_a_panel_with_training_and_validation(drawn: list, tmp_path: Path) -> None:
    rows = [{**row, "train_accuracy": row["val_accuracy"] / 2, "val_mean_dice": 0.5} for row in ROWS]
    plot_curves(rows, tmp_path / "curves.png")
    loss, accuracy, iou, dice, rate, _ = drawn[0].axes
    assert [axis.get_title("left") for axis in drawn[0].axes[:5]] == [
        "Loss", "Accuracy", "Mean IoU", "Mean Dice", "Learning rate, mean of each epoch",
    ]  # fmt: skip
    assert lines(loss) == {"training": [1.5, 1.0, 0.5], "validation": [1.25, 1.5, 1.75]}
    assert lines(accuracy) == {"training": [0.25, 0.375, 0.4375], "validation": [0.5, 0.75, 0.875]}
    assert lines(iou) == {"validation": [0.25, 0.5, 0.375]}
    assert lines(dice) == {"validation": [0.5, 0.5, 0.5]}
    assert rate.get_lines()[0].get_ydata().tolist() == [1e-3, 5e-4, 0.0]


def test_the_best_epoch_is_marked_in_every_panel_and_told_in_figures(drawn: list, tmp_path: Path) -> None:
    plot_curves(ROWS, tmp_path / "curves.png")
    assert best_row(ROWS) == 1
    for axis in drawn[0].axes[:5]:
        assert [2.0, 2.0] in [list(line.get_xdata()) for line in axis.get_lines()]
    assert summary(ROWS, 1) == [
        ("best epoch", "2 of 3"),
        ("loss", "1.5000"),
        ("accuracy", "0.7500"),
        ("mean IoU", "0.5000"),
    ]
    told = {text.get_text() for text in drawn[0].axes[5].texts}
    assert {"2 of 3", "0.5000"} <= told


def test_a_leaky_split_is_called_leaky(drawn: list, tmp_path: Path) -> None:
    for leaky in (True, False):
        plot_curves(ROWS, tmp_path / "curves.png", leaky=leaky)
    told = [any("leaky split" in text.get_text() for text in figure.axes[5].texts) for figure in drawn]
    assert told == [True, False]


def test_a_line_where_each_stage_begins_and_none_where_there_is_one(drawn: list, tmp_path: Path) -> None:
    staged = [{**row, "stage": stage, "size": 64 * stage} for row, stage in zip(ROWS, (1, 1, 2), strict=True)]
    plot_curves(staged, tmp_path / "curves.png")
    plot_curves([{**row, "stage": 1, "size": 64} for row in ROWS], tmp_path / "curves.png")
    texts = [[text.get_text().strip() for text in figure.axes[0].texts] for figure in drawn]
    assert texts == [["64 px", "128 px"], []]
    starts = [line.get_xdata()[0] for line in drawn[0].axes[2].get_lines() if len(line.get_xdata()) == 2]
    assert {0.5, 2.5} <= set(starts)


def test_curves_from_numbers_and_from_csv_text_are_the_same_picture(tmp_path: Path) -> None:
    plot_curves(ROWS, tmp_path / "numbers.png")
    plot_curves([{key: str(value) for key, value in row.items()} for row in ROWS], tmp_path / "text.png")
    assert (tmp_path / "numbers.png").read_bytes() == (tmp_path / "text.png").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["numbers.png", "text.png"]


def test_a_score_that_is_missing_or_not_finite_is_left_out(tmp_path: Path) -> None:
    def picture(value: object) -> bytes:
        plot_curves([ROWS[0], {**ROWS[1], "val_mean_iou": value}], tmp_path / "curves.png")
        return (tmp_path / "curves.png").read_bytes()

    assert picture("nan") == picture(None) != picture(0.5)


def test_a_run_without_any_score_has_no_best_epoch(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "train_loss": 2.0, "lr": 1e-3}]
    assert best_row(rows) is None
    assert summary(rows, None) == [("epochs", "1")]
    plot_curves(rows, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_curves_of_no_epoch_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"curves\.png: no epoch to draw; the metrics have no row yet"):
        plot_curves([], tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_log_and_curves_hold_every_metric_of_the_epoch(drawn: list, tmp_path: Path) -> None:
    assert ",".join(COLUMNS) == (
        "epoch,stage,size,train_loss,val_loss,val_accuracy,val_mean_iou,val_mean_dice,lr,seconds,images_per_s"
    )
    rows = [dict.fromkeys(COLUMNS, 0.5) | {"epoch": 1}]
    plot_curves(rows, tmp_path / "curves.png")
    titles = [axis.get_title("left").lower() for axis in drawn[0].axes]
    for metric in EPOCH_METRICS:
        assert f"val_{metric.name}" in COLUMNS
        assert metric.title.lower() in titles
        assert (metric.title, "0.5000") in summary(rows, 0)


def test_rows_without_validation_give_the_loss_and_no_best_epoch(drawn: list, tmp_path: Path) -> None:
    rows = [{"epoch": row["epoch"], "train_loss": row["train_loss"], "lr": row["lr"]} for row in ROWS]
    plot_curves(rows, tmp_path / "curves.png")
    loss, accuracy, *_ = drawn[0].axes
    assert lines(loss) == {"training": [1.5, 1.0, 0.5]}
    assert lines(accuracy) == {}
    assert best_row(rows) is None
    assert summary(rows, None) == [("epochs", "3")]
