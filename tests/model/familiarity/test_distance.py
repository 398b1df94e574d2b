"""The feature distance: values worked by hand, and what a model file keeps of the measure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from terrazzo.model import bundle
from terrazzo.model.familiarity.distance import PREFIX, Level, Measure, distances, fit, split_tensors
from terrazzo.model.familiarity.features import features
from terrazzo.model.header import read_header
from terrazzo.recipe.sections import ModelSection
from tests.worlds.familiarity import corners, stated
from tests.worlds.models import build, header

SECTION = ModelSection(filters=(4, 8), dropout=0)


def test_a_distance_worked_by_hand() -> None:
    """(2, 0) lies 2 / sqrt(1/2) = sqrt(8) deviations off in one of two directions: sqrt((8 + 0) / 2) = 2."""
    measure = fit({0: corners(8)})  # 32 patches: room for 4 directions, and there are 2
    found = measure.distances({0: torch.tensor([[2.0, 0.0], [0.0, 0.0], [3.0, 4.0], [1.0, 0.0]])})
    assert found == pytest.approx([2, 0, 5, 1], abs=1e-5)


def test_the_directions_that_are_kept_count_as_much_as_all_others() -> None:
    """One direction of variance 4 and two others of 1: (2, 1, 3) is (4/4 + (1 + 9)/2) / 2 = 3 squared."""
    numbers = ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [[1.0, 0.0, 0.0]], [4.0], 1.0)
    level = Level(*(torch.tensor(each) for each in numbers))
    assert level.squared(torch.tensor([[2.0, 1.0, 3.0]])) == pytest.approx([3])


def test_levels_join_by_their_mean_square() -> None:
    measure = fit({0: corners(8), 4: corners(8)})
    found = measure.distances({0: torch.tensor([[1.0, 0.0]]), 4: torch.tensor([[7.0, 0.0]])})
    assert found == pytest.approx([5], abs=1e-5)  # (1 + 49) / 2 = 25
    assert measure.dimension == 4


def test_the_mean_squared_distance_of_the_training_patches_is_1() -> None:
    found = {0: torch.randn((200, 40), generator=torch.Generator().manual_seed(0)) * torch.arange(1, 41)}
    assert (fit(found).distances(found) ** 2).mean() == pytest.approx(1, abs=1e-3)


def test_a_channel_that_is_dead_in_training_does_not_decide_alone() -> None:
    """Deviations 1 and 0: the dead channel counts as 0.1 times their mean, 0.05."""
    alive = torch.tensor([1.0, -1.0]).repeat(16)
    measure = fit({0: torch.stack((alive, torch.zeros(32)), dim=1)})
    assert measure.levels[0].deviation.tolist() == pytest.approx([1, 0.05])
    assert np.isfinite(measure.distances({0: torch.tensor([[0.0, 9.0]])})).all()


def test_a_model_file_keeps_the_measure(tmp_path: Path) -> None:
    network = build(SECTION)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 32, 40), np.uint8)
    measure = fit(features(network, torch.from_numpy(pixels)))
    path = tmp_path / "model.safetensors"
    bundle.save(path, replace(header(SECTION), familiarity=stated()), network.state_dict(), measure)
    read = bundle.load(path, "cpu", "32")
    assert read.header.familiarity == stated()
    found = distances(read, pixels)
    assert found is not None
    assert found.shape == (40,)
    assert np.allclose(found, measure.distances(features(network, torch.from_numpy(pixels))), rtol=1e-4)
    assert np.allclose(read.distances(pixels[5:6]), found[5:6], rtol=1e-4), "a window's distance is its own"
    assert {name for name in load_file(path) if name.startswith(PREFIX)} == set(measure.tensors())


def test_precision_does_not_change_a_distance(tmp_path: Path) -> None:
    network = build(SECTION)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 3, 32, 32), np.uint8)
    measure = fit(features(network, torch.from_numpy(pixels)))
    path = tmp_path / "model.safetensors"
    bundle.save(path, replace(header(SECTION), familiarity=stated()), network.state_dict(), measure)
    found = [bundle.load(path, "cpu", precision).distances(pixels) for precision in ("32", "bf16")]
    assert np.array_equal(found[0], found[1])


def test_weights_saved_without_their_measure_state_no_familiarity(tmp_path: Path) -> None:
    """As a model that was adapted or averaged: the distances of its parent do not hold."""
    path, network = tmp_path / "model.safetensors", build(SECTION)
    stale = network.state_dict() | fit({0: corners(8)}).tensors()
    bundle.save(path, replace(header(SECTION), familiarity=stated()), stale)
    assert read_header(path).familiarity is None
    assert set(load_file(path)) == set(network.state_dict())
    opened = bundle.load(path, "cpu", "32")
    assert opened.measure is None
    assert opened.distances(np.zeros((1, 3, 32, 32), np.uint8)) is None


def test_no_tensor_of_the_measure_is_a_weight() -> None:
    measure = Measure({4: fit({0: corners(8)}).levels[0]})
    weights, found = split_tensors({"body.head.bias": torch.zeros(3)} | measure.tensors())
    assert set(weights) == {"body.head.bias"}
    assert found is not None
    assert set(found.levels) == {4}
    assert split_tensors(weights) == (weights, None)
