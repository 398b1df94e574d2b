"""`benchmarks.new_places` from end to end on small tiles: rows, skipped rows, kills, jobs, and the page."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.new_places import PAGE, TABLE, main, measure_rows
from benchmarks.places.measure import Plan, Schedule, tasks_of
from benchmarks.places.methods import method_of, methods_of
from benchmarks.places.rows import read_rows
from benchmarks.places.table import BEGIN, END, table

import terrazzo
from terrazzo.classes.palettes import DUBAI
from terrazzo.pixels.photos import read_photo
from tests.worlds.places import SIDE, dubai_like, tiny_plan

FOLDS = ["1+2", "3+4"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dubai_like(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def measured(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    plan = tiny_plan(tmp_path_factory.mktemp("places"), data)
    assert measure_rows(tasks_of(methods_of(["best,tta_flips"]), [0], FOLDS), plan) == 0
    return plan


def test_a_row_for_each_method_and_fold(measured: Plan) -> None:
    rows = read_rows(measured.out)
    assert [(row["method"], row["seed"], row["fold"]) for row in rows] == [
        ("best", "0", "1+2"),
        ("best", "0", "3+4"),
        ("tta_flips", "0", "1+2"),
        ("tta_flips", "0", "3+4"),
    ]
    for row in rows:
        assert (row["protocol"], row["schedule"], row["device"], row["precision"]) == ("places", "full", "a CPU", "32")
        assert float(row["accuracy"]) > 0.5  # each class has its colour
        named = [float(row[f"iou_{name}"]) for name in ("building", "land", "road", "vegetation", "water")]
        assert float(row["mean_iou_5"]) == pytest.approx(sum(named) / 5, abs=1e-4)
        assert (row["jaccard_soft_micro"], row["kept"]) == ("", "")
    assert rows[2]["command"] == "python -m benchmarks.new_places DATA --methods tta_flips --seeds 0 --folds 1+2"


def test_methods_that_train_alike_share_a_run(measured: Plan) -> None:
    assert len([*measured.places.work.rglob("model.safetensors")]) == 2  # one a fold, for two methods


def test_the_tiles_left_out_are_not_in_the_patches(measured: Plan) -> None:
    for fold in FOLDS:
        folder = next((measured.places.work / "prepared").glob(f"{fold}-*"))
        assert {path.name for path in (folder / "data").iterdir()} == {
            f"Tile {name}" for name in "1234" if name not in fold
        }


def test_scenes_are_the_nine_parts_in_place(measured: Plan, data: Path) -> None:
    truth = measured.places.truth("1")
    assert truth.shape == (3 * SIDE, 3 * SIDE)
    part = data / "Tile 1" / "masks" / "image_part_006.png"  # second row, third column
    colors = read_photo(part.read_bytes(), str(part))
    np.testing.assert_array_equal(DUBAI.decode(truth[SIDE : 2 * SIDE, 2 * SIDE :]), colors)


def test_rows_that_stand_there_are_skipped(measured: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    before = measured.out.read_bytes()
    assert measure_rows(tasks_of([method_of("best")], [0], FOLDS), measured) == 0
    assert measured.out.read_bytes() == before
    assert "best, seed 0, fold 1+2: stands in" in capsys.readouterr().out


def test_rows_of_another_device_are_measured_anew(measured: Plan) -> None:
    other = replace(measured, machine="a GPU")
    tasks = tasks_of([method_of("best")], [0], ["1+2"])
    assert tasks[0].key(measured) != tasks[0].key(other)


def test_a_method_that_this_version_lacks_is_reported_and_skipped(
    measured: Plan, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(terrazzo, "adapt", raising=False)
    assert measure_rows(tasks_of([method_of("adapt")], [0], FOLDS), measured) == 0
    assert "adapt: not in this version, skipped (there is no terrazzo.adapt)" in capsys.readouterr().out


def test_a_row_that_fails_does_not_stop_the_others(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tiny_plan(tmp_path, data, Schedule(epochs=1))
    monkeypatch.setitem(method_of.__globals__["METHODS"], "freeze", replace(method_of("freeze"), prepare={"val": 0.0}))
    assert measure_rows(tasks_of(methods_of(["freeze", "best"]), [0], ["1+2"]), plan) == 1
    assert [row["method"] for row in read_rows(plan.out)] == ["best"]
    assert "freeze, seed 0, fold 1+2: failed: " in capsys.readouterr().err


def test_random_patches_are_scored_as_evaluate_does(data: Path, tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, data, Schedule(epochs=3))
    assert measure_rows(tasks_of([method_of("random_patches")], [0], FOLDS), plan) == 0
    (row,) = read_rows(plan.out)
    assert (row["protocol"], row["fold"], row["epochs"], row["schedule"]) == ("leaky", "all", "3", "3 epochs")
    model = next(plan.places.work.rglob("model.safetensors"))
    patches = next((plan.places.work / "prepared").glob("all-*/patches"))
    scores = terrazzo.evaluate(model, patches, device="cpu").scores
    for name in ("accuracy", "jaccard_soft_micro", "mean_iou"):
        assert float(row[name]) == pytest.approx(scores[name], abs=1e-4)


def test_steps_are_rounded_up_to_whole_epochs(data: Path, tmp_path: Path) -> None:
    # Two tiles of 192 px are 72 patches of 32 px. Blocks take some for validation; batches hold 8.
    plan = tiny_plan(tmp_path, data, Schedule(steps=10))
    assert measure_rows(tasks_of([method_of("best")], [0], ["1+2"]), plan) == 0
    from terrazzo.patches.folder import open_patches

    patches = open_patches(next((plan.places.work / "prepared").glob("1+2-*/patches")))
    each = -(-len(patches.rows("train")) // 8)
    (row,) = read_rows(plan.out)
    assert row["schedule"] == "10 steps"
    assert int(row["epochs"]) == -(-10 // each)
    assert int(row["steps"]) == each * int(row["epochs"]) >= 10


SCRIPT = """
import sys
from pathlib import Path
from benchmarks.new_places import measure_rows
from benchmarks.places.measure import Schedule, tasks_of
from benchmarks.places.methods import methods_of
from tests.worlds.places import tiny_plan

