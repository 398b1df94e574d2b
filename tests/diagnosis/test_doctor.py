"""The diagnosis as text and JSON, with and without torch."""

import json
from pathlib import Path

import pytest

import terrazzo
from terrazzo.cli import run
from terrazzo.diagnosis import speed
from terrazzo.errors import InputError
from terrazzo.system.machine import cpu_name
from tests.worlds.models import write_model
from tests.worlds.small_install import run_small

KEYS = {"versions", "system", "cpu", "devices", "memory", "disk", "extras", "libraries", "variables", "caches"}
KEYS |= {"model", "runtimes", "choices", "forgotten", "notes", "troubles"}


def test_a_healthy_machine_has_no_trouble() -> None:
    found = terrazzo.doctor()
    assert found.troubles == ()
    value = found.to_dict()
    assert value.keys() == KEYS
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert value["versions"]["terrazzo"] == terrazzo.__version__
    lines = found.lines()
    assert lines[0].startswith(f"terrazzo {terrazzo.__version__}, Python 3.")
    for beginning in ("CPU: ", "device cpu: ", "memory: ", "GDAL in rasterio: ", "cache of terrazzo: "):
        assert sum(line.startswith(beginning) for line in lines) == 1, beginning


def test_a_model_of_the_users_own_is_timed(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors", patch_size=64, fit="resize")
    found = terrazzo.doctor(model)
    assert found.model == str(model)
    pixels = {each.runtime: each.n_pixels for each in found.runtimes}
    assert pixels["torch"] == pixels["onnxruntime"] == 512 * 512  # 64 windows of 64 px
    with pytest.raises(InputError, match=r"lost\.safetensors: no such file"):
        terrazzo.doctor(tmp_path / "lost.safetensors")


def test_what_auto_remembers_is_shown_and_forgotten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERRAZZO_CACHE", str(tmp_path))
    monkeypatch.setattr(speed, "timed", lambda model: ())
    (tmp_path / "graphs-1").mkdir()
    (tmp_path / "graphs-1" / "a.onnx").write_bytes(b"")
    timing = {"model": "1a2b3c4d5e", "window": 512, "precision": "auto"}
    timings = [
        {**timing, "cpu": cpu_name(), "mpx_per_s": {"torch": 0.43, "openvino": 0.75, "onnxruntime": 0.0}},
        {**timing, "cpu": "an old one", "mpx_per_s": {"torch": 0.4}},
    ]
    (tmp_path / "runtimes.json").write_text(json.dumps({"timings": timings}))
    assert terrazzo.doctor().to_dict()["choices"] == timings
    assert run(["doctor"]) == 0
    beginning = "remembered for --runtime auto: model 1a2b3c4d, window 512 px, precision auto: "
    out = capsys.readouterr().out.splitlines()
    assert f"{beginning}openvino 0.75 Mpx/s, torch 0.43 Mpx/s, onnxruntime failed" in out
    assert f"{beginning}torch 0.40 Mpx/s, on an old one" in out
    assert run(["doctor", "--forget"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "forgot 2 measurements and 1 converted model" in out
    assert not any(line.startswith("remembered") for line in out)
    assert not (tmp_path / "runtimes.json").exists()
    assert terrazzo.doctor().forgotten is None


def test_trouble_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GDAL_DATA", str(tmp_path / "lost"))
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"environment: GDAL_DATA={tmp_path / 'lost'}" in out
    assert "trouble: GDAL in rasterio: its data are not found" in out


def test_it_works_without_torch(tmp_path: Path) -> None:
    done = run_small("doctor", "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    runtimes = {each["runtime"]: each for each in json.loads(done.stdout)["runtimes"]}
    assert runtimes["onnxruntime"]["mpx_per_s"] > 0
