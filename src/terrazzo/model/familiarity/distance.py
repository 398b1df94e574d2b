"""The feature distance of images from a model's training patches.

A Mahalanobis distance in features of the encoder, as Lee et al. 2018 use it to find images that a network was not
trained on (arXiv 1807.03888). Where we differ: one Gaussian for all patches instead of one a class. Its covariance has
few directions, and one variance for all others (probabilistic principal components, Tipping and Bishop 1999). So a few
hundred patches are enough, and a model file grows by about 0.1 MB.

Measured on Dubai: U-Net with EfficientNet-Lite0, one epoch on tiles 1, 2, 7 and 8, patches of 256 px. Of 76 choices of
training, validation and held-out tiles, one or two tiles validated. No training tile was beyond the limit. Of the
held-out tiles 17 % were, above all tile 5, which is half water. Of 24 foreign kinds of image 75 % were.

Medians of foreign kinds are multiples of what was reached; 1.2 is the limit. Synthetic world 1.6, half the resolution
1.7, gains of 15 % in red and blue 1.7. Aerial and satellite images of elsewhere 1.5 to 2.7, hillshade 2.7. Not found:
negatives 0.95, red and blue exchanged 0.85, half the brightness 1.0, grey images 1.05.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terrazzo.model.familiarity.features import features
from terrazzo.pixels.bands.depth import Pixels

if TYPE_CHECKING:
    from terrazzo.model.bundle import Bundle

PREFIX = "familiarity."
"""What the names of the tensors in a model file begin with; no weight of a network does."""
LEAST_PATCHES = 16
"""Fewer training patches say nothing about the spread of features."""
DIRECTIONS, PATCHES_A_DIRECTION = 32, 8
"""The most principal directions of a level, and the training patches that each of them takes."""
_LEAST_DEVIATION = 0.1  # of the mean deviation: channels that are dead in training would decide alone
_LEAST_VARIANCE = 0.01  # of a standardized feature

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """The Gaussian of the features of one level, float32."""

    mean: Tensor
    """(D,)"""
    deviation: Tensor
    """(D,) by which features are divided after the mean is subtracted."""
    basis: Tensor
    """(k, D) principal directions of the standardized features."""
    variance: Tensor
    """(k,) along them."""
    rest: Tensor
    """(1,) the mean variance along all other directions."""

    def squared(self, found: Tensor) -> Array:
        """(B,) squared distances of features (B, D), divided by the number of directions.

        Law: the mean of the principal directions' share and that of all others, so that the many others count no more.
        """
        mean, deviation, basis, variance, rest = (_exact(tensor) for tensor in self.tensors.values())
        standardized = (_exact(found) - mean) / deviation
        along = standardized @ basis.T
        inside: Array = (along**2 / variance).mean(axis=1)
        others = standardized.shape[1] - len(basis)
        if others == 0:
            return inside
        outside = np.maximum((standardized**2).sum(axis=1) - (along**2).sum(axis=1), 0) / (rest * others)
        return np.asarray((inside + outside) / 2)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return {name: getattr(self, name) for name in ("mean", "deviation", "basis", "variance", "rest")}


@dataclass(frozen=True)
class Measure:
    """What the distance of an image is computed from: a Gaussian for each level that is looked at, by its number."""

    levels: dict[int, Level]

    def distances(self, found: Mapping[int, Tensor]) -> NDArray[np.float32]:
        """(B,) distances of the features (B, D) of each level: the root of the levels' mean square."""
        squared = [level.squared(found[at]) for at, level in self.levels.items()]
        return np.asarray(np.sqrt(np.mean(squared, axis=0)), np.float32)

    @property
    def dimension(self) -> int:
        """Features of a window, all levels together."""
        return sum(len(level.mean) for level in self.levels.values())

    def tensors(self) -> dict[str, Tensor]:
        """The tensors as they stand in a model file: `familiarity.0.mean`."""
        return {
            f"{PREFIX}{at}.{name}": tensor
            for at, level in self.levels.items()
            for name, tensor in level.tensors.items()
        }


def fit(found: Mapping[int, Tensor]) -> Measure:
    """The measure of training patches, from the features (N, D) of each level; N at least `LEAST_PATCHES`.

    Law: over these patches, the mean of the squared distance is 1, unless features hardly vary.
    """
    return Measure({at: _fit_level(_exact(one)) for at, one in found.items()})


def split_tensors(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Measure | None]:
    """The weights among the tensors of a model file, and the measure; None in files without one."""
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    numbers = sorted({int(name.split(".")[1]) for name in tensors if name.startswith(PREFIX)})
    names = ("mean", "deviation", "basis", "variance", "rest")
    levels = {at: Level(*(tensors[f"{PREFIX}{at}.{name}"] for name in names)) for at in numbers}
    return weights, Measure(levels) if levels else None


def distances(bundle: "Bundle", pixels: Pixels) -> NDArray[np.float32] | None:
    """(B,) feature distances of windows (B, C, H, W) as `Bundle.classify` takes them; None if the model has no measure.

    Windows of the model's patch size compare with its limit, `header.familiarity.threshold`.
    """
    if bundle.measure is None:
        return None
    at_once = max(1, bundle.batch_pixels // (pixels.shape[-2] * pixels.shape[-1]))
    parts = (pixels[start : start + at_once] for start in range(0, len(pixels), at_once))
    found = (features(bundle.network, torch.from_numpy(np.ascontiguousarray(part))) for part in parts)
    return np.concatenate([bundle.measure.distances(one) for one in found])


def _fit_level(found: Array) -> Level:
    n_patches, dimension = found.shape
    deviation = found.std(axis=0)
    deviation = np.maximum(deviation, max(_LEAST_DEVIATION * deviation.mean(), np.finfo(np.float32).eps))
    standardized = (found - found.mean(axis=0)) / deviation
    _, singular, directions = np.linalg.svd(standardized, full_matrices=False)
    variances = singular**2 / n_patches
    n_kept = min(DIRECTIONS, n_patches // PATCHES_A_DIRECTION, dimension)
    rest = variances[n_kept:].sum() / max(1, dimension - n_kept)
    rest = max(float(rest), _LEAST_VARIANCE)
    kept = np.maximum(variances[:n_kept], _LEAST_VARIANCE)
    parts = (found.mean(axis=0), deviation, directions[:n_kept], kept, np.array([rest]))
    return Level(*(torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in parts))


def _exact(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)
