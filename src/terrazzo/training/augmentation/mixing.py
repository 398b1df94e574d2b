"""`augment.mix_classes`: pieces of rare classes pasted from one patch into another, image and labels together.

Copy-paste of regions, as in CutMix (Yun et al. 2019) and ClassMix (Olsson et al. 2021), with one class a patch.
Eight 256 x 256 RGB patches take 7 ms of one CPU thread.
"""

import torch
from torch import Tensor

from terrazzo.classes.schema import IGNORE
from terrazzo.training.augmentation.draws import numbers_of, partners

RAREST = 0.01
"""Classes below this share of the batch are drawn as if they had it: a few stray pixels do not crowd out the others."""
SMALLEST, LARGEST = 0.25, 0.75
"""The sides of the box, as shares of the patch."""


def mixed(images: Tensor, masks: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Images (B, C, H, W) and masks (B, H, W) uint8, a `share` of them with pieces of another patch pasted in.

    A pasted pixel has its donor's levels and label and stays at its place; the others are unchanged. A class of the
    donor is drawn, inversely to its pixels in the batch, then one of its pixels. What the donor has of the class in a
    random box about that pixel is pasted. Ignored pixels never are. Batches of one patch are returned as they are.
    """
    n, numbers = len(images), numbers_of("mix", seed)
    rows = (torch.rand(n, generator=numbers) < share).nonzero()[:, 0]
    if n < 2 or not len(rows):
        return images, masks
    donors = partners(n, rows, numbers)
    chance = torch.rand((4, len(rows)), generator=numbers)
    at, donors = torch.stack((rows, donors)).to(images.device, non_blocking=True)
    chance = chance.to(images.device, non_blocking=True)
    ids = masks[donors]
    pasted = (ids == _drawn_class(masks, donors, chance[0])[:, None, None]) & (ids != IGNORE)
    pasted &= _box(pasted, chance[1], chance[2:])
    images = images.index_copy(0, at, torch.where(pasted[:, None], images[donors], images[at]))
    return images, masks.index_copy(0, at, torch.where(pasted, ids, masks[at]))


def _drawn_class(masks: Tensor, donors: Tensor, chance: Tensor) -> Tensor:
    """A class of each donor, (b,), drawn inversely to its pixels in the batch; 256 where it has none."""
    counts = torch.zeros((len(masks), 256), device=masks.device)
    labels = masks.flatten(1).long()
    counts.scatter_add_(1, labels, torch.ones_like(labels, dtype=torch.float32))
    counts[:, IGNORE] = 0
    pixels = counts.sum(dim=0)
    weights = (counts[donors] > 0) / pixels.clamp(min=1).maximum(RAREST * pixels.sum())
    sums = weights.cumsum(dim=1)
    return torch.searchsorted(sums, (chance * sums[:, -1])[:, None], right=True)[:, 0]


def _box(candidates: Tensor, which: Tensor, sides: Tensor) -> Tensor:
    """Boxes (b, H, W), bool, each about one of the patch's candidates (b, H, W): that of rank `which`, 0..1."""
    height, width = candidates.shape[-2:]
    sums = candidates.flatten(1).cumsum(dim=1, dtype=torch.int32)
    rank = (which * sums[:, -1]).to(torch.int32) + 1
    centre = torch.searchsorted(sums, rank[:, None])
    reach = (SMALLEST + (LARGEST - SMALLEST) * sides) / 2
    row = torch.arange(height, device=candidates.device) - centre // width
    col = torch.arange(width, device=candidates.device) - centre % width
    inside_rows = row.abs() <= (reach[0] * height)[:, None]
    inside_cols = col.abs() <= (reach[1] * width)[:, None]
    return inside_rows[:, :, None] & inside_cols[:, None, :]
