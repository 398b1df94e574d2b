"""One contract that every network passes: shapes, any size, gradients, the same after save and load."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from terrazzo.errors import RecipeError
from terrazzo.model.bundle import load, save
from terrazzo.model.network import Normalizer, normalization_for
from terrazzo.model.normalization import Normalization, for_bands
from terrazzo.recipe import encoders
from terrazzo.recipe.encoders import IMAGENET_MEAN, IMAGENET_STD
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header

SECTIONS = {
    "classic": ModelSection(filters=(4, 8, 16)),
    "classic with batch norm": ModelSection(filters=(4, 8), batch_norm=True, dropout=0.0, scale="minmax"),
    "unet resnet18": ModelSection(encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8)),
    "fpn mobilenet": ModelSection(arch="fpn", encoder="mobilenet_v2"),
    "unet lite0": ModelSection(encoder=encoders.LITE0),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_contract_of_every_network(name: str, tmp_path: Path) -> None:
    network = build(SECTIONS[name])
    pixels = torch.randint(0, 256, (2, 3, 45, 70), dtype=torch.uint8)
    with torch.no_grad():
        logits = network(pixels)
    assert logits.shape == (2, 3, 45, 70)
    assert logits.isfinite().all()
    # Each picture stands alone: a batch gives what its members give.
    with torch.no_grad():
        assert torch.allclose(network(pixels[1:]), logits[1:], atol=1e-4)
    network(pixels).mean().backward()
    silent = [key for key, value in network.named_parameters() if value.grad is None]
    assert silent == []
    path = tmp_path / "model.safetensors"
    save(path, header(SECTIONS[name]), network.state_dict())
    bundle = load(path, device="cpu", precision="32")
    assert torch.allclose(bundle.probs(pixels), logits.softmax(dim=1), atol=1e-5)
    assert bundle.header == header(SECTIONS[name])


@pytest.mark.parametrize("bands", [1, 2, 4, 5])
def test_any_band_count(bands: int) -> None:
    for section in (ModelSection(filters=(4, 8)), ModelSection(encoder="resnet18")):
        with torch.no_grad():
            assert build(section, bands)(torch.zeros(1, bands, 32, 64, dtype=torch.uint8)).shape == (1, 3, 32, 64)


def test_unit_scaling_worked_by_hand() -> None:
    normalizer = Normalizer(Normalization("unit", (0.5, 0.0, 0.2), (0.25, 1.0, 0.4)))
    pixels = torch.tensor([255, 51, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    # (1 - 0.5) / 0.25 = 2; 0.2 / 1 = 0.2; (0 - 0.2) / 0.4 = -0.5
    assert normalizer(pixels).flatten().tolist() == pytest.approx([2.0, 0.2, -0.5])


def test_minmax_scaling_is_per_patch_and_band_and_survives_a_constant_band() -> None:
    normalizer = Normalizer(Normalization("minmax", (0.0, 0.0), (1.0, 1.0)))
    pixels = torch.tensor([[[[10, 20, 30]], [[7, 7, 7]]], [[[0, 100, 200]], [[0, 1, 3]]]], dtype=torch.uint8)
    scaled = normalizer(pixels)
    assert scaled[0].tolist() == [[[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]]
    assert scaled[1, 0].tolist() == [[0.0, 0.5, 1.0]]
    assert scaled[1, 1].flatten().tolist() == pytest.approx([0.0, 1 / 3, 1.0])


def test_deep_bands_are_clipped_where_a_scale_says_and_missing_values_are_the_mean() -> None:
    """(x - 50) / 25 of 0..100, clipped; (x + 5) / 10 of heights, which are not."""
    normalization = Normalization(
        "bands", (50, -5), (25, 10), dtype="int16", low=(0, -9), high=(100, 9), clips=(True, False)
    )
    normalizer = Normalizer(normalization)
    pixels = torch.tensor([[[[-10.0, 75, 900, float("nan")]], [[-15.0, 5, 995, float("inf")]]]])
    assert normalizer(pixels)[0].tolist() == [[[-2, 1, 2, 0]], [[-1, 1, 100, 0]]]
    assert normalizer.filled(pixels)[0, :, 0, 3].tolist() == [50, -5]
    grey = normalizer.to_grey(torch.tensor([[[[0.0, 50, 100]], [[-9.0, 0, 9]]]]))
    assert grey[0].tolist() == [[[0, 127.5, 255]], [[0, 127.5, 255]]]
    assert normalizer.from_grey(grey)[0].flatten().tolist() == pytest.approx([0, 50, 100, -9, 0, 9], abs=1e-5)


def test_deep_minmax_fills_with_the_mean_of_the_patch() -> None:
    """1000, 3000 and a missing value: 2000 is the mean, so 0, 1, 0.5; a band without a value is 0."""
    normalization = Normalization(
        "minmax", (0, 0), (1, 1), dtype="uint16", low=(0, 0), high=(9, 9), clips=(False, False)
    )
    nan = float("nan")
    found = Normalizer(normalization)(torch.tensor([[[[1000.0, 3000, nan]], [[nan, nan, nan]]]]))
    assert found[0].tolist() == [[[0, 1, 0.5]], [[0, 0, 0]]]


def test_deep_values_need_a_span_of_each_band() -> None:
    with pytest.raises(RecipeError, match=r"uint16 values need low and high of each of 2 bands"):
        Normalization("bands", (0, 0), (1, 1), dtype="uint16", low=(0,), high=(9,), clips=(False,))


def test_statistics_stretch_to_other_band_counts() -> None:
    assert for_bands((0.1, 0.2, 0.6), 3, 0.0) == (0.1, 0.2, 0.6)
    assert for_bands((0.1, 0.2, 0.6), 1, 0.0) == pytest.approx((0.3,))
    assert for_bands((0.1, 0.2, 0.6), 5, 0.0) == pytest.approx((0.1, 0.2, 0.6, 0.3, 0.3))
    assert for_bands((), 2, 1.0) == (1.0, 1.0)


def test_statistics_follow_the_names_of_the_bands() -> None:
    """Red 0.1, green 0.2, blue 0.6: their mean is 0.3, which nir gets."""
    assert for_bands((0.1, 0.2, 0.6), 3, 0.0, ("B02", "B03", "B04")) == (0.6, 0.2, 0.1)
    assert for_bands((0.1, 0.2, 0.6), 4, 0.0, ("nir", "red", "green", "blue")) == pytest.approx((0.3, 0.1, 0.2, 0.6))
    assert for_bands((0.1, 0.2, 0.6), 3, 0.0, ("nir", "red", "green")) == (0.1, 0.2, 0.6)
    section = ModelSection(encoder="resnet18")
    assert normalization_for(section, 3, ("red", "green", "blue")) == normalization_for(section, 3)
    assert normalization_for(section, 3, ("B02", "B03", "B04")).mean == IMAGENET_MEAN[::-1]
    assert normalization_for(section, 3, ("B02", "B03", "B04")).std == IMAGENET_STD[::-1]


def test_the_tables_of_names_are_the_librarys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import segmentation_models_pytorch as smp

    assert set(encoders.ENCODERS) == set(smp.encoders.get_encoder_names())
    assert set(encoders.ARCHITECTURES) == set(smp.MODEL_ARCHITECTURES_MAPPING)
    assert encoders.statistics("resnet34") == encoders.BandStatistics(IMAGENET_MEAN, IMAGENET_STD)


def test_an_impossible_combination_is_one_line() -> None:
    with pytest.raises(RecipeError, match="cannot be built") as caught:
        build(ModelSection(encoder="tu-no_such_timm_model"))
    assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match="fpn has no such option"):
        build(ModelSection(arch="fpn", encoder="resnet18", decoder_channels=(8, 8, 8, 8, 8)))


def test_a_picture_of_any_size_gets_ids_and_probabilities(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(path, header(SECTIONS["classic"]), build(SECTIONS["classic"]).state_dict())
    bundle = load(path, device="cpu")
    for height, width in ((1, 1), (5, 90), (130, 70)):
        ids, probs = bundle.predict(np.full((height, width, 3), 9, np.uint8))
        assert ids.shape == (height, width)
        assert probs.shape == (3, height, width)
        assert np.allclose(probs.sum(axis=0), 1, atol=1e-4)
        assert (ids == probs.argmax(axis=0)).all()


@pytest.mark.parametrize("temperature", [0.2, 1.7, 20.0])
def test_the_temperature_divides_logits_and_changes_no_class(temperature: float) -> None:
    network = build(SECTIONS["classic"])
    pixels = torch.randint(0, 256, (2, 3, 45, 70), dtype=torch.uint8)
    with torch.no_grad():
        plain = network(pixels)
        network.temperature = temperature
        found = network(pixels)
    torch.testing.assert_close(found, plain / temperature)
    assert torch.equal(found.softmax(dim=1).argmax(dim=1), plain.softmax(dim=1).argmax(dim=1))


def test_logits_of_bf16_are_divided_in_float32() -> None:
    """253/128 and 254/128 are neighbours in bf16. Over 1.5 they are 168.7/128 and 169.3/128: a tie there."""
    network = build(SECTIONS["classic"])
    logits = torch.tensor([253 / 128, 254 / 128], dtype=torch.bfloat16).view(1, 2, 1, 1)
    assert (logits / 1.5).unique().numel() == 1
    network.temperature = 1.5
    found = network.calibrated(logits)
    assert found.dtype == torch.float32
    assert found[0, 1, 0, 0] > found[0, 0, 0, 0]
    network.temperature = 1.0
    assert network.calibrated(logits) is logits
