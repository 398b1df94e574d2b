"""The diagnosis as text and JSON, with and without torch."""

import json
from pathlib import Path

import pytest

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError
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
