"""How often each training patch is drawn in an epoch: a weight for each, by the recipe's `train.sampler`.

Weights have a mean of 1, so an epoch is always as long as the training patches are many.

- uniform: every patch once.
- classes: each class as often, by pixels. A class of N of the T labelled pixels of K classes weighs T / (K N) a pixel,
  which is `class_weight="balanced"` of scikit-learn. A patch weighs what its pixels weigh together.
- groups: each group as often. A group of n of the N patches of G groups weighs N / (G n) a patch.
- sources: each of several data sets as often. One of n of the N patches of S data sets weighs N / (S n) a patch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.schema import IGNORE
from terrazzo.errors import RecipeError
from terrazzo.patches.folder import Patches
from terrazzo.system.reporting import Progress, Reporter, listed, silent

_AT_ONCE = 64  # masks read together
_SHOWN = 8  # weights in the line


@dataclass(frozen=True)
class Weights:
    """How often patches are drawn, and the line that says so."""

    by_patch: NDArray[np.float64]
    """(N,) with mean 1, in the order of the training patches."""
    line: str


def sampling_weights(patches: Patches, sampler: str, reporter: Reporter) -> NDArray[np.float64] | None:
    """The weights (N,) of the training patches by a sampler's name, which are reported; None for uniform.

    Raises RecipeError where there is nothing to weigh.
    """
    if sampler == "uniform":
        return None
    weights = SAMPLERS[sampler](patches, reporter.progress)
    reporter.say(weights.line)
    return weights.by_patch


def _by_classes(patches: Patches, progress: Progress) -> Weights:
    counts = class_pixels(patches, progress)
    if not counts.any():
        raise RecipeError(f"train.sampler = classes: no training patch of {patches.path} has a labelled pixel")
    weights = balanced(counts.sum(axis=0))
    named = [f"{name} {weight:.3g}" for name, weight in zip(patches.schema.names, weights, strict=True) if weight]
    return _weights("classes", "a pixel", counts @ weights, named)


def _by_groups(patches: Patches, progress: Progress) -> Weights:
    images = patches.image_of[patches.rows("train")]
    names, group = np.unique([patches.image_groups[image] for image in images], return_inverse=True)
    weights = balanced(np.bincount(group))
    named = [f"{name} {weight:.3g}" for name, weight in zip(names, weights, strict=True)]
    return _weights("groups", "a patch", weights[group], named)


def _by_sources(patches: Patches, progress: Progress) -> Weights:
    check_sampler(patches, "sources")
    source = patches.image_sources[patches.image_of[patches.rows("train")]]
    weights = balanced(np.bincount(source, minlength=len(patches.source_names)))
    named = [f"{name} {weight:.3g}" for name, weight in zip(patches.source_names, weights, strict=True) if weight]
    return _weights("sources", "a patch", weights[source], named)


def check_sampler(patches: Patches, sampler: str) -> None:
    """Raise RecipeError where the patches to train on are of fewer than two sources, which the sampler weighs."""
    if sampler != "sources":
        return
    there = np.unique(patches.image_sources[patches.image_of[patches.rows("train")]])
    if len(there) < 2:
        raise RecipeError(
            f"train.sampler = sources: all training patches of {patches.path} are of one source; prepare several with "
            "--taxonomy, or choose another sampler"
        )


SAMPLERS: dict[str, Callable[[Patches, Progress], Weights]] = {
    "classes": _by_classes,
    "groups": _by_groups,
    "sources": _by_sources,
}
"""The samplers beside uniform, by name."""


def balanced(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The weight of each kind: `weight * count` is the same for all kinds, and their sum is that of the counts.

    A kind that is not there weighs 0.
    """
    there = counts > 0
    share = counts.sum() / there.sum()
    return np.where(there, share / np.maximum(counts, 1), 0.0)


def class_pixels(patches: Patches, progress: Progress = silent) -> NDArray[np.int64]:
    """(N, K): the pixels of each class in each training patch; ignored pixels count nowhere."""
    rows, n_classes = patches.rows("train"), patches.schema.n_classes
    counts = np.zeros((len(rows), n_classes), np.int64)
    for start in range(0, len(rows), _AT_ONCE):
        masks = patches.masks[rows[start : start + _AT_ONCE]]
        for row, mask in enumerate(masks, start=start):
            counts[row] = np.bincount(mask[mask != IGNORE], minlength=n_classes)[:n_classes]
        progress("counting classes, patches", min(start + _AT_ONCE, len(rows)), len(rows))
    return counts


def drawn(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """(N,) numbers 0 .. N - 1 in random order, drawn by weights (N,) of mean 1.

    Law: each number comes floor(weight) or ceil(weight) times, `weight` times on average. This is systematic sampling
    (Madow 1949) of a shuffled list, which repeats less than independent draws do.
    """
    n = len(weights)
    order = rng.permutation(n)
    until = np.cumsum(weights[order])
    until *= n / until[-1]
    picked = np.searchsorted(until, np.arange(n) + rng.random(), side="right")
    return rng.permutation(order[np.minimum(picked, n - 1)])


def _weights(sampler: str, unit: str, raw: NDArray[np.float64], named: list[str]) -> Weights:
    by_patch = raw / raw.mean()
    return Weights(
        by_patch,
        f"sampler {sampler}: weights {unit}: {listed(named, _SHOWN)}; a patch is drawn "
        f"{by_patch.min():.3g} to {by_patch.max():.3g} times an epoch",
    )
