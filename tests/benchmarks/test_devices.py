"""The summary of one process against two, worked by hand."""

from pathlib import Path

from benchmarks.devices import COLUMNS, read_rows, summary

ROWS = [{"devices": str(n), "mean_iou": str(value)} for n, value in ((1, 0.5), (1, 0.7), (2, 0.6), (2, 0.9))]


def test_two_standard_deviations_worked_by_hand() -> None:
    """Deviations 0.1 x sqrt 2 and 0.15 x sqrt 2: together sqrt of the mean of 0.02 and 0.045, that is 0.180."""
    assert summary(ROWS) == (
        "1 process: 0.600 +- 0.141, 2 processes: 0.750 +- 0.212; 0.150 apart, within two standard deviations (0.361)"
    )
    far = [row | {"mean_iou": str(float(row["mean_iou"]) + 0.5)} if row["devices"] == "2" else row for row in ROWS]
    assert "0.650 apart, not within two" in summary(far)


def test_rows_come_back_as_text(tmp_path: Path) -> None:
    from terrazzo.system.files import csv_text, write_text

    assert read_rows(tmp_path / "rows.csv") == []
    write_text(tmp_path / "rows.csv", csv_text(COLUMNS, [(0, 1, 8, 12, "0.2272", "0.1.0")]))
    (row,) = read_rows(tmp_path / "rows.csv")
    assert (row["seed"], row["devices"], row["mean_iou"]) == ("0", "1", "0.2272")
