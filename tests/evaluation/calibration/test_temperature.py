"""The temperature: worked by hand, found again in scaled logits, and fitted on the validation patches alone."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.classes.schema import ClassSchema
from terrazzo.evaluation.calibration import temperature
from terrazzo.evaluation.calibration.temperature import HIGHEST, LOWEST, calibrated, fit_temperature, uncalibrated
from terrazzo.model import bundle
from terrazzo.model.network import Network
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.system.reporting import Reporter
from tests.worlds.models import write_model
from tests.worlds.striped import COLORS, striped_patches


def drawn(scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Logits (20000, 4) times the scale, and classes drawn with the probabilities that the unscaled ones stand for."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20000, 4, generator=generator)
    truth = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]
    return scale * logits, truth


def test_two_classes_worked_by_hand() -> None:
    """Logits (2, 0), right in 75 of 100 pixels: softmax gives 3/4 where 2 / T = log 3."""
    logits, truth = torch.tensor([[2.0, 0.0]]).expand(100, 2), torch.tensor([0] * 75 + [1] * 25)
    assert fit_temperature(logits, truth) == pytest.approx(2 / math.log(3), rel=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_scaled_logits_give_the_scale_back(scale: float) -> None:
    assert fit_temperature(*drawn(scale)) == pytest.approx(scale, rel=0.03)


def test_no_neighbour_has_less_nll() -> None:
    logits, truth = drawn(1.7)
    found = fit_temperature(logits, truth)
    best = torch.nn.functional.cross_entropy(logits.double() / found, truth)
    for factor in (0.98, 1.02):
        assert best < torch.nn.functional.cross_entropy(logits.double() / (found * factor), truth)


def test_it_stays_within_its_limits() -> None:
    logits = torch.tensor([[1.0, 0.0, 0.0]]).expand(10, 3)
    assert fit_temperature(logits, torch.zeros(10, dtype=torch.int64)) == pytest.approx(LOWEST, rel=1e-4)
    assert fit_temperature(logits, torch.ones(10, dtype=torch.int64)) == pytest.approx(HIGHEST, rel=1e-4)


@pytest.mark.parametrize("divisor", [0.5, 1.0, 2.0, 7.0])
def test_uncalibrated_takes_the_temperature_back(divisor: float) -> None:
    logits = 3 * torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(1))
    found = uncalibrated((logits / divisor).softmax(dim=1), divisor)
    np.testing.assert_allclose(found, logits.softmax(dim=1), atol=1e-6)


# --- on patches


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Patches:
    return open_patches(striped_patches(tmp_path_factory.mktemp("temperature"), 5))


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """It hands its input through: logits are four times a band."""
    path = write_model(tmp_path / "m.safetensors", schema=ClassSchema(("roof", "road", "lake"), COLORS))
    network = bundle.load(path, "cpu", "32").network
    scale_logits(network, 0.1)
    return network


def scale_logits(network: Network, factor: float) -> None:
    with torch.no_grad():
        network.get_parameter("body.head.weight").mul_(factor)


def rotated(patches: Patches, share: float) -> Patches:
    """The patches with a share of the rows of all masks called another class, and one column ignored."""
    masks = np.array(patches.masks)
    masks[:, : int(share * masks.shape[1])] = (masks[:, : int(share * masks.shape[1])] + 1) % 3
    masks[:, :, 5] = 255
    return with_masks(patches, masks)


def with_masks(patches: Patches, masks: NDArray[np.uint8]) -> Patches:
    found = copy.copy(patches)
    vars(found)["masks"] = masks  # in the place of the mapped file
    return found


def test_a_network_three_times_as_sure_gets_three_times_the_temperature(patches: Patches, network: Network) -> None:
    wrong = rotated(patches, 0.25)
    first = calibrated(network, wrong, Reporter())
    assert first is not None
    scale_logits(network, 3)
    again = calibrated(network, wrong, Reporter())
    assert again is not None
    assert again.temperature == pytest.approx(3 * first.temperature, rel=1e-4)
    assert again.ece_before > again.ece_after  # type: ignore[operator]
    assert again.ece_after == pytest.approx(first.ece_after, abs=1e-4)
    assert calibrated(network, wrong, Reporter()) == again


def test_a_network_with_a_temperature_is_fitted_as_without(patches: Patches, network: Network) -> None:
    wrong = rotated(patches, 0.25)
    plain = calibrated(network, wrong, Reporter())
    network.temperature = 2.5
    found = calibrated(network, wrong, Reporter())
    assert plain is not None
    assert found is not None
    assert found.temperature == pytest.approx(plain.temperature, rel=1e-4)


def test_of_many_pixels_every_nth_counts(patches: Patches, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = rotated(patches, 0.25)
    whole = calibrated(network, wrong, Reporter())
    seen: list[int] = []
    fit = fit_temperature

    def counted(logits: Tensor, truth: Tensor) -> float:
        seen.append(len(truth))
        return fit(logits, truth)

    monkeypatch.setattr(temperature, "fit_temperature", counted)
    monkeypatch.setattr(temperature, "MOST_VALUES", 3 * 1000)
    monkeypatch.setattr(temperature, "CPU_BATCH_PIXELS", 32 * 32)
    part = calibrated(network, wrong, Reporter())
    n_valid = int((wrong.masks[wrong.rows("val")] != 255).sum())
    every = -(-n_valid // 1000)
    assert seen == [-(-n_valid // every)]
    assert whole is not None
    assert part is not None
    assert part.temperature == pytest.approx(whole.temperature, rel=0.15)


def test_without_a_validation_pixel_there_is_none(patches: Patches, network: Network) -> None:
    ignored = with_masks(patches, np.full_like(patches.masks, 255))
    assert calibrated(network, ignored, Reporter()) is None


def test_a_network_that_gives_no_numbers_has_none_and_a_note(patches: Patches, network: Network) -> None:
    said: list[str] = []
    scale_logits(network, float("nan"))
    assert calibrated(network, patches, Reporter(say=said.append)) is None
    assert said == ["the confidences cannot be calibrated (the network gives no numbers); the temperature is 1"]
