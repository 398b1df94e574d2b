"""Features: mean and deviation of the channels, for networks of every kind."""

import pytest
import torch

from terrazzo.model.familiarity.features import features, looked_at
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build


def test_two_shallow_levels_and_the_deepest_are_looked_at() -> None:
    assert looked_at(5) == (0, 1, 4)
    assert looked_at(3) == (0, 1, 2)
    assert looked_at(2) == (0, 1)
    assert looked_at(1) == (0,)


def test_features_are_mean_and_deviation_over_the_image() -> None:
    """A first block that hands the bands through: half the pixels are 0 and half 255, so 1/2 and 1/2 of 0..1."""
    network = build(ModelSection(filters=(3, 3), dropout=0, mean=(0.0,) * 3, std=(1.0,) * 3))
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.zero_()
            if name.startswith("body.down.0") and name.endswith("weight"):
                tensor[range(3), range(3), 1, 1] = 1
    pixels = torch.zeros((2, 3, 32, 64), dtype=torch.uint8)
    pixels[1, 0, :, :32] = 255
    found = features(network, pixels)
    assert found[0][0].tolist() == [0] * 6
    assert found[0][1].tolist() == pytest.approx([0.5, 0, 0, 0.5, 0, 0])


@pytest.mark.parametrize(
    ("arch", "encoder"),
    [
        ("unet", None),
        ("unet", "resnet18"),
        ("unet", "tu-tf_efficientnet_lite0"),
        ("unet", "tu-convnext_atto"),
        ("segformer", "mit_b0"),
        ("deeplabv3plus", "resnet18"),
        ("pspnet", "resnet18"),
        ("dpt", "tu-vit_tiny_patch16_224"),
    ],
)
def test_every_kind_of_network_has_features(arch: str, encoder: str | None) -> None:
    network = build(ModelSection(arch=arch, encoder=encoder, encoder_weights="none"))
    found = features(network, torch.randint(0, 256, (2, 3, 70, 96), dtype=torch.uint8))
    assert len(found) == 3
    assert all(level.shape[0] == 2 and level.isfinite().all() for level in found.values())


def test_features_of_a_halved_input_are_the_whole_networks_of_means_of_2x2_pixels() -> None:
    """The image that the encoder gives back is none of the levels, though it is half as large as the pixels."""
    halved = build(ModelSection(encoder="resnet18", input_stride=2)).eval()
    whole = build(ModelSection(encoder="resnet18")).eval()
    whole.load_state_dict(halved.state_dict())
    pixels = torch.rand(2, 3, 64, 128) * 255
    found, expected = features(halved, pixels), features(whole, torch.nn.functional.avg_pool2d(pixels, 2))
    assert list(found) == list(expected)
    for level, of_whole in expected.items():
        assert torch.allclose(found[level], of_whole, atol=1e-5)
