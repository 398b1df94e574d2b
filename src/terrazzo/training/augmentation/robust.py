"""`augment.robust`: patches as other cameras, in other light and seasons, would have taken them.

Eight kinds of change, in bands of light alone and after geometry, each on a drawn share of the patches. One strength
scales how many patches change and how far. Masks have no part in it.

Eight 256 x 256 RGB patches take 25 ms of one CPU thread at strength 1. The geometry and colours of `best` take 30 ms,
and a training step 0.8 s on two threads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from terrazzo.pixels.bands.light import Light
from terrazzo.training.augmentation import appearance, sensors
from terrazzo.training.augmentation.draws import numbers_of, partners
from terrazzo.training.augmentation.jpeg import compressed, quality_of
from terrazzo.training.augmentation.levels import Levels

TOUCHED = 0.7
"""The share of patches that may change at strength 1, in proportion below; the others stay as they are."""


@dataclass(frozen=True)
class Chosen:
    """The patches that a kind changes, and where its numbers come from."""

    batch: Tensor
    """(B, C, H, W): all patches, their bands of light."""
    rows: Tensor
    """(b,): which of them, on the CPU."""
    rgb: tuple[int, int, int] | None
    """The places of red, green and blue among the bands."""
    strength: float
    numbers: torch.Generator

    @property
    def images(self) -> Tensor:
        """The patches (b, C, H, W)."""
        return self._at(self.rows)

    def others(self) -> Tensor:
        """For each patch another one of the batch, (b, C, H, W)."""
        return self._at(partners(len(self.batch), self.rows, self.numbers))

    def between(self, low: float, high: float) -> Tensor:
        """A number for each patch, (b,), evenly drawn."""
        return low + (high - low) * torch.rand(len(self.rows), generator=self.numbers)

    def _at(self, rows: Tensor) -> Tensor:
        return self.batch.index_select(0, rows.to(self.batch.device, non_blocking=True))


def _tint(it: Chosen) -> Tensor:
    hue = it.between(-0.25, 0.25) * it.strength
    spread = torch.rand((len(it.rows), it.batch.shape[1]), generator=it.numbers) * 2 - 1
    return appearance.tinted(it.images, (0.12 * it.strength * spread).exp(), hue, it.rgb)


def _gamma(it: Chosen) -> Tensor:
    return appearance.curved(it.images, (it.between(-0.5, 0.5) * it.strength).exp())


def _histogram(it: Chosen) -> Tensor:
    return appearance.with_histogram_of(it.images, it.others(), it.between(0, 0.5 * it.strength))


def _spectrum(it: Chosen) -> Tensor:
    others, side = it.others(), min(it.batch.shape[-2:])
    reach = (it.between(0, 0.01) * it.strength * side).round()
    return appearance.with_spectrum_of(it.images, others, reach, it.between(0, 0.6 * it.strength))


def _blur(it: Chosen) -> Tensor:
    return sensors.blurred(it.images, it.between(0, 2) * it.strength)


def _resolution(it: Chosen) -> Tensor:
    return sensors.coarser(it.images, ((1 + 3 * it.strength) ** it.between(0, 1)).tolist())


def _noise(it: Chosen) -> Tensor:
    sigma, images = it.between(0, 15) * it.strength, it.images
    return sensors.noisy(images, sigma, torch.randn(images.shape, generator=it.numbers))


def _jpeg(it: Chosen) -> Tensor:
    steps = it.between(0.2, 0.2 + 4.8 * it.strength)
    return compressed(it.images, quality_of(steps), it.rgb)


@dataclass(frozen=True)
class Kind:
    """A kind of change: the share of the touched patches that it meets, and what it makes of them."""

    share: float
    change: Callable[[Chosen], Tensor]
    of_pairs: bool = False
    """It takes something from another patch, so it needs a batch of two."""


KINDS = {
    "tint": Kind(0.5, _tint),
    "gamma": Kind(0.4, _gamma),
    "histogram": Kind(0.2, _histogram, of_pairs=True),
    "spectrum": Kind(0.2, _spectrum, of_pairs=True),
    "blur": Kind(0.2, _blur),
    "resolution": Kind(0.4, _resolution),
    "noise": Kind(0.3, _noise),
    "jpeg": Kind(0.5, _jpeg),
}
"""In the order in which they come about: the scene, its light, optics, sensor, file."""


def as_elsewhere(images: Tensor, strength: float, seed: int, light: Light, levels: Levels) -> Tensor:
    """Images (B, C, H, W) float32, changed in place, as other cameras would have taken them.

    `strength` is 0..1. Levels stay in the range that `levels` allows. Bands that are no light stay as they are.
    """
    if not light.places:
        return images
    if light.everywhere:
        _change(images, strength, seed, light.rgb, levels)
        return images
    places = list(light.places)
    rgb = None if light.rgb is None else tuple(places.index(place) for place in light.rgb)
    seen = images[:, places]
    _change(seen, strength, seed, rgb, levels.at(slice(None), places))
    images[:, places] = seen
    return images


def _change(batch: Tensor, strength: float, seed: int, rgb: tuple[int, ...] | None, levels: Levels) -> None:
    """Each kind in its turn, in place."""
    n = len(batch)
    colours = None if rgb is None else (rgb[0], rgb[1], rgb[2])
    touched = torch.rand(n, generator=numbers_of("touched", seed)) < TOUCHED * strength
    for name, kind in KINDS.items():
        numbers = numbers_of(name, seed)
        rows = (touched & (torch.rand(n, generator=numbers) < kind.share)).nonzero()[:, 0]
        if not len(rows) or (kind.of_pairs and n < 2):
            continue
        changed = kind.change(Chosen(batch, rows, colours, strength, numbers))
        at = rows.to(batch.device, non_blocking=True)
        batch.index_copy_(0, at, levels.at(at).clamp_(changed))
