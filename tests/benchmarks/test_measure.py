"""What follows training: runs joined, models adapted, and which models map which scenes."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks.places.locks import once
from benchmarks.places.measure import Plan, Schedule, Task, measure
from benchmarks.places.methods import method_of
from benchmarks.places.queue import measure_all
from benchmarks.places.rows import keys_in

import terrazzo
from terrazzo.errors import StoppedError
from tests.worlds.places import dubai_like, tiny_plan


class Recorder:
    """Stands in for `average` and `adapt`, which copy a model here, and for a `predict` that takes several models."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str], list[str]]] = []
        self._predict = terrazzo.predict

    def average(self, models: Sequence[Path], *, out: Path, patches: Path, worst: float) -> None:
        assert (Path(patches) / "dataset.json").is_file()
        assert worst >= 100  # a bad average is measured, not refused
        self.calls.append(("average", [path.parent.name for path in models], []))
        shutil.copy(models[0], out)

    def adapt(self, model: Path, scenes: Sequence[Path], *, out: Path, device: str) -> None:
        self.calls.append(("adapt", [model.parent.name], [path.stem for path in scenes]))
        shutil.copy(model, out)

    def predict(self, models: Any, scenes: Sequence[Path], **options: Any) -> Any:
        several = models if isinstance(models, list) else [models]
        self.calls.append(("predict", [path.stem for path in several], [path.stem for path in scenes]))
        return self._predict(several[0], scenes, **options)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tmp_path_factory.mktemp("joined")
    return tiny_plan(root, dubai_like(root / "data", (1, 2, 3)), Schedule(epochs=1))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], list[str]]]:
    recorder = Recorder()
    for name in ("average", "adapt", "predict"):
        monkeypatch.setattr(terrazzo, name, getattr(recorder, name), raising=False)
    return recorder.calls


BOTH = ["tile-1", "tile-2"]
CASES = {
    "soup": [("average", ["seed-0", "seed-1", "seed-2"], []), ("predict", ["average"], BOTH)],
    "ensemble": [("predict", ["model"] * 3, BOTH)],
    "adapt": [("adapt", ["seed-0"], BOTH), ("predict", ["adapted-0-tile-1-tile-2"], BOTH)],
    "adapt_alone": [
        ("adapt", ["seed-0"], ["tile-1"]),
        ("adapt", ["seed-0"], ["tile-2"]),
        ("predict", ["adapted-0-tile-1"], ["tile-1"]),
        ("predict", ["adapted-0-tile-2"], ["tile-2"]),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_what_follows_training(name: str, plan: Plan, calls: list[tuple[str, list[str], list[str]]]) -> None:
    method = method_of(name)
    row = measure(Task(method, "0 1 2" if method.join else "0", "1+2"), plan)
    assert calls == CASES[name]
    assert (row.method, row.fold, row.protocol) == (name, "1+2", "places")
    assert row.minutes >= 0


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    made = tmp_path / "model.safetensors"
    calls = []

    def make() -> None:
        calls.append(made.write_text("weights"))

    spent = once(made, make)
    assert once(made, make) == spent  # the minutes of the first time
    assert len(calls) == 1
    made.with_name(f"{made.name}.json").unlink()  # killed between the two files
    once(made, make)
    assert len(calls) == 1


def test_ctrl_c_ends_the_command_and_half_a_run_is_no_row(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    half = SimpleNamespace(model=Path("seed-0/model.safetensors"), interrupted=True)
    monkeypatch.setattr(terrazzo, "train", lambda *_, **__: half)
    tasks = [Task(method_of("ema_999"), "0", fold) for fold in ("1+2", "1+3")]
    with pytest.raises(StoppedError, match=r"seed-0: stopped by Ctrl-C; the same command goes on"):
        measure_all(tasks, plan)
    assert not {task.key(plan) for task in tasks} & keys_in(plan.out)
