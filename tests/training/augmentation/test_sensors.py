"""Blur, coarser pixels and noise, worked by hand."""

import pytest
import torch
import torch.nn.functional as F

from terrazzo.training.augmentation.sensors import blurred, coarser, noisy


def test_a_point_is_blurred_into_a_gaussian_of_its_own_sigma() -> None:
    points = torch.zeros(3, 2, 41, 51)
    points[:, :, 20, 25] = 100
    found = blurred(points, torch.tensor([0.0, 1.0, 2.0]))
    torch.testing.assert_close(found[0], points[0])
    torch.testing.assert_close(found.sum(dim=(2, 3)), torch.full((3, 2), 100.0))
    cols = torch.arange(51) - 25.0
    for number, sigma in ((1, 1.0), (2, 2.0)):
        variance = (found[number, 0].sum(dim=0) * cols**2).sum() / 100
        assert variance.item() == pytest.approx(sigma**2, rel=0.05)
        assert (found[number, 0, 20, 26] / found[number, 0, 20, 25]).item() == pytest.approx(
            torch.tensor(-0.5 / sigma**2).exp().item(), rel=1e-3
        )


def test_blur_keeps_a_flat_patch_up_to_its_edges() -> None:
    flat = torch.full((1, 4, 16, 24), 77.0)
    torch.testing.assert_close(blurred(flat, torch.tensor([2.0])), flat)


def test_coarser_pixels_are_area_means_drawn_up_again() -> None:
    images = torch.rand(3, 2, 40, 64, generator=torch.Generator().manual_seed(0)) * 255
    found = coarser(images, [1.0, 2.0, 4.0])
    torch.testing.assert_close(found[0], images[0])
    for number, factor in ((1, 2), (2, 4)):
        means = F.avg_pool2d(images[number : number + 1], factor)
        expected = F.interpolate(means, (40, 64), mode="bilinear", align_corners=False)
        torch.testing.assert_close(found[number : number + 1], expected)


def test_noise_in_black_is_half_of_that_in_white() -> None:
    # Variance: a quarter at 0, all of it at 255.
    images = torch.stack([torch.zeros(1, 100, 100), torch.full((1, 100, 100), 255.0)])
    normal = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    found = noisy(images, torch.tensor([10.0, 10.0]), normal) - images
    torch.testing.assert_close(found[0], 5 * normal[0])
    torch.testing.assert_close(found[1], 10 * normal[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(noisy(images, torch.zeros(2), normal), images)
