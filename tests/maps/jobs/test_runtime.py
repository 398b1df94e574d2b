"""The runtime of a map that is resumed: the one that it was begun with."""

from pathlib import Path

import pytest

import terrazzo
from terrazzo.errors import OutputExistsError
from terrazzo.maps.jobs import runtime
from terrazzo.maps.pieces.journal import PARTIAL, begun_as
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster

OPTIONS = {"device": "cpu", "precision": "32", "window": 64, "overlap": 16, "vector_format": "none"}


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, a scene and its map, which `auto` began with onnxruntime and which was stopped."""
    write_model(tmp_path / "model.safetensors")
    write_raster(tmp_path / "scene.tif", noise(3, 150, 170))
    means(monkeypatch, "onnxruntime")
    done = 0

    def stop(what: str, n: int, of: int) -> None:
        nonlocal done
        done += n > 0
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mapped(tmp_path, progress=stop)
    return tmp_path


def means(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let `auto` mean a runtime from now on."""
    monkeypatch.setattr(runtime, "choose", lambda *_: name)


def mapped(folder: Path, **options: object) -> dict[str, object]:
    """What the map was made of, by its record."""
    done = terrazzo.predict(
        folder / "model.safetensors", folder / "scene.tif", out=folder / "maps", **{**OPTIONS, **options}
    )
    return dict(done.rasters[0].record["made_of"])


def test_auto_goes_on_with_the_runtime_that_a_map_was_begun_with(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert begun_as(begun / "maps" / "scene" / PARTIAL)["runtime"] == "onnxruntime"
    means(monkeypatch, "torch")
    plan = terrazzo.predict(
        begun / "model.safetensors", begun / "scene.tif", out=begun / "maps", dry_run=True, **OPTIONS
    ).planned[0]
    assert "(cpu, float32, onnxruntime)" in plan.lines[2]
    record = mapped(begun)
    assert (record["runtime"], record["precision"]) == ("onnxruntime", "32")


def test_restart_begins_with_what_auto_means_now(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means(monkeypatch, "torch")
    assert "runtime" not in mapped(begun, restart=True), "torch, for which the file was made"


def test_another_runtime_than_the_begun_one_is_refused_in_one_line(begun: Path) -> None:
    with pytest.raises(OutputExistsError) as refused:
        mapped(begun, runtime="torch")
    line = str(refused.value)
    assert "\n" not in line
    assert "holds unfinished work of another runtime; throw it away with --restart, or choose another --out" in line
    assert mapped(begun, runtime="onnxruntime")["runtime"] == "onnxruntime"


def test_another_precision_than_the_begun_one_is_refused_in_one_line(begun: Path) -> None:
    with pytest.raises(OutputExistsError, match="holds unfinished work of another precision"):
        mapped(begun, precision="auto")
