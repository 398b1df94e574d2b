"""Geometry: masks stay masks, and image and mask move together."""

import math
import warnings

import pytest
import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.recipe.sections import AugmentSection
from terrazzo.training.augmentation.augment import Augmentation
from terrazzo.training.augmentation.draws import Draws, draw
from terrazzo.training.augmentation.geometry import flip_and_turn, sampling_matrices, warp, window_matrices
from tests.worlds.augmented import AFFINE, HEIGHT, WIDTH, a_batch, everything, section


def exactly(n: int = 1, **values: float) -> Draws:
    """Draws that change nothing but what `values` say, the same in each of `n` samples."""
    nothing = {"hflip": False, "vflip": False, "turns": 0, "warped": True, "angle": 0.0, "shift_x": 0.0, "shift_y": 0.0}
    factors = dict.fromkeys(("zoom", "brightness", "contrast", "saturation"), 1.0) | {"place_x": 0.5, "place_y": 0.5}
    return Draws(**{name: torch.tensor([value] * n) for name, value in {**nothing, **factors, **values}.items()})


def warped(images: Tensor, masks: Tensor, fill: str = "ignore", **values: float) -> tuple[Tensor, Tensor]:
    matrices = sampling_matrices(exactly(len(images), **values), *images.shape[-2:])
    return warp(images.float(), masks, matrices, fill)


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


def test_samples_of_a_large_batch_move_as_they_do_one_by_one():
    """All sixteen moves, in batches of one and in one of 48."""
    moves = [(h, v, k) for h in (False, True) for v in (False, True) for k in range(4)] * 3
    images = torch.arange(48 * 2 * 6 * 6).reshape(48, 2, 6, 6)
    h, v, k = (torch.tensor(column) for column in zip(*moves, strict=True))
    each = [flip_and_turn(images[i : i + 1], h[i : i + 1], v[i : i + 1], k[i : i + 1]) for i in range(48)]
    assert torch.equal(flip_and_turn(images, h, v, k), torch.cat(each))


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


def test_scale_is_drawn_evenly_on_a_log_scale_and_moves_no_other_draw():
    draws = draw(section(scale=[0.5, 4], rotate_deg=40), 4000, seed=0)
    assert draws.zoom.min().item() == pytest.approx(0.5, rel=0.01)
    assert draws.zoom.max().item() == pytest.approx(4, rel=0.01)
    # Three octaves, 1333 draws each: 0.5..1, 1..2, 2..4.
    assert draws.zoom.log2().floor().long().add(1).bincount().tolist() == pytest.approx([1333] * 3, abs=100)
    plain = draw(section(rotate_deg=40), 4000, seed=0)
    assert torch.equal(draws.angle, plain.angle)
    assert torch.equal(draws.place_x, plain.place_x)
    fixed = draw(section(scale=[2, 2]), 5, seed=0)
    assert fixed.zoom.tolist() == [2] * 5


def windows(images: Tensor, masks: Tensor, size: int, bent: bool = True, **values: float) -> tuple[Tensor, Tensor]:
    draws = exactly(len(images), **values)
    matrices = window_matrices(draws, draws.warped & bent, size, *images.shape[-2:])
    return warp(images.float(), masks, matrices, "ignore", size=size)


@pytest.mark.parametrize(("place", "corner"), [(0.0, (0, 0)), (0.5, (16, 32)), (1.0, (32, 64)), (0.26, (8, 17))])
def test_a_window_that_is_not_bent_is_cut_at_whole_pixels(place, corner):
    # 32 px of 64 x 96: 0 to 32 rows and 0 to 64 columns may lie before it; 0.26 of these are 8.32 and 16.64.
    images, masks = a_batch()
    found, found_masks = windows(images, masks, 32, bent=False, place_x=place, place_y=place, angle=30.0, zoom=2.0)
    rows, cols = (slice(start, start + 32) for start in corner)
    assert torch.equal(found_masks, masks[:, rows, cols])
    torch.testing.assert_close(found, images[:, :, rows, cols].float(), atol=0.05, rtol=0)


def test_a_window_at_half_scale_shows_twice_as_much_of_the_patch():
    # 32 px at 1/2 show all 64 rows, and 64 of 96 columns: from 0 to 32 lie before them. A pixel is the mean of four.
    images, masks = a_batch()
    for place, col in ((0.0, 0), (0.5, 16), (1.0, 32)):
        found, _ = windows(images, masks, 32, zoom=0.5, place_x=place, place_y=place)
        expected = torch.nn.functional.avg_pool2d(images[..., col : col + 64].float(), 2)
        torch.testing.assert_close(found, expected, atol=0.05, rtol=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_window_that_fits_lies_within_the_patch_whatever_its_turn(seed):
    # 32 px at 1..2 turned by 45 degrees reach 22.6 px from their centre, and half a patch is 32: nothing is mirrored.
    images, masks = a_batch(n=8, height=64, width=64)
    options = section(rotate_deg=45, scale=[1, 2], crop=32, fill="ignore")
    found, found_masks = Augmentation(options)(images, masks % 7, seed)
    assert found.shape == (8, 3, 32, 32)
    assert found_masks.shape == (8, 32, 32)
    assert (found_masks != IGNORE).all()


def test_a_window_too_large_for_the_patch_lies_at_its_centre():
    # 32 px at 1/4 are 128: the patch of 64 x 96 takes up 16 x 24 px about the middle.
    images, masks = a_batch()
    _, found = windows(images, masks % 7, 32, zoom=0.25, place_x=0.9, place_y=0.1)
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[8:24, 4:28] = True
    assert ((found != IGNORE) == inside).all()


def test_windows_move_image_and_mask_together_and_places_differ():
    blocks = torch.randint(0, 3, (16, 8, 8), generator=torch.Generator().manual_seed(1))
    masks = blocks.repeat_interleave(16, 1).repeat_interleave(16, 2).to(torch.uint8)
    images = (60 * masks)[:, None].expand(-1, 3, -1, -1)
    found, found_masks = Augmentation(section(crop=64))(images, masks, 0)
    torch.testing.assert_close(found[:, 0], 60.0 * found_masks, atol=0.05, rtol=0)
    draws = draw(section(crop=64), 4000, seed=0)
    for place in (draws.place_x, draws.place_y):
        assert place.mean().item() == pytest.approx(0.5, abs=0.02)
        assert place.std().item() == pytest.approx(1 / math.sqrt(12), abs=0.01)


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
