"""The table of rows: appended whole, one at a time, and what stands there stays."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.places.rows import COLUMNS, Row, append, keys_in, read_rows

from terrazzo.errors import InputError

ROW = Row(
    protocol="places", method="best", words="today's", seed="0", fold="1+8", schedule="600 steps", epochs=7, steps=602,
    accuracy=0.8, mean_iou_5=0.5, mean_iou=0.4, jaccard_soft_micro=None, iou_building=0.5, iou_land=0.5, iou_road=None,
    iou_vegetation=0.5, iou_water=0.5, iou_unlabeled=None, minutes=2.5, device="a CPU", precision="bf16",
    version="1", command="x, y",
)  # fmt: skip


def append_number(path: Path, number: int) -> bool:
    return append(path, replace(ROW, seed=str(number)))


def test_a_row_comes_back_as_text_with_blanks_for_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert append(path, ROW)
    (row,) = read_rows(path)
    assert tuple(row) == COLUMNS
    assert (row["steps"], row["accuracy"], row["iou_road"], row["command"], row["kept"]) == (
        "602",
        "0.8",
        "",
        "x, y",
        "",
    )
    assert keys_in(path) == {ROW.key} == {("places", "best", "0", "1+8", "600 steps", "a CPU")}


def test_a_key_stands_there_once_and_edits_by_hand_stay(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    append(path, ROW)
    edited = path.read_text(encoding="utf-8").rstrip("\n") + "yes"  # kept, and no line end
    path.write_text(edited, encoding="utf-8")
    assert not append(path, ROW)
    assert path.read_text(encoding="utf-8") == edited
    assert append(path, replace(ROW, device="a GPU"))
    assert path.read_text(encoding="utf-8").startswith(edited + "\n")
    assert [row["kept"] for row in read_rows(path)] == ["yes", ""]


def test_processes_that_append_at_once_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert all(pool.map(append_number, [path] * 40, range(40)))
    assert sorted(int(row["seed"]) for row in read_rows(path)) == [*range(40)]


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("method,score\nbest,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"rows.csv: its columns differ from those of this version \(accuracy\)"):
        append(path, ROW)
