"""What a recipe leaves open, settled: which band shows what, and the encoder that a run starts from."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import terrazzo
from terrazzo.patches.folder import open_patches
from terrazzo.training.choices import band_names
from tests.worlds.striped import striped_patches

SMALL = {
    "model.encoder": "resnet18", "model.decoder_channels": [8, 8, 8, 8, 8], "train.precision": "32",
    "optimizer.lr": 1e-12,
}  # fmt: skip


@pytest.fixture(scope="module")
def patches_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_patches(tmp_path_factory.mktemp("choices"), 3)


def test_photos_are_red_green_and_blue_and_rasters_have_the_names_that_they_were_read_with(patches_path: Path) -> None:
    photos = open_patches(patches_path)
    assert band_names(photos) == ("red", "green", "blue")
    names = ["B02", "B03", "B04", "B08"]
    rasters = dataclasses.replace(photos, description={**photos.description, "bands": 4, "band_names": names})
    assert band_names(rasters) == tuple(names)
    nameless = dataclasses.replace(photos, description={**photos.description, "bands": 2})
    assert band_names(nameless) == ("band 1", "band 2")


def test_a_run_starts_from_the_encoder_of_a_model_and_says_so(patches_path: Path, tmp_path: Path) -> None:
    first = terrazzo.train(
        patches_path, out=tmp_path / "first", epochs=1, encoder_weights="none", changes=SMALL, device="cpu"
    )
    said: list[str] = []
    second = terrazzo.train(
        patches_path, out=tmp_path / "second", epochs=1, encoder_weights=str(first.model),
        changes=SMALL | {"train.seed": 5}, device="cpu", say=said.append,
    )  # fmt: skip
    one, two = load_file(first.model), load_file(second.model)
    name = "body.encoder.layer4.1.conv2.weight"
    assert torch.allclose(one[name], two[name], atol=1e-6)  # the learning rate of 1e-12 leaves it there
    (line,) = [line for line in said if line.startswith("encoder weights: ")]
    assert f"120 of the encoder's 120 tensors from {first.model} (unet / resnet18); not taken: " in line
    assert "as body.decoder." in line
