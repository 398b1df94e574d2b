"""Folded decoder blocks: the same numbers as enlarging first, the same names of weights, other networks left alone."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional as F

from terrazzo.model.decoders.folded import FoldedBlock, convolve_enlarged, fold, fold_decoder, kernels


def test_folding_one_tap_by_hand() -> None:
    # A filter that copies its left neighbour: of an enlarged row a a b b c c, shifted by one to - a a b b c.
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 0] = 1
    row = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    out = F.conv_transpose2d(row, fold(weight), stride=2, padding=1)
    assert out[0, 0].tolist() == [[0, 1, 1, 2, 2, 3], [0, 1, 1, 2, 2, 3]]


@pytest.mark.parametrize(("height", "width", "skips"), [(5, 7, 4), (1, 1, 0), (8, 3, 2)])
def test_convolving_before_enlarging_is_convolving_after_it(height: int, width: int, skips: int) -> None:
    torch.manual_seed(height)
    x = torch.randn(2, 6, height, width, dtype=torch.float32, requires_grad=True)
    skip = torch.randn(2, skips, 2 * height, 2 * width) if skips else None
    convolution = torch.nn.Conv2d(6 + skips, 3, 3, padding=1)
    large = F.interpolate(x, scale_factor=2, mode="nearest")
    expected = convolution(large if skip is None else torch.cat([large, skip], dim=1))
    found = convolve_enlarged(x, skip, kernels(convolution.weight, 6), convolution.bias)
    assert torch.allclose(found, expected, atol=1e-5)
    grads = [torch.autograd.grad(out.square().sum(), (x, convolution.weight)) for out in (found, expected)]
    for one, two in zip(*grads, strict=True):
        assert torch.allclose(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", ["resnet34", "tu-tf_efficientnet_lite0"])
def test_a_folded_unet_is_the_librarys_unet(encoder: str) -> None:
    torch.manual_seed(1)
    plain = smp.Unet(encoder, encoder_weights=None, classes=5).eval()
    folded = fold_decoder(smp.Unet(encoder, encoder_weights=None, classes=5)).eval()
    assert list(plain.state_dict()) == list(folded.state_dict())
    folded.load_state_dict(plain.state_dict())
    assert all(isinstance(block, FoldedBlock) for block in folded.decoder.blocks)
    pixels = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(plain(pixels), folded(pixels), atol=1e-4)


def test_what_cannot_be_folded_is_left_alone() -> None:
    attentive = fold_decoder(smp.Unet("resnet18", encoder_weights=None, decoder_attention_type="scse"))
    smooth = fold_decoder(smp.Unet("resnet18", encoder_weights=None, decoder_interpolation="bilinear"))
    other = fold_decoder(smp.FPN("resnet18", encoder_weights=None))
    for network in (attentive, smooth, other):
        assert not any(isinstance(module, FoldedBlock) for module in network.modules())


def test_exported_graphs_have_the_plain_form() -> None:
    torch.manual_seed(2)
    network = fold_decoder(smp.Unet("resnet18", encoder_weights=None, classes=3)).eval()
    with torch.no_grad():
        graph = torch.export.export(network, (torch.zeros(1, 3, 64, 64),)).graph
    names = {str(node.target) for node in graph.nodes}
    assert not any("transpose" in name for name in names)
