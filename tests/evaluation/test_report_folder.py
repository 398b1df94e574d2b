"""What a report's folder keeps, completes and refuses; scores and pages are stand-ins."""

from pathlib import Path

import pytest

from terrazzo.errors import OutputExistsError
from terrazzo.evaluation.report_folder import ReportFolder

ROW = {"kind": "jpeg", "strength": 90, "mean_iou": 0.5, "accuracy": 0.75}
PAGE = "<title>terrazzo report</title>"


def scores(key: str, degrade: bool = False) -> dict[str, object]:
    return {"mean_iou": 0.5, **({"degrade": [ROW]} if degrade else {}), "key": key}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_table_has_the_four_columns_and_a_line_a_row(tmp_path: Path) -> None:
    ReportFolder(tmp_path, "k").write(scores("k", degrade=True), PAGE)
    assert (tmp_path / "degrade.csv").read_bytes() == b"kind,strength,mean_iou,accuracy\njpeg,90,0.5,0.75\n"
    assert ReportFolder(tmp_path, "k").finished() == scores("k", degrade=True)
    assert ReportFolder(tmp_path, "other").finished() is None


def test_finished_rows_are_those_of_the_same_key_until_the_table_is_written(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path / "new" / "report", "k")
    assert folder.rows() == []
    folder.keep([ROW])
    assert folder.rows() == [ROW]
    assert ReportFolder(folder.path, "other").rows() == []
    folder.refuse(overwrite=False)
    folder.write(scores("k"), PAGE)  # plain scores of the same key leave them for --degrade
    assert folder.rows() == [ROW]
    folder.write(scores("k", degrade=True), PAGE)
    assert names(folder.path) == ["degrade.csv", "report.html", "scores.json"]


def test_a_report_of_another_key_takes_the_place_of_rows_and_table(tmp_path: Path) -> None:
    ReportFolder(tmp_path, "k").write(scores("k", degrade=True), PAGE)
    ReportFolder(tmp_path, "k").keep([ROW])
    other = ReportFolder(tmp_path, "other")
    with pytest.raises(OutputExistsError, match="already exists and is not a finished report"):
        other.refuse(overwrite=False)
    other.refuse(overwrite=True)
    other.write(scores("other"), PAGE)
    assert names(tmp_path) == ["report.html", "scores.json"]


def test_a_table_of_the_user_s_own_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "degrade.csv").write_text("paint,years\nred,3\n")
    with pytest.raises(OutputExistsError, match=r"holds degrade\.csv, which is no part of a finished report"):
        ReportFolder(tmp_path, "k").refuse(overwrite=True)


def test_rows_that_cannot_be_read_are_no_rows(tmp_path: Path) -> None:
    for text in ('{"key": "k"}', '{"key": "k", "rows": [', "[]"):
        (tmp_path / ".degrade.partial.json").write_text(text)
        assert ReportFolder(tmp_path, "k").rows() == []
