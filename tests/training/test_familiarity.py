"""What training measures at its end: who is measured, and how groups are summed up."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

import terrazzo
from terrazzo.model.header import read_header
from terrazzo.model.network import build_model
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import open_patches
from terrazzo.recipe.sections import ModelSection
from terrazzo.system.reporting import Reporter
from terrazzo.training.familiarity import _spread, measured, medians
from tests.worlds.none_held_out import corrected
from tests.worlds.striped import SMALL, striped_patches


def test_groups_of_few_patches_are_taken_together() -> None:
    groups = np.array(["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2)
    distances = np.array([1, 2, 3, 4, 5, 7, 7, 9, 9, 1, 2, 3, 4, 5], np.float32)
    assert medians(distances, groups) == {"b": 8, "a": 3, "others": 3}
    assert next(iter(medians(distances, groups))) == "b"


def test_at_most_256_patches_of_a_split_are_measured_from_its_first_to_its_last() -> None:
    assert _spread(np.arange(40)).tolist() == list(range(40))
    found = _spread(np.arange(1021))
    assert len(found) == len(set(found.tolist())) == 256
    assert (found[0], found[1], found[-1]) == (0, 4, 1020)


def test_training_states_it_in_the_model_file_and_again_the_same(tmp_path: Path) -> None:
    patches = striped_patches(tmp_path, 6)
    for name in ("first", "second"):
        terrazzo.train(patches, out=tmp_path / name, recipe="unet", epochs=1, changes=SMALL, device="cpu")
    first, second = (read_header(tmp_path / name / "model.safetensors").familiarity for name in ("first", "second"))
    assert first is not None
    assert first == second
    assert (first.levels, first.dimension, first.n_patches) == ((0, 1), 2 * (4 + 8), 30)
    assert first.threshold == pytest.approx(1.2 * max(first.trained, first.reached))
    assert not first.other_places, "images without a place"
    names = {name for name in load_file(tmp_path / "first" / "model.safetensors") if name.startswith("familiarity.")}
    assert len(names) == 2 * 5


def test_too_few_patches_are_not_measured(tmp_path: Path) -> None:
    patches = striped_patches(tmp_path, 2)  # 6 patches to train on
    terrazzo.train(patches, out=tmp_path / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    assert read_header(tmp_path / "run" / "model.safetensors").familiarity is None


def test_kept_patches_are_measured_too_and_without_validation_none_are(tmp_path: Path) -> None:
    patches = open_patches(striped_patches(tmp_path / "old", 6))
    new = open_patches(corrected(tmp_path / "new"))  # 12 patches, none held out
    network = build_model(ModelSection(filters=(4, 8)), 3, 3, Normalization("unit", (0.0,) * 3, (1.0,) * 3))
    assert measured(network, new, Reporter()) is None
    found, alone = measured(network, new, Reporter(), patches), measured(network, patches, Reporter())
    assert found is not None
    assert alone is not None
    assert (found.familiarity.n_patches, alone.familiarity.n_patches) == (12 + 30, 30)
    assert set(found.familiarity.places) == set(alone.familiarity.places), "those of the kept patches"
