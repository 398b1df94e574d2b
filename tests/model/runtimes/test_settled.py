"""Settled networks: the same logits bit for bit, weights computed once, the network they are a copy of left alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from terrazzo.model import bundle
from terrazzo.model.decoders.folded import FoldedBlock
from terrazzo.model.hardware import Compute
from terrazzo.model.opening import load, open_model
from terrazzo.model.runtimes.settled import settled
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header

SECTIONS = {
    "classic": ModelSection(filters=(8, 16)),
    "resnet": ModelSection(encoder="resnet18"),
    "lite0": ModelSection(encoder="tu-tf_efficientnet_lite0", input_stride=2, decoder_channels=(32, 16, 8, 8, 8)),
    "separable": ModelSection(encoder="resnet18", decoder_conv="separable"),
    "transformer": ModelSection(arch="segformer", encoder="mit_b0"),
    "windows": ModelSection(encoder="tu-swin_tiny_patch4_window7_224"),
}
PRECISIONS = ("32", "bf16")


def compute(precision: str) -> Compute:
    return Compute(torch.device("cpu"), "32" if precision == "32" else "bf16", channels_last=True)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("section", SECTIONS.values(), ids=list(SECTIONS))
def test_a_settled_network_gives_the_same_logits_bit_for_bit(section: ModelSection, precision: str) -> None:
    """In every batch, of other sizes too: kernels of the first one are kept."""
    torch.manual_seed(0)
    network = build(section).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = settled(network, compute(precision))
    with torch.inference_mode(), compute(precision).autocast():
        for size in ((2, 3, 64, 96), (1, 3, 64, 64), (2, 3, 64, 96)):
            pixels = torch.randint(0, 256, size, dtype=torch.uint8)
            assert torch.equal(found(pixels), network(pixels))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_network_itself_stays_as_it_was(precision: str) -> None:
    """Feature distances are computed by it in float32, and its blocks keep no kernels, as its weights may learn."""
    network = build(SECTIONS["resnet"])
    before = {name: tensor.clone() for name, tensor in network.named_parameters()}
    found = settled(network, compute(precision))
    with torch.inference_mode(), compute(precision).autocast():
        found(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    after = network.state_dict()
    assert all(
        tensor.dtype == after[name].dtype and torch.equal(tensor, after[name]) for name, tensor in before.items()
    )
    assert all(block.keeps is None for block in network.modules() if isinstance(block, FoldedBlock))


def test_weights_that_are_not_rounded_are_shared() -> None:
    """A settled network in float32 costs the memory of its kernels, not that of a second network."""
    network = build(SECTIONS["resnet"])
    own = {tensor.data_ptr() for tensor in network.parameters()}
    assert {tensor.data_ptr() for tensor in settled(network, compute("32")).parameters()} == own


def test_layers_that_compute_from_their_weights_are_not_rounded() -> None:
    class Standardized(nn.Conv2d):
        """As the layers of timm that normalize their weights in each pass."""

    network = build(SECTIONS["classic"])
    network.body.head = Standardized(8, 3, 1)
    assert settled(network, compute("bf16")).body.head.weight.dtype == torch.float32


@pytest.mark.parametrize("precision", PRECISIONS)
def test_torch_maps_by_a_settled_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """Kernels are added up once, not in each batch, and the probabilities are those of the plain network."""
    path = tmp_path / "model.safetensors"
    bundle.save(path, header(SECTIONS["resnet"]), build(SECTIONS["resnet"]).state_dict())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), np.uint8)
    expected = load(path, device="cpu", precision=precision).classify(pixels)
    opened = open_model(path, "cpu", precision, runtime="torch")
    assert np.array_equal(opened.classify(pixels), expected)
    monkeypatch.setattr("terrazzo.model.decoders.folded.fold", None)  # a call would raise TypeError
    assert np.array_equal(opened.classify(pixels), expected)
