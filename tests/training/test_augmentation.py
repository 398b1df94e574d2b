"""Augmentation: masks stay masks, image and mask move together, and chance is a function of the seed."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import RecipeError
from terrazzo.pixels.bands.light import light_of
from terrazzo.recipe.sections import AugmentSection
from terrazzo.training.augmentation import (
    Augmentation,
    Draws,
    draw,
    flip_and_turn,
    jitter,
    sampling_matrices,
    warp,
)

HEIGHT, WIDTH = 64, 96
AFFINE = {"rotate_deg": 40, "shift_x": 0.2, "shift_y": 0.1, "zoom": 0.3}
JITTER = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3}


def section(**options: Any) -> AugmentSection:
    """A section with everything off but `options`."""
    return AugmentSection(**{"hflip": False, "vflip": False, "quarter_turns": False, **options})


def everything(**options: Any) -> AugmentSection:
    return AugmentSection(**{**AFFINE, **JITTER, "probability": 0.7, **options})


def a_batch(n: int = 4, bands: int = 3, height: int = HEIGHT, width: int = WIDTH) -> tuple[Tensor, Tensor]:
    """Noise, and masks of classes 1, 3, 4 and 7 with ignore among them."""
    generator = torch.Generator().manual_seed(7)
    images = torch.randint(0, 256, (n, bands, height, width), generator=generator, dtype=torch.uint8)
    values = torch.tensor([1, 3, 4, 7, IGNORE], dtype=torch.uint8)
    return images, values[torch.randint(0, 5, (n, height, width), generator=generator)]


def exactly(n: int = 1, **values: float) -> Draws:
    """Draws that change nothing but what `values` say, the same in each of `n` samples."""
    nothing = {"hflip": False, "vflip": False, "turns": 0, "warped": True, "angle": 0.0, "shift_x": 0.0, "shift_y": 0.0}
    factors = dict.fromkeys(("zoom", "brightness", "contrast", "saturation"), 1.0)
    return Draws(**{name: torch.tensor([value] * n) for name, value in {**nothing, **factors, **values}.items()})


def warped(images: Tensor, masks: Tensor, fill: str = "ignore", **values: float) -> tuple[Tensor, Tensor]:
    matrices = sampling_matrices(exactly(len(images), **values), *images.shape[-2:])
    return warp(images.float(), masks, matrices, fill)


def test_with_everything_off_nothing_changes():
    images, masks = a_batch()
    new_images, new_masks = Augmentation(section())(images, masks, 0)
    assert new_images.dtype == torch.float32
    assert torch.equal(new_images, images.float())
    assert torch.equal(new_masks, masks)


def test_without_probability_nothing_is_warped():
    images, masks = a_batch()
    new_images, new_masks = Augmentation(section(**AFFINE, probability=0))(images, masks, 0)
    assert torch.equal(new_images, images.float())
    assert torch.equal(new_masks, masks)


def test_probability_is_the_share_of_samples_that_are_warped():
    assert draw(section(**AFFINE, probability=0.25), 4000, seed=3).warped.float().mean().item() == pytest.approx(
        0.25, abs=0.03
    )
    images, masks = a_batch(n=16)
    new_images, new_masks = Augmentation(section(**AFFINE, probability=0.5))(images, masks, 5)
    kept = ~draw(section(**AFFINE, probability=0.5), 16, seed=5).warped
    assert 0 < kept.sum() < 16
    same = (new_images == images).flatten(1).all(dim=1)
    assert same.tolist() == kept.tolist()
    assert torch.equal(new_masks[kept], masks[kept])


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


def test_invented_pixels_are_those_whose_source_lies_outside():
    # Shifted 24 px right and 16 px up: the 24 left columns and the 16 bottom rows come from nowhere.
    images, masks = a_batch()
    new_images, new_masks = warped(images, masks, fill="ignore", shift_x=24 / WIDTH, shift_y=-16 / HEIGHT)
    assert torch.equal(new_masks[:, :48, 24:], masks[:, 16:, :72])
    assert (new_masks[:, 48:] == IGNORE).all()
    assert (new_masks[:, :, :24] == IGNORE).all()
    torch.testing.assert_close(new_images[:, :, :48, 24:], images[:, :, 16:, :72].float(), atol=0.01, rtol=0)


def test_reflected_pixels_mirror_image_and_mask_alike():
    # Shifted 24 px right: column 23 - i shows column i, in both.
    images, masks = a_batch()
    new_images, new_masks = warped(images, masks, fill="reflect", shift_x=24 / WIDTH)
    assert torch.equal(new_masks[:, :, :24], masks[:, :, :24].flip(-1))
    torch.testing.assert_close(new_images[..., :24], images[..., :24].flip(-1).float(), atol=0.01, rtol=0)


def test_the_image_is_mirrored_even_where_the_mask_is_ignore():
    images = torch.full((1, 3, HEIGHT, WIDTH), 200, dtype=torch.uint8)
    new_images, new_masks = warped(images, torch.zeros(1, HEIGHT, WIDTH, dtype=torch.uint8), angle=30.0, zoom=0.5)
    assert (new_masks == IGNORE).any()
    torch.testing.assert_close(new_images, images.float())


def test_a_positive_angle_turns_counter_clockwise():
    images, masks = a_batch(height=64, width=64)
    new_images, new_masks = warped(images, masks, angle=90.0)
    assert torch.equal(new_masks, masks.rot90(1, (-2, -1)))
    torch.testing.assert_close(new_images, images.rot90(1, (-2, -1)).float(), atol=0.05, rtol=0)


def test_a_turn_keeps_lengths_where_the_sides_differ():
    # A bar of 40 x 8 px about the centre, turned by 90 degrees, is 8 x 40.
    masks = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.uint8)
    masks[:, 28:36, 28:68] = 5
    _, turned = warped(torch.zeros(1, 3, HEIGHT, WIDTH), masks, fill="reflect", angle=90.0)
    expected = torch.zeros_like(masks)
    expected[:, 12:52, 44:52] = 5
    assert torch.equal(turned, expected)


def test_zoom_scales_about_the_centre():
    # 10 x 14 px times 2 is 20 x 28.
    masks = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.uint8)
    masks[:, 27:37, 41:55] = 5
    _, zoomed = warped(torch.zeros(1, 3, HEIGHT, WIDTH), masks, zoom=2.0)
    expected = torch.zeros_like(masks)
    expected[:, 22:42, 34:62] = 5
    assert torch.equal(zoomed, expected)


@pytest.mark.parametrize("fill", ["reflect", "ignore"])
@pytest.mark.parametrize("seed", range(5))
def test_image_and_mask_move_together(fill, seed):
    # Three classes in 16 px blocks, drawn in the image as 60 a class: away from edges between blocks, where bilinear
    # values lie between classes, the image must say what the mask says.
    blocks = torch.randint(0, 3, (4, HEIGHT // 16, WIDTH // 16), generator=torch.Generator().manual_seed(seed))
    masks = blocks.repeat_interleave(16, 1).repeat_interleave(16, 2).to(torch.uint8)
    images = (60 * masks)[:, None].expand(-1, 3, -1, -1)
    options = {**everything(fill=fill, probability=1).model_dump(), "brightness": 0, "contrast": 0, "saturation": 0}
    new_images, new_masks = Augmentation(AugmentSection(**options))(images, masks, seed)
    drawn = new_images[:, 0] / 60
    clear = ((drawn - drawn.round()).abs() < 1e-3) & (new_masks != IGNORE)
    assert clear.float().mean() > 0.4
    # A value between classes 0 and 2 may be a 1 by chance; hardly any pixel is.
    assert (drawn.round()[clear] == new_masks[clear]).float().mean() > 0.999
    assert ((drawn - new_masks).abs()[new_masks != IGNORE] <= 2).all()


@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_flips_and_turns_are_one_of_the_symmetries_for_image_and_mask_alike(size):
    images, masks = a_batch(n=32, bands=5, height=size[0], width=size[1])
    new_images, new_masks = Augmentation(AugmentSection())(images, masks, 2)
    found = set()
    for image, mask, new_image, new_mask in zip(images, masks, new_images, new_masks, strict=True):
        matches = [
            (mirrored, k)
            for mirrored in (False, True)
            for k in range(4)
            if torch.equal(new_image, turned(image, mirrored, k).float())
        ]
        assert len(matches) == 1
        assert torch.equal(new_mask, turned(mask, *matches[0]))
        found.add(matches[0])
    assert len(found) == (8 if size[0] == size[1] else 4)


def turned(batch: Tensor, mirrored: bool, k: int) -> Tensor:
    return (batch.flip(-1) if mirrored else batch).rot90(k, (-2, -1))


def test_flips_are_their_own_inverse_and_turns_go_round():
    images, _ = a_batch(n=8, height=64, width=64)
    yes, no = torch.ones(8, dtype=torch.bool), torch.zeros(8, dtype=torch.bool)
    zero, turns = torch.zeros(8, dtype=torch.int64), torch.arange(8) % 4
    for hflip, vflip in ((yes, no), (no, yes), (yes, yes)):
        there = flip_and_turn(images, hflip, vflip, zero)
        assert not torch.equal(there, images)
        assert torch.equal(flip_and_turn(there, hflip, vflip, zero), images)
    there = flip_and_turn(images, no, no, turns)
    assert torch.equal(flip_and_turn(there, no, no, (4 - turns) % 4), images)


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


def test_any_band_count_is_moved_and_jittered_but_saturation_needs_three():
    images, masks = a_batch(bands=5)
    new_images, _ = Augmentation(everything(saturation=0))(images, masks, 0)
    assert new_images.shape == images.shape
    with pytest.raises(
        RecipeError, match=r"saturation = 0.3 needs red, green and blue, which these images of 5 bands do"
    ):
        Augmentation(everything())(images, masks, 0)


def test_kornia_s_rotation_invents_class_0_and_ours_does_not():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kornia_augmentation = pytest.importorskip("kornia.augmentation")
        theirs = kornia_augmentation.AugmentationSequential(
            kornia_augmentation.RandomRotation((30.0, 30.0), p=1.0), data_keys=["input", "mask"]
        )
        images = torch.zeros(1, 3, HEIGHT, WIDTH)
        masks = torch.full((1, HEIGHT, WIDTH), 3, dtype=torch.uint8)
        _, their_masks = theirs(images, masks[:, None].float())
    assert (their_masks == 0).any()
    for fill, allowed in (("reflect", {3}), ("ignore", {3, IGNORE})):
        _, our_masks = warped(images, masks, fill=fill, angle=30.0)
        assert set(our_masks.unique().tolist()) == allowed


# --- bands of light, and deeper levels


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
