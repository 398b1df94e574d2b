"""`augment.mix_classes`: pasted pixels are their donor's, others stay, and rare classes come more often."""

import pytest
import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.training.augmentation.augment import Augmentation
from terrazzo.training.augmentation.mixing import _drawn_class, mixed
from tests.worlds.augmented import everything, section


def scenes(n: int = 8, bands: int = 3, height: int = 48, width: int = 64) -> tuple[Tensor, Tensor]:
    """Blocks of classes 0, 1, 5 and ignore; each pixel's level says its patch, place and class in all bands."""
    generator = torch.Generator().manual_seed(2)
    values = torch.tensor([0, 0, 0, 0, 1, 5, IGNORE], dtype=torch.uint8)
    blocks = values[torch.randint(0, 7, (n, height // 8, width // 8), generator=generator)]
    masks = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)
    place = torch.arange(n * height * width, dtype=torch.float32).view(n, 1, height, width)
    return place.repeat(1, bands, 1, 1), masks


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bands", [1, 3, 6])
def test_a_pasted_pixel_has_its_donor_s_levels_and_label_and_the_others_stay(seed: int, bands: int) -> None:
    images, masks = scenes(bands=bands)
    before = images.clone(), masks.clone()
    found, found_masks = mixed(images, masks, 1.0, seed)
    assert torch.equal(images, before[0])
    assert torch.equal(masks, before[1])
    size = masks[0].numel()
    donor = found[:, 0].long() // size  # the patch that each pixel comes from
    place = found[:, 0].long() % size
    assert torch.equal(place, torch.arange(size).view(48, 64).expand_as(place))  # pieces keep their place
    assert torch.equal(found_masks, masks.flatten(1)[donor, place])
    assert (found == found[:, :1]).all()  # all bands move together
    pasted = donor != torch.arange(8)[:, None, None]
    assert pasted.any()
    for row in range(8):
        if pasted[row].any():
            assert len(donor[row][pasted[row]].unique()) == 1
            (label,) = found_masks[row][pasted[row]].unique().tolist()  # one class a patch
            assert label != IGNORE
            rows, cols = pasted[row].nonzero().unbind(dim=1)
            assert rows.max() - rows.min() <= 0.75 * 48
            assert cols.max() - cols.min() <= 0.75 * 64


def test_the_share_of_patches_that_get_pieces() -> None:
    images, masks = scenes(n=600, height=16, width=16)
    masks[masks == IGNORE] = 0
    found, _ = mixed(images, masks, 0.3, 1)
    assert (found != images).flatten(1).any(dim=1).float().mean().item() == pytest.approx(0.3, abs=0.05)
    same, same_masks = mixed(images, masks, 0.0, 1)
    assert same is images
    assert same_masks is masks


def test_classes_are_drawn_inversely_to_their_pixels() -> None:
    # Of 1000 pixels a donor has 800 of 0, 150 of 1, 49 of 5 and one of 7, which counts as ten (1 %):
    # weights 1/800, 1/150, 1/49 and 1/10 of 0.128 together.
    masks = torch.tensor([0] * 800 + [1] * 150 + [5] * 49 + [7], dtype=torch.uint8).view(1, 40, 25)
    chance = (torch.arange(4000) + 0.5) / 4000
    drawn = _drawn_class(masks, torch.zeros(4000, dtype=torch.int64), chance)
    weights = {0: 1 / 800, 1: 1 / 150, 5: 1 / 49, 7: 1 / 10}
    total = sum(weights.values())
    for label, weight in weights.items():
        assert (drawn == label).float().mean().item() == pytest.approx(weight / total, abs=1e-3)
    nothing = _drawn_class(
        torch.full((1, 4, 4), IGNORE, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), chance[:1]
    )
    assert nothing.item() == 256


def test_it_leaves_flips_and_warps_as_they_were() -> None:
    images, masks = scenes()
    plain = Augmentation(section(hflip=True, rotate_deg=20))(images, masks, 4)
    found = Augmentation(section(hflip=True, rotate_deg=20, mix_classes=0.4))(images, masks, 4)
    kept = (found[1] == plain[1]).flatten(1).all(dim=1)
    assert kept.any()
    assert not kept.all()
    assert torch.equal(found[0][kept], plain[0][kept])


def test_levels_of_a_deep_donor_are_not_cut_to_the_range_of_the_patch() -> None:
    images = torch.stack([torch.full((3, 32, 32), 50.0), torch.full((3, 32, 32), 900.0)])
    masks = torch.tensor([0, 1], dtype=torch.uint8)[:, None, None].repeat(1, 32, 32)
    found, labels = Augmentation(section(mix_classes=1, contrast=1e-6))(images, masks, 0)
    pasted = labels[0] == 1
    assert pasted.any()
    levels = found[0][:, pasted]
    torch.testing.assert_close(levels, torch.full_like(levels, 900.0), atol=0.1, rtol=0)


def test_everything_together_depends_on_the_seed_alone() -> None:
    images, masks = scenes()
    augment = Augmentation(everything(mix_classes=0.5, robust=0.5, saturation=0.3))
    one, two = augment(images, masks, 9), augment(images, masks, 9)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
