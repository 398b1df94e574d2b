"""The model file's header: read without torch, and clear about foreign and damaged files."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from terrazzo.errors import InputError, ModelFileError
from terrazzo.model.bundle import load, save
from terrazzo.model.description import describe_header
from terrazzo.model.header import Calibration, read_header
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header, write_model

SECTION = ModelSection(filters=(4, 8))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(path, header(SECTION), build(SECTION).state_dict())
    return path


def rewritten(path: Path, change: str) -> Path:
    """The model file with its terrazzo JSON replaced."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    value = json.loads(raw[8 : 8 + length])
    value["__metadata__"]["terrazzo"] = change
    text = json.dumps(value).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    return path


def test_the_header_says_everything(model: Path) -> None:
    found = read_header(model)
    assert found == header(SECTION)
    assert found.schema.names == ("a", "b", "c")
    assert found.title == "classic unet"


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_header(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="is a folder"):
        read_header(tmp_path)


def test_a_file_cut_short_anywhere_is_refused(model: Path) -> None:
    raw = model.read_bytes()
    for keep in (0, 4, 8, 100, len(raw) // 2, len(raw) - 1):
        model.write_bytes(raw[:keep])
        with pytest.raises(ModelFileError, match=r"cut short|bytes long|no safetensors header"):
            read_header(model)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    text = tmp_path / "a.safetensors"
    text.write_text("hello, I am no model, but long enough to have eight bytes")
    with pytest.raises(ModelFileError, match="is not a model file"):
        read_header(text)
    foreign = tmp_path / "b.safetensors"
    save_file({"x": torch.zeros(3)}, foreign)
    with pytest.raises(ModelFileError, match="not a terrazzo model"):
        read_header(foreign)


@pytest.mark.parametrize(
    ("name", "what"), [("scene.tif", "a raster"), ("c.gpkg", "polygons"), ("photo.jpg", "a picture")]
)
def test_other_files_of_a_correction_are_named(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).write_bytes(b"longer than eight bytes")
    with pytest.raises(ModelFileError, match=rf"{name}: is not a model file \({what}\); expected a model.safetensors"):
        read_header(tmp_path / name)


def test_a_folder_is_asked_for_its_model_where_it_has_one(model: Path, tmp_path: Path) -> None:
    (tmp_path / "patches").mkdir()
    with pytest.raises(InputError, match=r"patches: is a folder; expected a model.safetensors that `terrazzo train`"):
        read_header(tmp_path / "patches")
    (tmp_path / "patches" / "model.safetensors").write_bytes(model.read_bytes())
    with pytest.raises(InputError, match=r"patches: is a folder; expected the file model.safetensors in it"):
        read_header(tmp_path / "patches")


def test_a_damaged_or_newer_header_is_refused(model: Path) -> None:
    with pytest.raises(ModelFileError, match="header is damaged"):
        read_header(rewritten(model, "{}"))
    with pytest.raises(ModelFileError, match="header is damaged"):
        read_header(rewritten(model, "not json"))
    newer = json.loads(header(SECTION).to_json()) | {"format": 99}
    with pytest.raises(ModelFileError, match="has format 99"):
        read_header(rewritten(model, json.dumps(newer)))


def test_weights_that_do_not_fit_their_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(path, header(SECTION), build(ModelSection(filters=(8, 16))).state_dict())
    with pytest.raises(ModelFileError, match="do not fit its own header"):
        load(path)


def test_the_temperature_is_in_the_header_and_in_every_probability(tmp_path: Path) -> None:
    """At temperature 2 the probabilities 0.5, 0.3 and 0.2 become their square roots over the sum of these."""
    path = tmp_path / "model.safetensors"
    write_model(path, constant=(0.5, 0.3, 0.2), calibration=Calibration(2.0, 0.25, 0.125))
    assert json.loads(read_header(path).to_json())["calibration"] == {
        "temperature": 2.0,
        "ece_before": 0.25,
        "ece_after": 0.125,
    }
    roots = np.sqrt([0.5, 0.3, 0.2])
    _, probs = load(path, "cpu", "32").predict(np.zeros((20, 30, 3), np.uint8))
    np.testing.assert_allclose(probs[:, 3, 4], roots / roots.sum(), atol=1e-6)
    lines = describe_header(read_header(path))
    assert "calibration: temperature 2; expected calibration error on validation 0.250 before, 0.125 after" in lines


def test_a_header_without_a_calibration_has_the_temperature_1(model: Path) -> None:
    older = json.loads(header(SECTION).to_json())
    del older["calibration"]
    found = read_header(rewritten(model, json.dumps(older)))
    assert (found.calibration, found.temperature) == (None, 1.0)
    assert load(model, "cpu", "32").network.temperature == 1


@pytest.mark.parametrize("temperature", ["0", "-1", "NaN", "Infinity", '"hot"'])
def test_a_temperature_that_is_none_is_refused(model: Path, temperature: str) -> None:
    text = json.dumps(json.loads(header(SECTION).to_json()) | {"calibration": {"temperature": 7}})
    with pytest.raises(ModelFileError, match="header is damaged"):
        read_header(rewritten(model, text.replace('"temperature": 7', f'"temperature": {temperature}')))
