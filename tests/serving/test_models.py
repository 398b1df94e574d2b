"""The catalogue of a server: which files are models, their ids, and the options that a client may give."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

import terrazzo
from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.exporting.stored_graph import GRAPH_KEY
from terrazzo.model.header import text_entries
from terrazzo.serving.folder import DataFolder
from terrazzo.serving.models import Catalogue, slug
from terrazzo.serving.settings import Settings
from terrazzo.system.options import options_of
from tests.worlds.models import COLORS, NAMES, write_model


def catalogue(models: Path, data: Path) -> Catalogue:
    return Catalogue(Settings(models, DataFolder(data)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.safetensors")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("runs/dubai/model.safetensors", "dubai"),
        ("runs/Dubai 2/Model.safetensors", "dubai-2"),
        ("sites/oslo.onnx", "oslo"),
        ("a/Ålesund_v1.onnx", "lesund-v1"),
        ("a/улица.onnx", "model"),
        ("a/improve.onnx", "improve-model"),
        ("suggest/model.onnx", "suggest-model"),
        ("a/" + "x" * 200 + ".onnx", "x" * 80),
    ],
)
def test_an_id_is_a_slug_of_the_file_or_its_folder(path: str, expected: str) -> None:
    assert slug(Path(path)) == expected


def test_a_file_is_one_model_and_says_what_it_knows(model: Path, tmp_path: Path) -> None:
    (entry,) = catalogue(model, tmp_path).models()
    assert (entry.id, entry.path, entry.bands, entry.patch_size) == ("tiny", model, 3, 32)
    hexes = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in COLORS]
    assert [(each["id"], each["name"]) for each in entry.classes] == [*enumerate(NAMES)]
    assert [str(each["color"]).lower() for each in entry.classes] == hexes
    assert (entry.parent, dict(entry.improvement)) == (None, {})
    assert catalogue(model, tmp_path).get("tiny") == entry
    assert catalogue(model, tmp_path).get("../tiny") is None


def test_a_folder_is_read_anew_three_deep_without_what_is_hidden(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    for below in ("b.safetensors", "runs/a/model.safetensors", "x/y/z/deep.safetensors", ".old/c.safetensors"):
        (root / below).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(model, root / below)
    found = catalogue(root, tmp_path / "data")
    assert [entry.id for entry in found.models()] == ["b", "a"]
    shutil.copy(model, root / "new.safetensors")
    assert [entry.id for entry in found.models()] == ["b", "new", "a"]
    (root / "b.safetensors").unlink()
    assert found.get("b") is None


def test_a_model_of_the_data_folder_is_listed_once_when_its_folder_is_served(model: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    shutil.copy(model, tmp_path / "models" / "tiny.safetensors")
    assert [entry.id for entry in catalogue(tmp_path / "models", tmp_path).models()] == ["tiny"]


def test_two_files_of_one_name_get_ids_of_their_own(model: Path, tmp_path: Path) -> None:
    for below in ("a/tiny.safetensors", "b/tiny.safetensors"):
        (tmp_path / below).parent.mkdir()
        shutil.copy(model, tmp_path / below)
    assert [entry.id for entry in catalogue(tmp_path, tmp_path / "data").models()] == ["tiny", "tiny-2"]


def test_an_improved_model_appears_with_its_parent(model: Path, tmp_path: Path) -> None:
    found = catalogue(model, tmp_path)
    version = tmp_path / "models" / "tiny-v2"
    version.mkdir(parents=True)
    shutil.copy(model, version / "model.safetensors")
    lineage = {"parent": "tiny", "map": "0" * 32, "scores": {"before": 0.5, "after": 0.75}}
    (version / "lineage.json").write_text(json.dumps(lineage))
    assert [(entry.id, entry.parent) for entry in found.models()] == [("tiny", None), ("tiny-v2", "tiny")]
    improved = found.get("tiny-v2")
    assert improved is not None
    assert dict(improved.improvement) == lineage


@pytest.mark.parametrize("name", ["model.xml", "weights.pt", "weights.ckpt", "model.pkl", "model.bin", "scene.tif"])
def test_other_kinds_of_file_are_never_opened(model: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(model, tmp_path / name)  # a good model, but for its suffix
    assert catalogue(tmp_path, tmp_path / "data").models() == []
    with pytest.raises(InputError, match="holds no model; expected a"):
        catalogue(tmp_path, tmp_path / "data").check(lambda line: None)
    with pytest.raises(ModelFileError, match="the server opens no other models"):
        catalogue(tmp_path / name, tmp_path / "data").check(lambda line: None)


def test_damaged_files_are_left_out_and_named(model: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "good.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(model.read_bytes()[:100])
    said: list[str] = []
    found = catalogue(tmp_path, tmp_path / "data")
    found.check(said.append)
    assert [entry.id for entry in found.models()] == ["good"]
    assert len(said) == 1
    assert said[0].startswith(f"left out: {tmp_path / 'bad.safetensors'}: ")


@pytest.mark.parametrize("as_file", [True, False])
def test_a_model_that_torch_alone_runs_is_named_where_torch_is_missing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_file: bool
) -> None:
    path = tmp_path / "early.safetensors"
    entries = text_entries(model)
    save_file(load_file(model), path, {key: text for key, text in entries.items() if key != GRAPH_KEY})
    found = catalogue(path if as_file else tmp_path, tmp_path / "data")
    said: list[str] = []
    found.check(said.append)
    assert said == []
    monkeypatch.setattr("terrazzo.serving.models.installed", lambda package: package != "torch")
    found.check(said.append)
    assert len(said) == 1
    assert said[0].startswith(f"warning: {path}: holds no graph (an earlier version wrote it), so only torch runs it; ")
    assert len(found.models()) == 1


def test_options_come_from_the_declaration_of_predict(model: Path, tmp_path: Path) -> None:
    (entry,) = catalogue(model, tmp_path).models()
    declared = options_of(terrazzo.predict)
    found = entry.options()
    assert {"window", "overlap", "tta", "bands", "nodata", "mapping_unit", "simplify"} <= {*found} <= {*declared}
    for name, schema in found.items():
        assert schema["description"] == declared[name][1].help
    assert not {*found} & {"out", "device", "overwrite", "engine", "scheduler", "precision"}


def test_an_option_without_effect_on_a_model_is_not_offered(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "models" / "whole.safetensors", fit="resize")
    (entry,) = catalogue(whole, tmp_path / "data").models()
    assert not {*entry.options()} & {"window", "overlap"}
    with pytest.raises(InputError, match="inputs window: not known"):
        entry.checked({"window": 64})
