"""The whole augmentation: chance is a function of the seed, and what is off changes nothing."""

import contextlib

import pytest
import torch

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import RecipeError
from terrazzo.pixels.bands.light import light_of
from terrazzo.training.augmentation.augment import Augmentation
from terrazzo.training.augmentation.draws import draw
from tests.worlds.augmented import HEIGHT, WIDTH, a_batch, everything, section


def test_with_everything_off_nothing_changes():
    images, masks = a_batch()
    new_images, new_masks = Augmentation(section())(images, masks, 0)
    assert new_images.dtype == torch.float32
    assert torch.equal(new_images, images.float())
    assert torch.equal(new_masks, masks)


@pytest.mark.parametrize("fill", ["reflect", "ignore"])
@pytest.mark.parametrize("seed", range(5))
def test_masks_hold_only_values_that_were_in_them_or_ignore(fill, seed):
    images, masks = a_batch()
    _, new_masks = Augmentation(everything(fill=fill))(images, masks, seed)
    assert new_masks.dtype == torch.uint8
    assert set(new_masks.unique().tolist()) <= {1, 3, 4, 7, IGNORE}


@pytest.mark.parametrize(("fill", "allowed"), [("reflect", {3}), ("ignore", {3, IGNORE})])
def test_a_mask_of_one_class_keeps_it_and_gains_at_most_ignore(fill, allowed):
    images, _ = a_batch()
    masks = torch.full((4, HEIGHT, WIDTH), 3, dtype=torch.uint8)
    _, new_masks = Augmentation(everything(fill=fill, probability=1))(images, masks, 1)
    assert set(new_masks.unique().tolist()) == allowed


def test_the_seed_alone_decides():
    images, masks = a_batch()
    augment = Augmentation(everything())
    torch.manual_seed(0)
    first = augment(images, masks, 11)
    torch.manual_seed(1)
    again = augment(images, masks, 11)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], augment(images, masks, 12)[0])


def test_the_global_random_state_and_the_arguments_are_left_alone():
    images, masks = a_batch()
    originals = images.clone(), masks.clone()
    state = torch.get_rng_state()
    Augmentation(everything())(images, masks, 11)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, originals[0])
    assert torch.equal(masks, originals[1])


def test_an_option_leaves_the_draws_of_the_others_as_they_were():
    one, all_of_them = draw(section(hflip=True), 16, seed=4), draw(everything(), 16, seed=4)
    assert torch.equal(one.hflip, all_of_them.hflip)
    assert not one.vflip.any()
    assert (one.angle == 0).all()
    assert (one.zoom == 1).all()


def test_draws_fill_their_ranges():
    draws = draw(everything(), 4000, seed=0)
    expected = {"angle": (0, 40), "shift_x": (0, 0.2), "shift_y": (0, 0.1), "zoom": (1, 0.3), "contrast": (1, 0.3)}
    for name, (center, reach) in expected.items():
        values = getattr(draws, name)
        assert values.min().item() == pytest.approx(center - reach, abs=0.01 * reach)
        assert values.max().item() == pytest.approx(center + reach, abs=0.01 * reach)
    assert draws.turns.bincount().tolist() == pytest.approx([1000] * 4, abs=100)
    assert draws.hflip.float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_autocast_does_not_move_pixels():
    images, masks = a_batch()
    augment = Augmentation(everything(probability=1))
    expected = augment(images, masks, 3)
    with torch.autocast("cpu", torch.bfloat16):
        found = augment(images, masks, 3)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_any_band_count_is_moved_and_jittered_but_saturation_needs_three():
    images, masks = a_batch(bands=5)
    new_images, _ = Augmentation(everything(saturation=0))(images, masks, 0)
    assert new_images.shape == images.shape
    with pytest.raises(
        RecipeError, match=r"saturation = 0.3 needs red, green and blue, which these images of 5 bands do"
    ):
        Augmentation(everything())(images, masks, 0)


def test_levels_beyond_0_and_255_stay_where_their_own_band_reaches():
    """Deeper bands come as levels of their range: what lies beyond it is not cut off by geometry."""
    images, masks = a_batch(bands=3)
    levels = images.float()
    levels[:, 1] = levels[:, 1] * 4 - 300
    light = light_of(("red", "dsm", "green"), 3, eight_bits=False)
    changed, _ = Augmentation(everything(saturation=0, probability=1), light)(levels, masks, 1)
    assert changed[:, 1].min() < -250
    assert changed[:, 1].max() > 650
    assert changed[:, 1].min() >= levels[:, 1].min()
    assert changed[:, 1].max() <= levels[:, 1].max()
    assert changed[:, [0, 2]].min() >= 0
    assert changed[:, [0, 2]].max() <= 255


def test_photos_and_rasters_of_red_green_and_blue_change_alike():
    images, masks = a_batch()
    changed, new_masks = Augmentation(everything(), light_of(None, 3))(images, masks, 11)
    again, _ = Augmentation(everything())(images, masks, 11)
    assert torch.equal(changed, again)
    named, _ = Augmentation(everything(), light_of(("red", "green", "blue"), 3))(images, masks, 11)
    assert torch.equal(changed, named)
    assert new_masks.dtype == torch.uint8


@pytest.mark.parametrize("bands", [3, 6])
def test_no_value_is_read_back_from_the_device(bands, monkeypatch):
    """Tensors of the device `meta` have no values, so whatever asks for one raises; and it tells devices apart."""
    monkeypatch.setattr(torch, "autocast", lambda *_args, **_options: contextlib.nullcontext())  # knows no meta
    light = light_of(("blue", "green", "red", "nir", "dsm", "vv")[:bands], bands)
    images = torch.empty((8, bands, 64, 64), dtype=torch.uint8, device="meta")
    masks = torch.empty((8, 64, 64), dtype=torch.uint8, device="meta")
    options = {"rotate_deg": 30, "scale": [0.5, 2], "zoom": 0, "shift_x": 0, "shift_y": 0, "robust": 1}
    for crop in (0, 32):
        augment = Augmentation(everything(**options, mix_classes=0.5, crop=crop), light)
        for seed in range(8):
            for pixels in (images, images.float()):
                found, found_masks = augment(pixels, masks, seed)
                assert (found.device.type, found_masks.device.type) == ("meta", "meta")
                assert found.shape[-1] == (crop or 64)
