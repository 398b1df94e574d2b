"""Blended probabilities as whole numbers: sums that do not depend on the order of their terms.

A window's probabilities times its weights (`blend.Axis.weights`, which sum to 1 over the windows of a pixel) are
rounded to multiples of 2**-20. A valid pixel's sums over the classes so come to 2**20 but for a few units, and an
invalid pixel's are 0: that is how the two are told apart.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from terrazzo.schema import IGNORE

UNIT = 1 << 20
NODATA = IGNORE
PERCENT = 100

CLASSES, CONFIDENCE, PROBABILITIES = "classes", "confidence", "probabilities"
Layers = Mapping[str, NDArray[np.uint8]]
"""What can be mapped, each (bands, h, w): class ids; the winner's share and every class's share in percent."""


def weighted(probs: NDArray[np.float32], rows: NDArray[np.float32], cols: NDArray[np.float32]) -> NDArray[np.int32]:
    """Probs (K, h, w) times the weights of their rows (h,) and columns (w,), in units of 2**-20."""
    scaled = probs * np.outer(rows, cols)
    scaled *= UNIT
    terms: NDArray[np.int32] = np.rint(scaled, out=scaled).astype(np.int32)
    return terms


def finish(sums: NDArray[np.int32], wanted: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """The layers of finished sums (K, h, w), 255 where all are 0; the lowest id of equals; shares rounded half up."""
    total = sums.sum(axis=0, dtype=np.int64)
    invalid = total == 0
    total[invalid] = 1
    layers: dict[str, NDArray[np.uint8]] = {}
    if CLASSES in wanted:
        layers[CLASSES] = sums.argmax(axis=0).astype(np.uint8)[None]
    if CONFIDENCE in wanted:
        layers[CONFIDENCE] = _percent(sums.max(axis=0), total)[None]
    if PROBABILITIES in wanted:
        layers[PROBABILITIES] = np.stack([_percent(share, total) for share in sums])
    for layer in layers.values():
        layer[:, invalid] = NODATA
    return layers


def _percent(share: NDArray[np.int32], total: NDArray[np.int64]) -> NDArray[np.uint8]:
    return ((2 * PERCENT * share.astype(np.int64) + total) // (2 * total)).astype(np.uint8)