if __name__ == "__main__":
    root, data, epochs, jobs, *folds = sys.argv[1:]
    plan = tiny_plan(Path(root), Path(data), Schedule(epochs=int(epochs)))
    sys.exit(measure_rows(tasks_of(methods_of(["best,tta_flips"]), [0], folds), plan, int(jobs)))
"""


def started(root: Path, data: Path, epochs: int, jobs: int, *folds: str) -> "subprocess.Popen[str]":
    script = root / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    words = [sys.executable, "-W", "ignore", str(script), str(root), str(data), str(epochs), str(jobs), *folds]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, env=environment, text=True, stdout=pipe, stderr=pipe)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_command_goes_on(data: Path, tmp_path: Path, measured: Plan) -> None:
    """Killed while a worker trains, then given again: the run is resumed, and its row is that of a whole run.

    The worker ends with the process that started it, or it would hold the run's lock, and a GPU's memory.
    """
    epochs = 12  # those of the recipe, as in `measured`
    first = started(tmp_path, data, epochs, 2, "1+2")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not any(tmp_path.rglob("checkpoints/last.ckpt")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "rows.csv").exists()
    metrics = next(tmp_path.rglob("metrics.csv"))
    before = metrics.read_text(encoding="utf-8").splitlines()
    assert len(before) >= 2  # its columns, and an epoch or more
    again = started(tmp_path, data, epochs, 1, "1+2")
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert metrics.read_text(encoding="utf-8").splitlines()[1] == before[1]  # seconds included: not begun again
    rows = {row["method"]: row for row in read_rows(tmp_path / "rows.csv")}
    assert rows.keys() == {"best", "tta_flips"}
    whole = next(row for row in read_rows(measured.out) if (row["method"], row["fold"]) == ("best", "1+2"))
    assert [rows["best"][name] for name in ("epochs", "steps")] == [whole[name] for name in ("epochs", "steps")]
    for name in ("accuracy", "mean_iou_5"):  # workers have fewer threads, which moves the last digits of sums
        assert float(rows["best"][name]) == pytest.approx(float(whole[name]), abs=0.005)


def test_several_rows_at_a_time(data: Path, tmp_path: Path) -> None:
    done = started(tmp_path, data, 1, 2, *FOLDS)
    _, err = done.communicate(timeout=300)
    assert done.returncode == 0, err
    rows = read_rows(tmp_path / "rows.csv")
    assert sorted((row["method"], row["fold"]) for row in rows) == [
        ("best", "1+2"),
        ("best", "3+4"),
        ("tta_flips", "1+2"),
        ("tta_flips", "3+4"),
    ]
    assert len([*(tmp_path / "work").rglob("model.safetensors")]) == 2


def test_rows_of_another_machine_are_merged_once(measured: Plan, tmp_path: Path) -> None:
    table_here = tmp_path / "rows.csv"
    for _ in range(2):
        assert main(["--merge", str(measured.out), "--out", str(table_here)]) == 0
    assert table_here.read_bytes() == measured.out.read_bytes()


def test_the_page_has_the_table_of_the_csv() -> None:
    text = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()
    assert text == table(read_rows(TABLE)), "run `python -m benchmarks.new_places --page`"


def test_wrong_words_are_refused_in_a_line(data: Path) -> None:
    with pytest.raises(terrazzo.TerrazzoError, match=r"--folds 1\+9: no tile 9; .* has 1, 2, 3, 4"):
        main([str(data), "--folds", "1+9"])
    with pytest.raises(terrazzo.TerrazzoError, match="leaves no tile to train on"):
        main([str(data), "--folds", "1+2+3+4"])
    with pytest.raises(terrazzo.TerrazzoError, match="DATA: is missing"):
        main([])
