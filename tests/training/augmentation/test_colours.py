"""Brightness, contrast and saturation: worked by hand, and in bands of light alone."""

import pytest
import torch

from terrazzo.errors import RecipeError
from terrazzo.pixels.bands.light import light_of
from terrazzo.training.augmentation.augment import Augmentation
from terrazzo.training.augmentation.colours import jitter
from terrazzo.training.augmentation.draws import draw
from tests.worlds.augmented import AFFINE, a_batch, everything, section


def test_jitter_by_hand():
    # One pixel each of (20, 40, 60) and (100, 60, 20): mean 50.
    images = torch.tensor([[[[20.0, 100]], [[40.0, 60]], [[60.0, 20]]]])
    one, half, double = torch.tensor([1.0]), torch.tensor([0.5]), torch.tensor([2.0])
    # Brightness 1/2 halves; contrast 1/2 then goes half-way to the new mean, 25: (10 + 25) / 2 = 17.5, ...
    assert jitter(images, half, half, one).flatten().tolist() == [17.5, 37.5, 22.5, 27.5, 27.5, 17.5]
    # Contrast 2 doubles the distance from 50; -10 is cut to 0: 20 -> -10, 100 -> 150, 40 -> 30, 60 -> 70.
    assert jitter(images, one, double, one).flatten().tolist() == [0, 150, 30, 70, 70, 0]
    # Greys 0.299 * 20 + 0.587 * 40 + 0.114 * 60 = 36.3 and 29.9 + 35.22 + 2.28 = 67.4; saturation 1/2 is half-way.
    expected = torch.tensor([28.15, 83.7, 38.15, 63.7, 48.15, 43.7])
    torch.testing.assert_close(jitter(images, one, one, half).flatten(), expected)


def test_jitter_stays_in_range_and_off_the_mask():
    images, masks = a_batch()
    new_images, new_masks = Augmentation(section(brightness=0.9, contrast=0.9, saturation=0.9))(images, masks, 0)
    assert new_images.min() >= 0
    assert new_images.max() <= 255
    assert torch.equal(new_masks, masks)


def test_colours_change_in_bands_of_light_alone_and_geometry_in_all():
    """Heights beside a photo: the photo changes as it does alone, heights as under geometry alone."""
    images, masks = a_batch(bands=4)
    light = light_of(("red", "dsm", "green", "blue"), 4)
    photo = images[:, [0, 2, 3]]
    changed, new_masks = Augmentation(everything(probability=1), light)(images, masks, 3)
    alone, masks_alone = Augmentation(everything(probability=1))(photo, masks, 3)
    unjittered, _ = Augmentation(section(**AFFINE, hflip=True, vflip=True, quarter_turns=True))(images, masks, 3)
    torch.testing.assert_close(changed[:, [0, 2, 3]], alone, rtol=0, atol=0)
    torch.testing.assert_close(changed[:, 1], unjittered[:, 1], rtol=0, atol=0)
    assert not torch.equal(changed[:, 0], unjittered[:, 0])
    torch.testing.assert_close(new_masks, masks_alone, rtol=0, atol=0)


def test_colours_worked_by_hand_beside_a_band_that_is_none():
    """Brightness 1.5 about the mean of the light: 10, 20, 30 become 15, 30, 45; the height stays 200."""
    images = torch.tensor([10, 200, 20, 30], dtype=torch.uint8)[None, :, None, None].expand(1, 4, 2, 2)
    augment = Augmentation(section(brightness=0.9), light_of(("red", "dsm", "green", "blue"), 4))
    changed, _ = augment(images, torch.zeros(1, 2, 2, dtype=torch.uint8), 5)
    factor = draw(section(brightness=0.9), 1, 5).brightness
    expected = torch.stack([10 * factor, torch.tensor([200.0]), 20 * factor, 30 * factor], dim=1)
    torch.testing.assert_close(changed[..., 0, 0], expected)


def test_without_a_band_of_light_colours_change_nothing():
    images, masks = a_batch(bands=2)
    augment = Augmentation(section(brightness=0.5, contrast=0.5), light_of(("dsm", "vv"), 2))
    changed, _ = augment(images, masks, 0)
    torch.testing.assert_close(changed, images.float(), rtol=0, atol=0)


def test_saturation_finds_red_green_and_blue_by_name():
    images, masks = a_batch(bands=4)
    for names in (("nir", "dsm"), None):
        light = None if names is None else light_of(names, 2)
        with pytest.raises(RecipeError, match=r"augment.saturation = 0.3 needs red, green and blue"):
            Augmentation(section(saturation=0.3), light)(images[:, : 4 if names is None else 2], masks, 0)
    light = light_of(("nir", "blue", "green", "red"), 4)
    changed, _ = Augmentation(section(saturation=0.3), light)(images, masks, 0)
    turned, _ = Augmentation(section(saturation=0.3))(images[:, [3, 2, 1]], masks, 0)
    torch.testing.assert_close(changed[:, [3, 2, 1]], turned, rtol=0, atol=1e-4)
    torch.testing.assert_close(changed[:, 0], images[:, 0].float(), rtol=0, atol=0)
