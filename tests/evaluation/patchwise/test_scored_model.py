"""The same model on several devices scores as on one; a CPU is no set of devices."""

from pathlib import Path

import pytest

import terrazzo
from terrazzo.errors import InputError
from terrazzo.evaluation.patchwise import scored_model
from terrazzo.model.opening import open_model
from tests.worlds.models import write_model
from tests.worlds.striped import striped_patches


def test_scores_are_the_same_on_any_number_of_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, played by this CPU."""
    patches = striped_patches(tmp_path, 3)
    model = write_model(tmp_path / "model.safetensors", names=("roof", "road", "lake"))
    one = terrazzo.evaluate(model, patches, batch_size=2, device="cpu").scores
    devices = []

    def opened(path: Path, device: str, precision: str, runtime: str) -> object:
        devices.append(device)
        return open_model(path, "cpu", precision, runtime=runtime)

    monkeypatch.setattr(scored_model, "open_model", opened)
    monkeypatch.setattr(scored_model, "check_devices", lambda _: None)
    two = terrazzo.evaluate(model, patches, batch_size=2, devices=2, device="cpu").scores
    assert devices == ["cuda:0", "cuda:1"]
    assert {name: value for name, value in two.items() if name != "key"} == {
        name: value for name, value in one.items() if name != "key"
    }


def test_several_devices_are_for_gpus(tmp_path: Path) -> None:
    patches = striped_patches(tmp_path, 3)
    model = write_model(tmp_path / "model.safetensors", names=("roof", "road", "lake"))
    for devices, words in ((2, "--devices 2: is for GPUs, and torch computes on the CPU here"), (0, "at least 1")):
        with pytest.raises(InputError, match=words):
            terrazzo.evaluate(model, patches, device="cpu", runtime="torch", split="train", devices=devices)
