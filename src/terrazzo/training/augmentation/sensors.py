"""What other optics and sensors do to a patch: blur, coarser pixels, noise. Batches on any device."""

import torch
import torch.nn.functional as F
from torch import Tensor


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Images (B, C, H, W) under a Gaussian of `sigma` (B,) pixels, on the CPU, cut off at 3 sigma of the widest.

    Edges are continued. A sigma of 0 changes nothing.
    """
    b, c, height, width = images.shape
    reach = max(1, int(torch.ceil(3 * sigma.max())))
    place = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = (-0.5 * (place / sigma.clamp(min=1e-3)[:, None]) ** 2).exp()
    weights = (weights / weights.sum(dim=1, keepdim=True)).to(images.device, non_blocking=True)
    kernels = weights.repeat_interleave(c, dim=0)[:, None, :, None]
    planes = F.pad(images.reshape(1, b * c, height, width), (reach,) * 4, mode="replicate")
    planes = F.conv2d(planes, kernels, groups=b * c)
    return F.conv2d(planes, kernels.transpose(2, 3), groups=b * c).view(b, c, height, width)


def coarser(images: Tensor, factors: list[float]) -> Tensor:
    """Images (B, C, H, W) with pixels `factors` times as large, at the same size: area means, then bilinear."""
    size = images.shape[-2:]
    changed = torch.empty_like(images)
    for image, out, factor in zip(images, changed, factors, strict=True):
        small = [max(1, round(side / factor)) for side in size]
        means = F.interpolate(image[None], small, mode="area")
        out.copy_(F.interpolate(means, size, mode="bilinear", align_corners=False)[0])
    return changed


def noisy(images: Tensor, sigma: Tensor, normal: Tensor) -> Tensor:
    """Images (B, C, H, W) plus `normal` noise of their shape, of `sigma` (B,) grey levels where the image is white.

    Half of it remains in black: the variance rises from a quarter to all of it with the level, as that of a sensor
    does, whose electrons count and whose circuits hum. `sigma` and `normal` are on the CPU.
    """
    spread = (images * (0.75 / 255) + 0.25).clamp_(0.25, 1).sqrt_()
    normal = (normal * sigma[:, None, None, None]).to(images.device, non_blocking=True)
    return torch.addcmul(images, spread, normal)
