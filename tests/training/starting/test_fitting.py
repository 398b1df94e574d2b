"""Patches that a network would not see as it saw those of its training are refused, each in one line."""

from dataclasses import replace
from pathlib import Path

import pytest

from terrazzo.errors import PatchesError
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.training.starting.fitting import refuse_unfit, tell_size
from terrazzo.training.starting.start import Start
from tests.worlds.headers import HEADER
from tests.worlds.none_held_out import corrected

MODEL = Path("runs/first/model.safetensors")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Patches:
    """Patches of 32 px of photos."""
    return open_patches(corrected(tmp_path_factory.mktemp("photos")))


def described(patches: Patches, **entries: object) -> Patches:
    return replace(patches, description={**patches.description, **entries})


def start(**changes: object) -> Start:
    return Start(MODEL, "", replace(HEADER, **changes))


DEEP = Normalization(
    "bands", (0.0,) * 3, (1.0,) * 3, dtype="uint16", low=(0.0,) * 3, high=(9.0,) * 3, clips=(False,) * 3
)


@pytest.mark.parametrize(
    ("of_patches", "of_model", "words"),
    [
        ({"bands": 4}, {}, "has 4 bands, the model runs/first/model.safetensors takes 3"),
        ({"band_names": ["B08", "B03", "B02"]}, {}, "has the bands B08, B03, B02, the model"),
        ({}, {"normalization": DEEP}, "holds uint8 values, the model runs/first/model.safetensors takes uint16"),
        (
            {"band_names": ["red", "green", "blue"], "value_scale": [0.0, 3000.0]},
            {"band_reading": BandReading(("red", "green", "blue"), (0.0, 10000.0))},
            "values (0.0, 3000.0) became 0 to 255, in the model runs/first/model.safetensors (0.0, 10000.0)",
        ),
        ({"downsample": 2.0}, {}, "images are reduced to 1/2, the model runs/first/model.safetensors sees 1/1"),
        ({"fit": "resize"}, {}, "has --fit resize, the model runs/first/model.safetensors was trained on crop"),
    ],
)
def test_what_does_not_fit_is_named_with_the_remedy(
    photos: Patches, of_patches: dict[str, object], of_model: dict[str, object], words: str
) -> None:
    with pytest.raises(PatchesError) as caught:
        refuse_unfit(described(photos, **of_patches), start(**of_model))
    text = str(caught.value)
    assert words in text
    assert text.startswith(f"{photos.path}: ")
    assert text.endswith(f"prepare them with --for {MODEL}")
    assert "\n" not in text


def test_photos_and_rasters_of_the_same_bands_fit(photos: Patches) -> None:
    refuse_unfit(photos, start())
    rasters = described(photos, band_names=["B04", "B03", "B02"])
    refuse_unfit(rasters, start())
    refuse_unfit(rasters, start(band_reading=BandReading(("red", "green", "blue"), None)))


def test_another_patch_size_is_said_and_another_ground_sampling_distance_is_a_warning(photos: Patches) -> None:
    said: list[str] = []
    tell_size(described(photos, gsd_m=0.5), start(gsd_m=0.4, patch_size=32), said.append)
    assert said == [], "a ratio of 1.25 is alike"
    tell_size(described(photos, gsd_m=0.2), start(gsd_m=0.4), said.append)
    assert said == [
        f"{photos.path}: patches of 32 px; the model keeps its windows of 256 px",
        f"warning: {photos.path}: 0.2 m a pixel, the model saw 0.4 m; prepare with --for {MODEL} to read them alike",
    ]
