"""Which runtime `auto` means, from timings that are made up; and what is remembered of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.runtimes import choosing
from terrazzo.model.runtimes.choosing import FILE, MARGIN, Timing, choose, forget, remembered
from terrazzo.model.runtimes.converted import sha256_of
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.model.windows.tiling import Tiling

TILING = Tiling(512, 64, 256)
AUTO = Asked()


@dataclass
class Machine:
    """A machine on which the runtimes are as fast as `rates` says, in Mpx/s; None: the runtime fails."""

    rates: dict[str, float | None]
    bf16: bool = False
    timed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pretended:
    """A runtime that opens files as its own name."""

    name: str
    machine: Machine

    def check(self, model: Path, asked: Asked) -> None:
        if self.name not in self.machine.rates:
            raise InputError("not installed")

    def open(self, model: Path, asked: Asked) -> str:
        if self.machine.rates[self.name] is None:
            raise ModelFileError("cannot run it")
        return self.name


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    made = Machine({"torch": 0.43, "onnxruntime": 0.58, "openvino": 0.75})
    names = ("torch", "onnxruntime", "openvino")

    def rate(name: str, tiling: Tiling) -> float:
        made.timed.append(name)
        return made.rates[name] or 0.0

    monkeypatch.setenv("TERRAZZO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(choosing, "RUNTIMES", {name: Pretended(name, made) for name in names})
    monkeypatch.setattr(choosing, "_rate", rate)
    monkeypatch.setattr(choosing, "own_is_fast", lambda asked: made.bf16)
    monkeypatch.setattr(choosing, "cpu_name", lambda: "EPYC, 2 cores, avx2")
    return made


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def test_the_fastest_is_taken_timed_once_and_said_once(machine: Machine, model: Path) -> None:
    said: list[str] = []
    assert [choose(model, TILING, AUTO, said.append) for _ in range(3)] == ["openvino"] * 3
    assert machine.timed == ["torch", "onnxruntime", "openvino"]
    assert said == [
        f"{model}: timing torch, onnxruntime, openvino once on this machine; --runtime names one without that"
    ]


def test_a_measurement_holds_for_one_cpu_model_window_and_precision(
    machine: Machine, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(model, TILING, AUTO)
    other = model.with_name("other.safetensors")
    other.write_bytes(b"other weights")
    for path, tiling, asked in (
        (other, TILING, AUTO),
        (model, replace(TILING, window=256), AUTO),
        (model, TILING, Asked(precision="32")),
    ):
        machine.timed.clear()
        choose(path, tiling, asked)
        assert len(machine.timed) == 3, (path, tiling, asked)
    machine.timed.clear()
    monkeypatch.setattr(choosing, "cpu_name", lambda: "another CPU")
    choose(model, TILING, AUTO)
    assert len(machine.timed) == 3
    copy = model.with_name("copy.safetensors")
    copy.write_bytes(model.read_bytes())
    machine.timed.clear()
    assert choose(copy, TILING, AUTO) == "openvino"
    assert machine.timed == [], "the hash names the model, not its place"


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ({"torch": 1.04, "onnxruntime": 0.99, "openvino": 1.0}, "openvino"),  # not faster by more than a twentieth
        ({"torch": 1.06, "onnxruntime": 0.99, "openvino": 1.0}, "torch"),
        ({"torch": 1.0, "onnxruntime": 1.06, "openvino": 1.05}, "onnxruntime"),
        ({"torch": 1.0, "onnxruntime": 0.9, "openvino": None}, "torch"),
        ({"torch": None, "onnxruntime": 0.2, "openvino": 0.1}, "onnxruntime"),
        ({"torch": None, "onnxruntime": None, "openvino": None}, "torch"),  # whose error is then said
        ({"onnxruntime": 0.5, "openvino": 0.4}, "onnxruntime"),
        ({"onnxruntime": 0.5}, "onnxruntime"),
    ],
)
def test_torch_is_taken_where_it_is_clearly_faster_alone(
    machine: Machine, model: Path, rates: Mapping[str, float | None], chosen: str
) -> None:
    assert MARGIN == 1.05
    machine.rates = dict(rates)
    assert choose(model, TILING, AUTO) == chosen


@pytest.mark.parametrize(("rate", "chosen"), [(1.04, "torch"), (1.06, "openvino")])
def test_where_bf16_is_fast_torch_is_left_for_a_clearly_faster_one_alone(
    machine: Machine, model: Path, rate: float, chosen: str
) -> None:
    machine.rates = {"torch": 1.0, "onnxruntime": 0.9, "openvino": rate}
    choosing.measure(model, TILING, AUTO)
    machine.bf16 = True
    assert choose(model, TILING, AUTO) == chosen


def test_where_torch_is_fast_nothing_is_timed_but_a_measurement_counts(machine: Machine, model: Path) -> None:
    machine.bf16 = True
    assert choose(model, TILING, AUTO) == "torch"
    assert machine.timed == []
    choosing.measure(model, TILING, AUTO)
    assert choose(model, TILING, AUTO) == "openvino"


def test_a_graph_in_int8_is_timed_on_every_cpu(machine: Machine, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.bf16 = True
    monkeypatch.setattr(choosing, "is_int8", lambda path: True)
    assert choose(model, TILING, AUTO) == "openvino"


def test_a_device_that_only_torch_has_is_torchs(machine: Machine, model: Path) -> None:
    assert choose(model, TILING, Asked(device="cuda")) == "torch"
    assert machine.timed == []


def test_another_runtime_installed_later_is_timed_too(machine: Machine, model: Path) -> None:
    machine.rates = {"torch": 0.43, "onnxruntime": 0.58}
    assert choose(model, TILING, AUTO) == "onnxruntime"
    machine.rates["openvino"] = 0.75
    assert choose(model, TILING, AUTO) == "openvino"
    machine.rates.pop("openvino")
    assert choose(model, TILING, AUTO) == "onnxruntime", "what is no longer there is not chosen"


def test_what_is_remembered_and_forgotten(machine: Machine, model: Path, tmp_path: Path) -> None:
    choose(model, TILING, AUTO)
    rates = {"torch": 0.43, "onnxruntime": 0.58, "openvino": 0.75}
    assert remembered() == (Timing("EPYC, 2 cores, avx2", sha256_of(model), 512, "auto", rates),)
    name = sha256_of(model)[:8]
    rates_in_words = "openvino 0.75 Mpx/s, onnxruntime 0.58 Mpx/s, torch 0.43 Mpx/s"
    assert remembered()[0].words == f"model {name}, window 512 px, precision auto: {rates_in_words}"
    graph = tmp_path / "cache" / "graphs-1" / "a.onnx"
    graph.parent.mkdir()
    graph.write_bytes(b"")
    assert forget() == (1, 1)
    assert remembered() == ()
    assert not graph.exists()
    assert forget() == (0, 0)


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "[]", '{"timings": 5}', '{"timings": ["a"]}', '{"timings": [{"cpu": "a"}]}', '{"timings": [null]}'],
)
def test_a_damaged_memory_is_measured_anew(machine: Machine, model: Path, tmp_path: Path, damaged: str) -> None:
    choose(model, TILING, AUTO)
    (tmp_path / "cache" / FILE).write_text(damaged)
    assert remembered() == ()
    machine.timed.clear()
    assert choose(model, TILING, AUTO) == "openvino"
    assert len(machine.timed) == 3
    assert len(remembered()) == 1


def test_one_damaged_measurement_leaves_the_others(machine: Machine, model: Path, tmp_path: Path) -> None:
    choose(model, TILING, AUTO)
    path = tmp_path / "cache" / FILE
    whole = json.loads(path.read_text())
    whole["timings"].insert(0, {**whole["timings"][0], "mpx_per_s": None})
    path.write_text(json.dumps(whole))
    assert len(remembered()) == 1


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(machine: Machine, model: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    assert choose(model, TILING, AUTO) == "openvino"
