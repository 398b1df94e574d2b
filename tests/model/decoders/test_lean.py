"""Lean U-Nets: what they leave out, where their logits lie, and that every export computes them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch

import terrazzo
from terrazzo.errors import RecipeError
from terrazzo.model import bundle
from terrazzo.model.header import Calibration
from terrazzo.model.opening import open_model
from terrazzo.recipe.recipe import parse_recipe
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header

LEAN = {
    "stride 2": ModelSection(encoder="resnet18", logits_stride=2, decoder_channels=(16, 8, 8, 8)),
    "stride 4": ModelSection(encoder="resnet18", logits_stride=4),
    "separable": ModelSection(encoder="resnet18", decoder_conv="separable", decoder_channels=(16, 8, 8, 8, 8)),
    "both": ModelSection(encoder="resnet18", decoder_conv="separable", logits_stride=2),
    "halved input": ModelSection(encoder="resnet18", input_stride=2),
    "all": ModelSection(encoder="resnet18", input_stride=2, decoder_conv="separable", logits_stride=2),
}


def saved(path: Path, section: ModelSection) -> Path:
    """A model file of random weights, with a temperature."""
    bundle.save(path, replace(header(section), calibration=Calibration(2.0)), build(section).state_dict())
    return path


def test_a_shortened_decoder_is_the_librarys_without_its_last_blocks() -> None:
    """The same names and shapes, but for the last block; the head reads the block before it."""
    whole = smp.Unet("resnet18", encoder_weights=None, decoder_channels=(16, 12, 10, 8, 6), classes=3).state_dict()
    short = build(ModelSection(encoder="resnet18", logits_stride=2, decoder_channels=(16, 12, 10, 8))).body.state_dict()
    assert set(whole) - set(short) == {name for name in whole if name.startswith("decoder.blocks.4.")}
    assert set(short) <= set(whole)
    differ = {name for name in short if short[name].shape != whole[name].shape}
    assert differ == {"segmentation_head.0.weight"}
    assert short["segmentation_head.0.weight"].shape == (3, 8, 3, 3)


@pytest.mark.parametrize(("stride", "n_blocks"), [(2, 4), (4, 3)])
def test_logits_are_bilinear_between_those_of_every_so_many_pixels(stride: int, n_blocks: int) -> None:
    """Pixel 0 of a row lies before the first logit's centre and has its value; pixels between two mix both.

    At stride 2 pixels 1 and 2 lie a quarter and three quarters of the way between the first two logits.
    """
    network = build(ModelSection(encoder="resnet18", logits_stride=stride))
    assert len(network.body.decoder.blocks) == n_blocks
    small = []
    network.body.segmentation_head[0].register_forward_hook(lambda module, given, out: small.append(out))
    with torch.no_grad():
        logits = network(torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8))
    assert small[0].shape == (1, 3, 64 // stride, 96 // stride)
    assert torch.allclose(logits[..., 0, 0], small[0][..., 0, 0])
    if stride == 2:
        first, second = small[0][..., 0, 0], small[0][..., 0, 1]
        assert torch.allclose(logits[..., 0, 1], 0.75 * first + 0.25 * second, atol=1e-6)
        assert torch.allclose(logits[..., 0, 2], 0.25 * first + 0.75 * second, atol=1e-6)


@pytest.mark.parametrize("logits_stride", [1, 2])
def test_a_halved_input_is_the_whole_network_on_means_of_2x2_pixels(logits_stride: int) -> None:
    """The same weights, by name and shape; logits of the small image, enlarged bilinearly."""
    halved = build(ModelSection(encoder="resnet18", input_stride=2, logits_stride=logits_stride)).eval()
    whole = build(ModelSection(encoder="resnet18", logits_stride=logits_stride)).eval()
    whole.load_state_dict(halved.state_dict())
    pixels = torch.rand(1, 3, 64, 128) * 255
    with torch.no_grad():
        small = whole.body.segmentation_head[0](_decoded(whole, torch.nn.functional.avg_pool2d(pixels, 2)))
        expected = torch.nn.functional.interpolate(small, scale_factor=2 * logits_stride, mode="bilinear")
        assert torch.allclose(halved(pixels), expected, atol=1e-5)


def _decoded(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    features: torch.Tensor = network.body.decoder(network.body.encoder(network.normalizer(pixels)))
    return features


def test_the_weights_of_a_separable_block_worked_by_hand() -> None:
    """8 channels in with no skip and 8 out: 9 x 8 + 8 x 8 weights twice, and 2 x 2 x 8 of batch normalization."""
    last = build(LEAN["separable"]).body.decoder.blocks[4]
    assert sum(weight.numel() for weight in last.parameters()) == 2 * (72 + 64) + 32


@pytest.mark.parametrize("name", LEAN)
@pytest.mark.parametrize("format", ["onnx", "h5", "pt2", "openvino"])
def test_every_export_computes_the_same(name: str, format: str, tmp_path: Path) -> None:
    """`export` compares the probabilities itself and refuses a file that differs; other sizes are among them."""
    pytest.importorskip("openvino" if format == "openvino" else "onnx")
    model = saved(tmp_path / "model.safetensors", LEAN[name])
    suffix = {"openvino": ".xml"}.get(format, f".{format}")
    done = terrazzo.export(model, format=format, out=tmp_path / f"lean{suffix}")
    assert done.difference < 1e-4


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_stored_graph_of_a_lean_model_gives_its_classes_in_other_runtimes(runtime: str, tmp_path: Path) -> None:
    """Windows of a size that is no multiple of 32 too."""
    pytest.importorskip(runtime)
    model = saved(tmp_path / "model.safetensors", LEAN["both"])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 45, 70), np.uint8)
    found, expected = (
        open_model(model, "cpu", "32", runtime=name).classify(pixels).astype(np.float32) for name in (runtime, "torch")
    )
    assert found.shape == (2, 3, 45, 70)
    assert np.abs(found - expected).max() < 1e-3


WRONG = [
    ({"arch": "fpn", "encoder": "resnet18", "logits_stride": 2}, "logits_stride = 2 is for unet with an encoder"),
    ({"arch": "unet", "decoder_conv": "separable"}, "decoder_conv = separable is for unet with an encoder"),
    (
        {"encoder": "resnet18", "logits_stride": 2, "decoder_channels": [8, 8, 8, 8, 8]},
        "model.decoder_channels has 5 widths; with logits_stride 2 the decoder has 4 blocks: give one each",
    ),
    ({"arch": "fpn", "encoder": "resnet18", "input_stride": 2}, "input_stride = 2 is for unet with an encoder"),
    ({"encoder": "resnet18", "input_stride": 4}, "must be 1 or 2"),
    ({"encoder": "resnet18", "logits_stride": 3}, "must be 1, 2 or 4"),
]


@pytest.mark.parametrize(("section", "words"), WRONG)
def test_options_without_effect_and_widths_of_other_blocks_are_refused(section: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError, match=words.replace("(", r"\(")):
        parse_recipe({"model": section}, "mine.yaml")


@pytest.mark.parametrize("name", ["both", "all"])
def test_a_lean_network_learns(name: str) -> None:
    """Every weight gets a gradient, and logits of a bf16 body are enlarged too."""
    network = build(LEAN[name]).train()
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(pixels)
    assert logits.shape == (2, 3, 64, 64)
    logits.float().square().mean().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    assert np.isfinite(logits.detach().float().numpy()).all()
