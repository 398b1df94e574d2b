"""The model that a run starts from: what is opened and refused, and whose network is trained."""

import hashlib
from pathlib import Path

import pytest

from terrazzo.errors import InputError, ModelFileError, RecipeError
from terrazzo.recipe.reading import load_recipe
from terrazzo.training.starting.start import Start, open_start, refuse_network_changes, with_network
from tests.worlds.models import write_model


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return open_start(write_model(tmp_path / "model.safetensors"))


def test_a_start_has_the_sha256_of_its_file(start: Start) -> None:
    assert start.sha256 == hashlib.sha256(start.path.read_bytes()).hexdigest()
    assert start.header.schema.names == ("Red", "Green", "Blue")


def test_exports_other_files_and_none_are_refused(tmp_path: Path) -> None:
    for name in ("model.onnx", "model.h5"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match=rf"--from .*{name}: is an export; expected the model.safetensors"):
            open_start(tmp_path / name)
    (tmp_path / "other.safetensors").write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        open_start(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no such file"):
        open_start(tmp_path / "none.safetensors")


def test_the_network_is_not_changed(start: Start) -> None:
    flags = {"model.encoder_weights": "--encoder-weights"}
    refuse_network_changes(start, {"optimizer.lr": 1e-4}, flags)
    for field, flag in (("model.arch", "--set model.arch"), ("model.encoder_weights", "--encoder-weights")):
        with pytest.raises(RecipeError, match=rf"^{flag}: has no effect with --from .*; leave it out$"):
            refuse_network_changes(start, {field: "x"}, flags)


def test_a_recipe_trains_the_models_network_and_a_note_says_whose_is_unused(start: Start) -> None:
    said: list[str] = []
    finetune = with_network(load_recipe("finetune"), start, said.append)
    assert (finetune.model, said) == (start.header.model, []), "finetune has no network of its own"
    best = load_recipe("best")
    changed = with_network(best, start, said.append)
    assert changed.model == start.header.model
    assert changed.augment == best.augment
    assert said == [
        f"the network is that of {start.path} (classic unet); the model section of recipe best has no effect"
    ]
