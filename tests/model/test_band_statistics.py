"""Which statistics a network of deep bands is built with."""

from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.errors import RecipeError
from terrazzo.model.band_statistics import normalization_of
from terrazzo.model.network import normalization_for
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.recipe.encoders import IMAGENET_MEAN, IMAGENET_STD
from terrazzo.recipe.sections import ModelSection
from tests.worlds.deep import sentinel_scene

SCALE = {"B02": (0, 2000), "B03": (0, 2000), "B04": (0, 4000), "*": (100, 5100)}
RED, GREEN, BLUE = range(3)


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Patches]:
    folder = tmp_path_factory.mktemp("bands")
    scene = sentinel_scene(folder, 96, 128)
    made = {}
    for name, scale in (("plain", None), ("scaled", SCALE), ("partly", {"B04": (0, 4000)})):
        options = {"out": folder / name, "patch_size": 32, "split": "patch", "scale": scale}
        made[name] = terrazzo.prepare(scene.raster, scene.labels, **options).patches  # type: ignore[arg-type]
    return made


def test_without_a_scale_even_a_pretrained_encoder_gets_the_bands_own_statistics(patches: dict[str, Patches]) -> None:
    own = normalization_of(ModelSection(), patches["plain"])
    assert own.scale == "bands"
    assert own == normalization_of(ModelSection(encoder="resnet18", encoder_weights="imagenet"), patches["plain"])
    assert 300 < own.mean[0] < 1600  # in reflectances times 10000


def test_a_pretrained_encoder_gets_its_own_where_all_bands_have_a_scale(patches: dict[str, Patches]) -> None:
    """0.485 of 0..4000 is 1940 in the red band, B04; bands of no colour get the mean of the three."""
    section = ModelSection(encoder="resnet18", encoder_weights="imagenet")
    found = normalization_of(section, patches["scaled"])
    assert found.low == (0, 0, 0, 100, 100, 100)
    assert found.high == (2000, 2000, 4000, 5100, 5100, 5100)
    assert found.clips == (True,) * 6
    assert found.mean[:3] == pytest.approx(
        (IMAGENET_MEAN[BLUE] * 2000, IMAGENET_MEAN[GREEN] * 2000, IMAGENET_MEAN[RED] * 4000)
    )
    assert found.mean[3:] == pytest.approx([100 + np.mean(IMAGENET_MEAN) * 5000] * 3)
    assert found.std[2] == pytest.approx(IMAGENET_STD[RED] * 4000)
    random = normalization_of(ModelSection(encoder="resnet18", encoder_weights="none"), patches["scaled"])
    assert random.mean != found.mean
    assert random == normalization_of(ModelSection(), patches["scaled"])


def test_the_recipe_says_otherwise_in_shares_of_a_scale_or_in_stored_values(patches: dict[str, Patches]) -> None:
    section = ModelSection(mean=(0.5,) * 6, std=(0.25,) * 6)
    scaled = normalization_of(section, patches["scaled"])
    assert scaled.mean == (1000, 1000, 2000, 2600, 2600, 2600)
    assert scaled.std == (500, 500, 1000, 1250, 1250, 1250)
    partly = normalization_of(section, patches["partly"])
    assert partly.mean == (0.5, 0.5, 2000, 0.5, 0.5, 0.5)
    assert partly.clips == (False, False, True, False, False, False)
    with pytest.raises(RecipeError, match=r"model.mean has 3 values, the images 6 bands"):
        normalization_of(ModelSection(mean=(0.5,) * 3, std=(0.2,) * 3), patches["scaled"])


def test_minmax_needs_no_statistics(patches: dict[str, Patches]) -> None:
    found = normalization_of(ModelSection(scale="minmax"), patches["plain"])
    assert (found.scale, found.mean, found.std) == ("minmax", (0,) * 6, (1,) * 6)
    assert found.deep


def test_patches_of_eight_bits_are_normalized_by_recipe_and_encoder_alone() -> None:
    patches = open_patches(Path(__file__).parents[1] / "worlds" / "version_0_1" / "patches")
    for section in (ModelSection(), ModelSection(encoder="resnet18", encoder_weights="imagenet")):
        assert normalization_of(section, patches) == normalization_for(section, 3)
        assert [level.tolist() for level in normalization_of(section, patches).levels()] == [[0] * 3, [255] * 3]
