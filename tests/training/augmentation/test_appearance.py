"""Tint, tone curve, and the looks of another patch: worked by hand, and against a transform of all frequencies."""

import math

import pytest
import torch

from terrazzo.training.augmentation.appearance import curved, tinted, with_histogram_of, with_spectrum_of
from tests.worlds.augmented import a_batch

LUMA = torch.tensor([0.299, 0.587, 0.114])


def test_gains_multiply_each_band() -> None:
    images = a_batch(n=2, bands=4)[0].float()
    gains = torch.tensor([[0.9, 1, 1.1, 1.2], [1, 1, 1, 1]])
    torch.testing.assert_close(tinted(images, gains, torch.zeros(2), None), images * gains[:, :, None, None])
    torch.testing.assert_close(
        tinted(images, gains, torch.zeros(2), (3, 1, 0)), images * gains[:, :, None, None], atol=0.01, rtol=0
    )


def test_a_turn_of_hue_keeps_luminance_and_greys_and_a_full_one_everything() -> None:
    images = a_batch(n=2)[0].float()
    ones, angles = torch.ones(2, 3), torch.tensor([0.4, -0.7])
    turned = tinted(images, ones, angles, (0, 1, 2))
    assert (turned - images).abs().mean() > 5
    luma = (torch.einsum("bchw,c->bhw", it, LUMA) for it in (turned, images))
    torch.testing.assert_close(*luma, atol=0.01, rtol=0)
    grey = images[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(tinted(grey, ones, angles, (0, 1, 2)), grey, atol=0.5, rtol=0)
    whole = tinted(images, ones, torch.full((2,), 2 * math.pi), (0, 1, 2))
    torch.testing.assert_close(whole, images, atol=0.01, rtol=0)


def test_gamma_by_hand() -> None:
    # 255 * 0.5^2 = 63.75, 0 and 255 stay, and what lies beyond stays as far beyond.
    images = torch.tensor([0, 127.5, 255, -20, 300]).view(1, 1, 1, 5)
    assert curved(images, torch.tensor([2.0])).flatten().tolist() == [0, 63.75, 255, -20, 300]
    assert curved(images, torch.tensor([1.0])).flatten().tolist() == images.flatten().tolist()


def test_at_full_share_the_quantiles_are_those_of_the_other_patch() -> None:
    own, theirs = a_batch(n=4)[0].float().split(2)
    theirs = 40 + theirs**2 / 500
    found = with_histogram_of(own, theirs, torch.ones(2))
    ranks = torch.linspace(0, 1, 21)
    expected = torch.quantile(theirs.flatten(2), ranks, dim=2)
    torch.testing.assert_close(torch.quantile(found.flatten(2), ranks, dim=2), expected, atol=2.0, rtol=0)
    # Ranks are kept: what was brighter is no darker.
    order = own[0, 0].flatten().argsort()
    assert (found[0, 0].flatten()[order].diff() >= -1e-3).all()


def test_levels_go_by_the_share_of_the_way() -> None:
    own, theirs = a_batch(n=4)[0].float().split(2)
    whole = with_histogram_of(own, theirs, torch.ones(2))
    found = with_histogram_of(own, theirs, torch.tensor([0.0, 0.25]))
    torch.testing.assert_close(found[0], own[0])
    torch.testing.assert_close(found[1], own[1] + 0.25 * (whole[1] - own[1]), atol=1e-3, rtol=0)


def test_a_flat_patch_takes_the_median_and_gives_no_nan() -> None:
    flat, theirs = torch.full((1, 2, 32, 40), 7.0), a_batch(n=1, bands=2, height=32, width=40)[0].float()
    found = with_histogram_of(flat, theirs, torch.ones(1))
    torch.testing.assert_close(found.amax(dim=(2, 3)), theirs.flatten(2).median(dim=2).values, atol=2.0, rtol=0)
    assert torch.equal(found.amax(dim=(2, 3)), found.amin(dim=(2, 3)))
    assert torch.equal(with_histogram_of(theirs, flat, torch.ones(1)), flat.expand_as(theirs))


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_low_frequencies_have_the_other_s_amplitude_as_a_transform_of_all_says(share: float) -> None:
    """Against the transform of the paper: amplitudes within a square about zero swapped, phases kept."""
    own, theirs = a_batch(n=4)[0].float().split(2)
    reach = torch.tensor([0.0, 3.0])
    found = with_spectrum_of(own, theirs, reach, torch.full((2,), share))
    ours, others = torch.fft.fft2(own), torch.fft.fft2(theirs)
    down, across = (torch.fft.fftfreq(side) * side for side in own.shape[-2:])
    for number in range(2):
        low = (down.abs()[:, None] <= reach[number]) & (across.abs() <= reach[number])
        assert low.sum() == (1, 49)[number]
        amplitude = torch.lerp(ours[number].abs(), others[number].abs(), share)
        swapped = torch.where(low, torch.polar(amplitude, ours[number].angle()), ours[number])
        torch.testing.assert_close(found[number], torch.fft.ifft2(swapped).real, atol=0.01, rtol=0)


def test_a_black_patch_takes_a_spectrum_without_nan() -> None:
    black, theirs = torch.zeros(1, 3, 64, 96), a_batch(n=1)[0].float()
    found = with_spectrum_of(black, theirs, torch.tensor([2.0]), torch.ones(1))
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.mean(dim=(2, 3)), theirs.mean(dim=(2, 3)), atol=0.01, rtol=0)
