"""`augment.robust`: how many patches change, what never does, and whose numbers are whose."""

import pytest
import torch

from terrazzo.classes.schema import IGNORE
from terrazzo.pixels.bands.light import Light, light_of
from terrazzo.training.augmentation.augment import Augmentation
from terrazzo.training.augmentation.draws import numbers_of
from terrazzo.training.augmentation.levels import EIGHT_BITS, Levels
from terrazzo.training.augmentation.robust import KINDS, as_elsewhere
from tests.worlds.augmented import a_batch, everything, section

SIX = ("blue", "green", "red", "nir", "swir16", "dsm")


@pytest.mark.parametrize("bands", [1, 3, 4, 6])
@pytest.mark.parametrize("strength", [0.3, 1])
def test_masks_never_change_and_levels_stay_in_range(bands: int, strength: float) -> None:
    images, masks = a_batch(n=8, bands=bands)
    light = light_of(SIX, 6) if bands == 6 else None
    found, found_masks = Augmentation(section(robust=strength), light)(images, masks, 1)
    assert torch.equal(found_masks, masks)
    assert found.shape == images.shape
    assert torch.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 255
    assert not torch.equal(found, images.float())


def test_at_strength_0_nothing_is_other_than_without_the_field() -> None:
    images, masks = a_batch(n=8)
    plain = Augmentation(everything())(images, masks, 5)
    off = Augmentation(everything(robust=0))(images, masks, 5)
    assert torch.equal(off[0], plain[0])
    assert torch.equal(off[1], plain[1])


def test_the_seed_alone_decides_and_geometry_is_what_it_was() -> None:
    images, masks = a_batch(n=8)
    augment = Augmentation(everything(robust=1))
    first, again, other = (augment(images, masks, seed) for seed in (11, 11, 12))
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    plain = Augmentation(everything())(images, masks, 11)
    assert torch.equal(first[1], plain[1])
    same = (first[0] == plain[0]).flatten(1).all(dim=1)
    assert same.any()  # clean patches are those of the plain recipe
    assert not same.all()


@pytest.mark.parametrize(("strength", "clean"), [(1.0, 0.32), (0.5, 0.66)])
def test_a_third_of_the_patches_stay_clean_at_full_strength(strength: float, clean: float) -> None:
    # 0.7 are touched, of which 0.5 * 0.6 * 0.8 * 0.8 * 0.8 * 0.6 * 0.7 * 0.5 = 0.032 meet no kind: 0.3 + 0.022.
    images = a_batch(n=600, height=16, width=16)[0].float()
    found = as_elsewhere(images.clone(), strength, 3, light_of(None, 3), EIGHT_BITS)
    assert (found == images).flatten(1).all(dim=1).float().mean().item() == pytest.approx(clean, abs=0.04)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_changes_its_share_and_has_numbers_of_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = a_batch(n=600, height=16, width=16)[0].float()
    others = {other: kind for other, kind in KINDS.items() if other != name}
    light = light_of(None, 3)

    def changed() -> torch.Tensor:
        return (as_elsewhere(images.clone(), 1, 3, light, EIGHT_BITS) != images).flatten(1).any(dim=1)

    everything_on = changed()
    kind = KINDS[name]
    monkeypatch.setattr("terrazzo.training.augmentation.robust.KINDS", {name: kind})
    alone = changed()
    assert alone.float().mean().item() == pytest.approx(0.7 * kind.share, abs=0.05)
    assert (everything_on | ~alone).all()
    monkeypatch.setattr("terrazzo.training.augmentation.robust.KINDS", others)
    without = changed()
    assert torch.equal(without | alone, everything_on)  # switching it off moves no other


def test_bands_that_are_no_light_stay_as_they_are() -> None:
    images, masks = a_batch(n=8, bands=6)
    light = light_of(SIX, 6)
    found, _ = Augmentation(section(robust=1), light)(images, masks, 1)
    assert torch.equal(found[:, 5], images[:, 5].float())
    assert not torch.equal(found[:, 3], images[:, 3].float())
    photo = images[:, [2, 1, 0]]
    alone, _ = Augmentation(section(robust=1), light_of(("red", "green", "blue"), 3))(photo, masks, 1)
    assert alone.shape == photo.shape
    heights, _ = Augmentation(section(robust=1), Light((False,) * 6, None))(images, masks, 1)
    assert torch.equal(heights, images.float())


def test_red_green_and_blue_are_found_by_name() -> None:
    """Reversed bands change as the photo does, but for gains, drawn band by band, and noise."""
    images = a_batch(n=8)[0].float()
    kinds = ("gamma", "histogram", "spectrum", "blur", "resolution", "jpeg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("terrazzo.training.augmentation.robust.KINDS", {name: KINDS[name] for name in kinds})
        photo = as_elsewhere(images.clone(), 1, 4, light_of(("red", "green", "blue"), 3), EIGHT_BITS)
        turned = as_elsewhere(images.flip(1), 1, 4, light_of(("blue", "green", "red"), 3), EIGHT_BITS)
    # A coefficient at the border between two steps may fall to either side: rare, and a step wide.
    assert ((photo - turned.flip(1)).abs() > 0.5).float().mean() < 0.01


def test_deep_bands_stay_in_the_range_of_their_levels() -> None:
    images, masks = a_batch(n=8)
    deep = images.float() * 3 - 200
    found, _ = Augmentation(section(robust=1))(deep, masks, 2)
    levels = Levels.of(deep)
    assert levels.lowest is not None
    assert levels.highest is not None
    assert (found >= levels.lowest).all()
    assert (found <= levels.highest).all()
    assert found.max() > 300  # nothing is cut to 0..255


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_patches_with_everything_ignored_give_no_nan(level: int) -> None:
    images = torch.full((8, 3, 48, 64), level, dtype=torch.uint8)
    masks = torch.full((8, 48, 64), IGNORE, dtype=torch.uint8)
    for seed in range(4):
        found, found_masks = Augmentation(everything(robust=1, mix_classes=1))(images, masks, seed)
        assert torch.isfinite(found).all()
        assert (found_masks == IGNORE).all()


def test_one_patch_alone_takes_nothing_from_another() -> None:
    images, masks = a_batch(n=1)
    for seed in range(10):
        found, _ = Augmentation(section(robust=1, mix_classes=1))(images, masks, seed)
        assert torch.isfinite(found).all()


@pytest.mark.parametrize(("strength", "worst"), [(0.3, 30), (0.5, 19), (1.0, 10)])
def test_jpeg_is_drawn_down_to_the_quality_of_its_strength(
    strength: float, worst: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[torch.Tensor] = []

    def noted(images: torch.Tensor, quality: torch.Tensor, rgb: object) -> torch.Tensor:
        drawn.append(quality)
        return images

    monkeypatch.setattr("terrazzo.training.augmentation.robust.compressed", noted)
    as_elsewhere(a_batch(n=2000, height=16, width=16)[0].float(), strength, 3, light_of(None, 3), EIGHT_BITS)
    quality = torch.cat(drawn)
    assert worst <= quality.min() <= worst + 1
    assert 89 <= quality.max() <= 90


def test_the_numbers_of_kinds_differ() -> None:
    drawn = {tuple(torch.rand(4, generator=numbers_of(name, seed)).tolist()) for name in KINDS for seed in range(3)}
    assert len(drawn) == 3 * len(KINDS)
