"""Which patches a picture shows, so that every class is among them."""

import numpy as np
from numpy.typing import NDArray

from terrazzo.classes.confusion import class_counts, confusion_matrices
from terrazzo.patches.folder import Patches

_AT_A_TIME = 64


def choose(class_pixels: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Up to `n` of N patches, ascending, chosen by their pixels of each class (N, K); the same on every call.

    Law: if `n` is at least the number of classes that occur, one chosen patch of each class has at least half as many
    of its pixels as the fullest patch. With a smaller `n`, rare classes go first. The rest is random. Patches whose
    pixels are all ignored come last.
    """
    order = np.random.default_rng(seed).permutation(len(class_pixels))
    seen_well = (class_pixels > 0) & (2 * class_pixels >= class_pixels.max(axis=0))
    in_patches = (class_pixels > 0).sum(axis=0)
    chosen: list[int] = []
    for number in np.argsort(in_patches, kind="stable"):
        if in_patches[number] and len(chosen) < n and not seen_well[chosen, number].any():
            chosen.append(int(next(patch for patch in order if seen_well[patch, number])))
    is_empty = class_pixels.sum(axis=1) == 0
    others = [int(patch) for patch in order[np.argsort(is_empty[order], kind="stable")] if patch not in chosen]
    return np.sort(np.array((chosen + others)[:n], np.int64))


def class_pixels_of(patches: Patches, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels (N, K) of each class in each patch."""
    n_classes = patches.schema.n_classes
    pixels = np.zeros((len(rows), n_classes), np.int64)
    for start in range(0, len(rows), _AT_A_TIME):
        masks = patches.masks[rows[start : start + _AT_A_TIME]]
        pixels[start : start + len(masks)] = class_counts(confusion_matrices(masks, masks, n_classes))[:, 1]
    return pixels
